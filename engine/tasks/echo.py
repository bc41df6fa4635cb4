"""Echo after a delay: how far back does the memory reach (after Jaeger 2001, short-term memory)?"""

from dataclasses import replace

import numpy as np

from engine.tasks.base import Batch, Chance, Loss, Metric, Picture, Shape, Task


class Echo(Task):
    """Repeat each bit a quarter of the sequence later."""

    name = "echo"
    title = "Echo after a delay"
    description = "Repeat every bit exactly one quarter of the sequence later."
    source = "after Jaeger (2001), Short term memory in echo state networks"
    shape = Shape.MANY_TO_MANY
    loss = Loss.BINARY
    metric = Metric("bits right", solved=0.99, is_share=True)
    picture = Picture.STRIP
    inputs = ("bit",)
    outputs = ("echo",)
    order = 5
    default_length = 20
    min_length = 4

    @staticmethod
    def delay(length: int) -> int:
        """Steps between a bit and its echo."""
        return length // 4

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        delay = self.delay(length)
        bits = generator.integers(0, 2, (length, batch_size, 1)).astype(np.float32)
        targets = np.zeros_like(bits)
        targets[delay:] = bits[: length - delay]
        mask = np.zeros((length, batch_size), dtype=bool)
        mask[delay:] = True
        return Batch(bits, targets, mask)

    def retarget(self, batch: Batch) -> Batch:
        targets, delay = np.zeros_like(batch.targets), self.delay(batch.length)
        targets[delay:] = batch.inputs[: batch.length - delay] > 0.5
        return replace(batch, targets=targets)

    def chance(self, length: int) -> Chance:
        return Chance(loss=float(np.log(2)), metric=1 / 2, says="tossing a coin for each bit")
