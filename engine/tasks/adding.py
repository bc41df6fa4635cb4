"""The adding problem (Hochreiter & Schmidhuber 1997, section 5.4; in the form of Le, Jaitly & Hinton 2015)."""

from dataclasses import replace

import numpy as np

from engine.tasks.base import Batch, Chance, Curve, Loss, Metric, Picture, Role, Shape, Task, last_step


class Adding(Task):
    """Two of T numbers are marked, one in each half; answer their sum at the end."""

    name = "adding"
    title = "Adding problem"
    description = "Two of the numbers are marked: give their sum at the last step."
    source = "Hochreiter & Schmidhuber (1997), Long short-term memory, section 5.4"
    shape = Shape.MANY_TO_ONE
    loss = Loss.MSE
    metric = Metric("MSE", solved=0.01, is_share=False)
    picture = Picture.CURVES
    inputs = ("number", "mark")
    outputs = ("sum",)
    order = 0
    default_length = 50

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        numbers = generator.random((length, batch_size), dtype=np.float32)
        half = length // 2
        columns = np.arange(batch_size)
        first = generator.integers(0, half, batch_size)
        second = generator.integers(half, length, batch_size)
        marks = np.zeros((length, batch_size), dtype=np.float32)
        marks[first, columns] = 1
        marks[second, columns] = 1
        targets = np.zeros((length, batch_size, 1), dtype=np.float32)
        targets[-1, :, 0] = numbers[first, columns] + numbers[second, columns]
        return Batch(np.stack([numbers, marks], axis=-1), targets, last_step(length, batch_size))

    def display(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        """The largest sum comes first: there an answer can be told from the guess of 1, and both numbers matter."""
        batch = self.sample(generator, length, batch_size)
        order = np.argsort(-batch.targets[-1, :, 0], kind="stable")
        return Batch(batch.inputs[:, order], batch.targets[:, order], batch.target_mask[:, order])

    def retarget(self, batch: Batch) -> Batch:
        numbers, marks = batch.inputs[..., 0], batch.inputs[..., 1]
        sums = (numbers * marks).sum(axis=0)[:, np.newaxis]  # (B, 1)
        return replace(batch, targets=np.where(batch.target_mask[..., np.newaxis], sums, 0).astype(np.float32))

    def chance(self, length: int) -> Chance:
        variance = 2 / 12  # of the sum of two independent numbers, each uniform in 0…1
        return Chance(loss=variance, metric=variance, says="always answering 1")

    def curves(self, batch: Batch, outputs: np.ndarray, sequence: int) -> list[Curve]:
        numbers, marks = batch.inputs[:, sequence, 0], batch.inputs[:, sequence, 1] > 0
        steps = np.arange(1, batch.length + 1)
        end = steps[-1:]
        return [
            Curve("numbers", Role.INPUT, steps, numbers),
            Curve("marked", Role.MARK, steps[marks], numbers[marks]),
            Curve("target", Role.TARGET, end, batch.targets[-1, sequence]),
            Curve("prediction", Role.PREDICTION, end, outputs[-1, sequence]),
        ]
