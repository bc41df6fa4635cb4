"""The memory horizon: over how long a delay a network still learns, told by trying many times.

    trials = grid(TEMPORAL_ORDER, ("rnn", "gru", "lstm"), (10, 20, 30, 40, 60, 100), seeds=4)
    trials = [advance_trial(trial) for trial in trials]      # each call a slice in a worker, until all are `done`
    shares(trials)["rnn", 60]                                # Share(solved=0, failed=4, open=0)
    horizon(trials, "rnn")                                   # 20: up to here at least half of the seeds learned

Nothing but the sequence length and the kind of network differs between the trials of a seed. A horizon is one of a
training budget, not of what a network could ever represent: more steps or another learning rate move it.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from engine.chunks import Ending, step_cost, train_chunk
from engine.experiment import Experiment
from engine.training import TrainingState, initial_state

SLICE_SECONDS = 0.25  # of one call, by `step_cost`; it sets how fine-grained stopping and drawing are

TEMPORAL_ORDER = Experiment(
    task="temporal_order", hidden_size=16, learning_rate=0.01, forget_bias=2.0, length=20, steps=1000
)
"""Two symbols, of which the first comes in the second tenth of the sequence, have to be named at its end."""


@dataclass(frozen=True)
class Trial:
    """One network that tries to learn one task at one length.

    Attributes:
        experiment: its `steps` are the budget.
        state: reached so far.
        ending: how it ended; None as long as it goes on.
        seconds: a worker's time so far.
    """

    experiment: Experiment
    state: TrainingState
    ending: Ending | None = None
    seconds: float = 0.0

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.ending is not None

    @property
    def solved(self) -> bool:
        """Whether it has learned the task within the budget."""
        return self.ending is Ending.SOLVED

    @property
    def step(self) -> int:
        """Training steps made."""
        return self.state.step

    @property
    def score(self) -> float:
        """The task's metric over the last batches, each of them fresh; NaN before the first."""
        return self.state.score


@dataclass(frozen=True)
class Share:
    """How many trials of one kind ended how.

    Attributes:
        solved: learned within the budget.
        failed: did not.
        open: have not ended yet.
    """

    solved: int
    failed: int
    open: int

    @property
    def value(self) -> float:
        """Solved among those that have ended, 0…1; NaN if none has."""
        ended = self.solved + self.failed
        return self.solved / ended if ended else math.nan


def grid(experiment: Experiment, cells: Sequence[str], lengths: Sequence[int], seeds: int) -> list[Trial]:
    """Trials that have not begun: `seeds` of them, from the experiment's own seed on, for each length and cell.

    All cells and lengths of one seed come before the next seed, so that the whole picture appears early.

    Raises:
        ExperimentError: a cell is unknown, or a length does not suit the task.
    """
    return [
        begin(replace(experiment, cell=cell, length=length, seed=experiment.seed + number))
        for number in range(seeds)
        for length in lengths
        for cell in cells
    ]


def begin(experiment: Experiment) -> Trial:
    """A trial before its first step."""
    return Trial(experiment, initial_state(experiment))


def advance_trial(trial: Trial) -> Trial:
    """Train a slice further. Runs in a worker: it loads PyTorch.

    A slice is measured in steps, not in time, so it is the same on any machine and can be shared.
    """
    if trial.done:
        return trial
    start = time.perf_counter()
    experiment = trial.experiment
    chunk = train_chunk(experiment, trial.state, min(steps_per_slice(experiment), experiment.steps - trial.step))
    spent = chunk.state.step >= experiment.steps
    ending = chunk.ending or (Ending.BUDGET if spent else None)
    return Trial(experiment, chunk.state, ending, trial.seconds + time.perf_counter() - start)


def steps_per_slice(experiment: Experiment) -> int:
    """Training steps that one call of `advance_trial` makes, at most."""
    return max(1, int(SLICE_SECONDS / step_cost(experiment)))


def shares(trials: Iterable[Trial]) -> dict[tuple[str, int], Share]:
    """(cell, length) → how its trials ended."""
    kinds: dict[tuple[str, int], list[Trial]] = defaultdict(list)
    for trial in trials:
        kinds[trial.experiment.cell, trial.experiment.length].append(trial)
    return {kind: _share(members) for kind, members in kinds.items()}


def horizon(trials: Iterable[Trial], cell: str, share: float = 0.5) -> int | None:
    """The longest length up to which, at every length tried, at least `share` of the trials of `cell` were solved.

    None if it isn't so at the shortest one, or as long as that is still open.
    """
    reached = None
    for (name, length), result in sorted(shares(trials).items()):
        if name == cell:
            if result.solved < share * (result.solved + result.failed + result.open):
                break
            reached = length
    return reached


def _share(trials: Sequence[Trial]) -> Share:
    solved, ended = sum(trial.solved for trial in trials), sum(trial.done for trial in trials)
    return Share(solved, ended - solved, len(trials) - ended)
