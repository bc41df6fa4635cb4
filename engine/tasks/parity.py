"""Sequential parity: the smallest task that needs a state and a non-linearity (Minsky & Papert 1969)."""

from dataclasses import replace

import numpy as np

from engine.tasks.base import Batch, Chance, Loss, Metric, Picture, Shape, Task, every_step


class Parity(Task):
    """After each bit: has the number of ones so far been odd?"""

    name = "parity"
    title = "Sequential parity"
    description = "After every bit, tell whether the ones so far are odd in number."
    source = "Minsky & Papert (1969), Perceptrons"
    shape = Shape.MANY_TO_MANY
    loss = Loss.BINARY
    metric = Metric("bits right", solved=0.99, is_share=True)
    picture = Picture.STRIP
    inputs = ("bit",)
    outputs = ("odd",)
    order = 3
    default_length = 12

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        bits = generator.integers(0, 2, (length, batch_size, 1))
        odd = bits.cumsum(axis=0) % 2
        return Batch(bits.astype(np.float32), odd.astype(np.float32), every_step(length, batch_size))

    def retarget(self, batch: Batch) -> Batch:
        return replace(batch, targets=((batch.inputs > 0.5).cumsum(axis=0) % 2).astype(np.float32))

    def chance(self, length: int) -> Chance:
        return Chance(loss=float(np.log(2)), metric=1 / 2, says="tossing a coin for each bit")
