"""Temporal order, two relevant symbols (Hochreiter & Schmidhuber 1997, section 5.6, task 6a)."""

import numpy as np

from engine.tasks.base import Batch, Chance, Loss, Metric, Picture, Shape, Task, last_step, one_hot

DISTRACTORS = 4
X, Y = DISTRACTORS, DISTRACTORS + 1
CLASSES = ("X…X", "X…Y", "Y…X", "Y…Y")


class TemporalOrder(Task):
    """X or Y early, X or Y in the middle, distractors elsewhere; name the two in their order."""

    name = "temporal_order"
    title = "Temporal order"
    description = "An X or Y comes early, another near the middle, among distractors: name both in order at the end."
    source = "Hochreiter & Schmidhuber (1997), Long short-term memory, section 5.6, task 6a"
    shape = Shape.MANY_TO_ONE
    loss = Loss.CATEGORICAL
    metric = Metric("orders right", solved=0.99, is_share=True)
    picture = Picture.STRIP
    inputs = ("a", "b", "c", "d", "X", "Y")
    outputs = CLASSES
    order = 2
    default_length = 20
    min_length = 10

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        symbols = generator.integers(0, DISTRACTORS, (length, batch_size))
        columns = np.arange(batch_size)
        relevant = generator.integers(0, 2, (2, batch_size))
        early = generator.integers(length // 10, 2 * length // 10, batch_size)
        middle = generator.integers(5 * length // 10, 6 * length // 10, batch_size)
        symbols[early, columns] = X + relevant[0]
        symbols[middle, columns] = X + relevant[1]
        targets = np.zeros((length, batch_size), dtype=np.int64)
        targets[-1] = 2 * relevant[0] + relevant[1]
        return Batch(one_hot(symbols, DISTRACTORS + 2), targets, last_step(length, batch_size))

    def known_after(self, length: int) -> int:
        return 6 * length // 10

    def chance(self, length: int) -> Chance:
        return Chance(loss=float(np.log(4)), metric=1 / 4, says="guessing one of four orders")
