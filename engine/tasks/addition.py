"""Binary addition, bit by bit from the lowest: the state has to hold the carry."""

import numpy as np

from engine.tasks.base import Batch, Chance, Loss, Metric, Picture, Shape, Task, every_step


class BinaryAddition(Task):
    """Two binary numbers, lowest bits first; give each bit of the sum as soon as it is known."""

    name = "addition"
    title = "Binary addition"
    description = "Two binary numbers come in bit by bit, lowest first: give each bit of their sum."
    source = "a transducer with two states: carry, no carry"
    shape = Shape.MANY_TO_MANY
    loss = Loss.BINARY
    metric = Metric("bits right", solved=0.99, is_share=True)
    picture = Picture.STRIP
    inputs = ("first", "second")
    outputs = ("sum",)
    order = 4
    default_length = 16

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        bits = generator.integers(0, 2, (length, batch_size, 2))
        totals = bits.sum(axis=-1)
        carry = np.zeros(batch_size, dtype=totals.dtype)
        for total in totals:  # rows are views: each becomes its bit of the sum
            total += carry
            carry = total // 2
            total %= 2
        return Batch(
            bits.astype(np.float32), totals[..., np.newaxis].astype(np.float32), every_step(length, batch_size)
        )

    def chance(self, length: int) -> Chance:
        return Chance(loss=float(np.log(2)), metric=1 / 2, says="tossing a coin for each bit")
