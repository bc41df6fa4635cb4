"""A network at lengths it has never seen: the same weights, run for longer.

    found = over_lengths(experiment, state.parameters, [8, 16, 32, 64, 128])
    found.metric           # (n,) the task's own metric at each length
    found.whole            # (n,) sequences right at every step
    counts = counted(experiment, state.parameters, most=100)
    counts.reach           # the task "counting": right for every n up to this one

Nothing is trained here. A sequence of any length is run with weights that have seen one length only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.experiment import Experiment
from engine.network import unroll
from engine.parameters import Parameters
from engine.supply import fresh_batch
from engine.tasks import Batch, Loss, task_of
from engine.tasks.base import one_hot

SEQUENCES = 200
MOST_STEPS = 40_000  # of all sequences of a call together; keeps a call below a second and some 100 MB


@dataclass(frozen=True)
class Generalization:
    """What a network reaches at each length.

    Attributes:
        lengths: (n,) steps T of the sequences.
        metric: (n,) the task's metric, as in training.
        whole: (n,) share of sequences whose every target is met; NaN where targets are numbers (`Loss.MSE`).
        chance: (n,) the metric of the best guess that does not look at the inputs.
    """

    lengths: np.ndarray
    metric: np.ndarray
    whole: np.ndarray
    chance: np.ndarray


@dataclass(frozen=True)
class Counts:
    """How far a network counts.

    Attributes:
        right: (N + 1,) bool, whether it tells for aⁿ followed by b, n = 0 … N, exactly which b is the first too many.
    """

    right: np.ndarray

    @property
    def reach(self) -> int:
        """The largest n up to which every n is right; −1 if already n = 0 is wrong."""
        return int(np.append(self.right, False).argmin()) - 1


def over_lengths(
    experiment: Experiment, parameters: Parameters, lengths: Sequence[int], size: int = SEQUENCES
) -> Generalization:
    """The network of `parameters` on `size` fresh sequences of each length, fewer where they are very long.

    Args:
        lengths: steps; any number from the task's shortest on, beyond what can be trained, too.
    """
    task = task_of(experiment)
    found = [at_length(experiment, parameters, length, size) for length in lengths]
    metric, whole = np.array(found, dtype=np.float64).reshape(-1, 2).T
    chance = np.array([task.chance(length).metric for length in lengths])
    return Generalization(np.array(lengths), metric, whole, chance)


def at_length(
    experiment: Experiment, parameters: Parameters, length: int, size: int = SEQUENCES
) -> tuple[float, float]:
    """The metric, and the share of sequences right at every target, on fresh sequences of `length` steps."""
    batch = fresh_batch(experiment, max(1, min(size, MOST_STEPS // length)), length=length)
    outputs = unroll(experiment, parameters, batch.inputs).outputs
    return task_of(experiment).measure(outputs, batch), whole_share(experiment, outputs, batch)


def whole_share(experiment: Experiment, outputs: np.ndarray, batch: Batch) -> float:
    """Share of sequences for which `outputs` (T, B, O) meet every target that counts; NaN for `Loss.MSE`."""
    match task_of(experiment).loss:
        case Loss.MSE:
            return float("nan")
        case Loss.CATEGORICAL:
            met = outputs.argmax(axis=-1) == batch.targets
        case Loss.BINARY:
            met = ((outputs > 0) == (batch.targets > 0.5)).all(axis=-1)
    return float((met | ~batch.target_mask).all(axis=0).mean())


def counted(experiment: Experiment, parameters: Parameters, most: int = 100) -> Counts:
    """Run a network of the task "counting" on aⁿbⁿb for each n from 0 to `most`.

    Raises:
        ValueError: the network does another task.
    """
    if experiment.task != "counting":
        raise ValueError(f"The task {experiment.task!r} has nothing to count.")
    step = np.arange(1, 2 * most + 2)[:, np.newaxis]
    right = []
    for numbers in np.array_split(np.arange(most + 1), 1 + (most + 1) * len(step) // MOST_STEPS):
        steps = step[: 2 * numbers[-1] + 1]
        outputs = unroll(experiment, parameters, one_hot((steps > numbers).astype(int), 2)).outputs[..., 0]
        right.append((((outputs > 0) == (steps <= 2 * numbers)) | (steps > 2 * numbers + 1)).all(axis=0))
    return Counts(np.concatenate(right))
