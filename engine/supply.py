"""The sequences of an experiment: which batch it learns from at which step, and what it is shown and judged on."""

from __future__ import annotations

from engine.experiment import Experiment
from engine.randomness import Stream, generator
from engine.tasks import Batch, task_of

DISPLAYED = 4  # sequences


def training_batch(experiment: Experiment, number: int) -> Batch:
    """What training step `number` (from 0) learns from; it depends on the seed and the number alone."""
    draw = generator(experiment.seed, Stream.TRAINING, number)
    batch = task_of(experiment).sample(draw, experiment.length, experiment.settings_at(number).batch_size)
    return _as_wanted(experiment, batch)


def displayed_batch(experiment: Experiment) -> Batch:
    """The DISPLAYED sequences to look at. Nothing is learned from them.

    They depend on task, length and seed only, so networks that are compared are seen on the same ones.
    """
    draw = generator(experiment.seed, Stream.DISPLAY)
    return _as_wanted(experiment, task_of(experiment).display(draw, experiment.length, DISPLAYED))


def fresh_batch(experiment: Experiment, size: int, number: int = 0, length: int | None = None) -> Batch:
    """`size` sequences to judge by, never trained on and never displayed; other numbers, other sequences.

    Args:
        length: of the sequences, if it is another than the experiment's own.
    """
    draw = generator(experiment.seed, Stream.JUDGING, number)
    return _as_wanted(experiment, task_of(experiment).sample(draw, length or experiment.length, size))


def _as_wanted(experiment: Experiment, batch: Batch) -> Batch:
    if not experiment.target_steps:
        return batch
    return task_of(experiment).at_last_steps(batch, experiment.target_steps)
