"""How a trained network does on lengths, and counts, that it has never seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.experiment import Experiment
from engine.network import unroll
from engine.parameters import Parameters
from engine.supply import fresh_batch
from engine.tasks import task_of

STEPS = 6000  # judged for each length, in as many sequences as that gives


def metric_by_length(experiment: Experiment, parameters: Parameters, lengths: Sequence[int]) -> np.ndarray:
    """(n,) the task's metric on fresh sequences of each of `lengths`."""
    found = []
    for length in lengths:
        batch = fresh_batch(experiment, max(10, STEPS // length), length=length)
        outputs = unroll(experiment, parameters, batch.inputs).outputs
        found.append(task_of(experiment).measure(outputs, batch))
    return np.array(found)


def counts_right(experiment: Experiment, parameters: Parameters, most: int) -> int:
    """The largest n ≤ `most` up to which a network of the task "counting" judges every step of aⁿbⁿ right."""
    for n in range(1, most + 1):
        letters = np.repeat([0, 1], n)
        outputs = unroll(experiment, parameters, np.eye(2)[letters][:, np.newaxis]).outputs[:, 0, 0]
        if not ((outputs > 0) == (np.arange(2 * n) == 2 * n - 1)).all():
            return n - 1
    return most
