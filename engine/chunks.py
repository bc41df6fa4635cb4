"""A chunk: some training steps and a look inside after them, as one pure function that travels to a worker."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from engine import series as library
from engine.cells import CELLS
from engine.experiment import Experiment
from engine.recording import Recording, held_out_metric, record
from engine.series import Series
from engine.training import Trainer, TrainingLog, TrainingState, one_thread

CHUNK_SECONDS = 0.018  # a chunk's aim; it sets how fine-grained stopping, sharing and drawing are


class Ending(StrEnum):
    """Why a run is over."""

    SOLVED = "solved"
    BUDGET = "budget"
    DIVERGED = "diverged"


@dataclass(frozen=True)
class Chunk:
    """What a worker sends back.

    Attributes:
        state: after the chunk.
        log: one value for each training step made.
        recording: of the network after the chunk.
        score: the metric that tells how good the network is: on held-out data where the task keeps some
            back, else the mean over the last RECENT training batches, each of them fresh. NaN before the first.
        ending: why training can't or need not go on from here, else None.
        seconds: the worker's time for it.
    """

    state: TrainingState
    log: TrainingLog
    recording: Recording
    score: float
    ending: Ending | None
    seconds: float

    @property
    def nbytes(self) -> int:
        """Size of the arrays."""
        return self.state.nbytes + self.recording.nbytes + self.log.loss.nbytes * 3


def train_chunk(experiment: Experiment, state: TrainingState, steps: int, own_series: Series | None = None) -> Chunk:
    """Train `steps` steps on from `state`, fewer if the task gets solved or training diverges, and look inside.

    Args:
        own_series: the uploaded series that `experiment.series` names, if it does: a worker can't know it.
    """
    begin = time.perf_counter()
    if own_series is not None and not library.is_here(own_series.name):
        library.register(own_series)
    trainer = Trainer(experiment, state)
    with one_thread():
        while trainer.steps_made < steps and not trainer.solved and not trainer.diverged:
            trainer.step()
    reached = trainer.state()
    ending = Ending.SOLVED if trainer.solved else Ending.DIVERGED if trainer.diverged else None
    return look(experiment, reached, trainer.log(), ending, begin)


def look(experiment: Experiment, state: TrainingState, log: TrainingLog, ending: Ending | None, begin: float) -> Chunk:
    """The chunk that ends in `state`."""
    held_out = held_out_metric(experiment, state)
    score = state.score if held_out is None else held_out
    recording = record(experiment, state)
    return Chunk(state, log, recording, score, ending, time.perf_counter() - begin)


def first_chunk(experiment: Experiment, state: TrainingState) -> Chunk:
    """The chunk of no step: a look at the untrained network. Needs no PyTorch and no worker."""
    return look(experiment, state, _nothing(), None, time.perf_counter())


def chunk_at(experiment: Experiment, state: TrainingState, score: float) -> Chunk:
    """Another look at a `state` whose score is known."""
    return Chunk(state, _nothing(), record(experiment, state), score, None, 0.0)


def _nothing() -> TrainingLog:
    nothing = np.empty(0, np.float32)
    return TrainingLog(nothing, nothing, nothing, False)


def steps_per_chunk(experiments: tuple[Experiment, ...]) -> int:
    """How many steps make a chunk of about CHUNK_SECONDS of the costliest of `experiments`.

    A multiple of 8 if it can be, so that it can be halved when many wait and chunks of different sizes still
    meet at their ends, where they can be shared.
    """
    steps = int(CHUNK_SECONDS / max(step_cost(experiment) for experiment in experiments))
    return min(512, steps - steps % 8) if steps >= 8 else max(1, steps)


def step_cost(experiment: Experiment) -> float:
    """Roughly the seconds of one training step, from the sizes; fitted to `benchmarks/`."""
    length, width = experiment.length, experiment.hidden_size
    batch = max(experiment.batch_size, *(change.batch_size or 1 for change in experiment.changes), 1)
    per_step = 0.35 + 0.65 * (batch / 32) * (0.7 * width / 32 + 0.3 * (width / 32) ** 2)
    return 1e-3 * CELLS[experiment.cell].step_cost * (0.15 + 0.85 * experiment.layers * length / 50 * per_step)
