"""Bracket matching: the Dyck language of one kind of bracket, which needs a counter and a memory of failure."""

import numpy as np

from engine.tasks.base import Batch, Chance, Loss, Metric, Picture, Shape, Task, every_step, one_hot
from engine.tasks.counting import chance_of_breaking_late

OPEN, CLOSE = 0, 1


class Brackets(Task):
    """Is every closing bracket so far matched by an opening one before it?

    A string is balanced for its first 2n steps, n uniform in 0 … ⌊T/2⌋, each balanced string of 2n brackets being
    equally likely; then comes one closing bracket too many, and then brackets by the toss of a coin.
    """

    name = "brackets"
    title = "Bracket matching"
    description = "Brackets open and close: after every one, tell whether none has closed that was not open."
    source = "the Dyck language; balanced strings are drawn as in Arnold & Sleep (1980)"
    shape = Shape.MANY_TO_MANY
    loss = Loss.BINARY
    metric = Metric("answers right", solved=0.999, is_share=True)  # at 0.99 one string in five is still misjudged
    picture = Picture.STRIP
    inputs = ("(", ")")
    outputs = ("matched so far",)
    order = 10
    default_length = 20

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        balanced = 2 * generator.integers(0, length // 2 + 1, batch_size)
        coins = generator.random((length, batch_size))
        brackets = np.empty((length, batch_size), dtype=np.int64)
        depth = np.zeros(batch_size, dtype=np.int64)
        for step, coin in enumerate(coins):
            brackets[step] = np.where(coin < chance_of_closing(depth, balanced - step), CLOSE, OPEN)
            depth += np.where(brackets[step] == OPEN, 1, -1)
        matched = (np.arange(length)[:, np.newaxis] < balanced).astype(np.float32)
        return Batch(one_hot(brackets, 2), matched[..., np.newaxis], every_step(length, batch_size))

    def chance(self, length: int) -> Chance:
        return chance_of_breaking_late(length)


def chance_of_closing(depth: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """How often the next bracket closes, if `depth` brackets are open and the balanced part has `rest` to come.

    In it all ways to the end are equally likely (Arnold & Sleep 1980). Then one bracket closes for sure,
    and after that, where `rest` is negative, a coin is tossed.
    """
    d, r = np.maximum(depth, 0), np.maximum(rest, 1)
    closing: np.ndarray = np.select([rest > 0, rest == 0], [d * (r + d + 2) / (2 * r * (d + 1)), 1.0], 0.5)
    return closing
