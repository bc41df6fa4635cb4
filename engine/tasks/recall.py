"""Recall of the first symbol through noise (after Hochreiter & Schmidhuber 1997, section 5.3)."""

import numpy as np

from engine.tasks.base import Batch, Chance, Loss, Metric, Picture, Shape, Task, last_step, one_hot

SYMBOLS = 4
NOISE = 0.2


class Recall(Task):
    """One of four symbols, then only noise; name the symbol at the end."""

    name = "recall"
    title = "Recall the first symbol"
    description = "A symbol comes first, then only noise: name the symbol at the last step."
    source = "after Hochreiter & Schmidhuber (1997), Long short-term memory, section 5.3"
    shape = Shape.MANY_TO_ONE
    loss = Loss.CATEGORICAL
    metric = Metric("symbols right", solved=0.99, is_share=True)
    picture = Picture.STRIP
    inputs = ("A", "B", "C", "D")
    outputs = ("A", "B", "C", "D")
    order = 1
    default_length = 15

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        symbols = generator.integers(0, SYMBOLS, batch_size)
        inputs = NOISE * generator.standard_normal((length, batch_size, SYMBOLS), dtype=np.float32)
        inputs[0] = one_hot(symbols, SYMBOLS)
        targets = np.zeros((length, batch_size), dtype=np.int64)
        targets[-1] = symbols
        return Batch(inputs, targets, last_step(length, batch_size))

    def known_after(self, length: int) -> int:
        return 1

    def chance(self, length: int) -> Chance:
        return Chance(loss=float(np.log(SYMBOLS)), metric=1 / SYMBOLS, says="guessing one of four symbols")
