"""aⁿbⁿ, the smallest language that no finite automaton knows: one has to count (Gers & Schmidhuber 2001)."""

import numpy as np

from engine.tasks.base import Batch, Chance, Loss, Metric, Picture, Shape, Task, every_step, one_hot

A, B = 0, 1


class Counting(Task):
    """Some a, then only b: can what has been read still become, or is it, a word aⁿbⁿ?

    The number n of a is uniform in 0 … ⌊T/2⌋. The answer is yes up to step 2n and no from the first b too many on.
    """

    name = "counting"
    title = "Counting, aⁿbⁿ"
    description = "Some letters a come, then only b: after every letter, tell whether there are no more b than a."
    source = "the language of Gers & Schmidhuber (2001), LSTM recurrent networks learn simple context-free languages"
    shape = Shape.MANY_TO_MANY
    loss = Loss.BINARY
    metric = Metric("answers right", solved=0.999, is_share=True)  # at 0.99 one string in five is still misjudged
    picture = Picture.STRIP
    inputs = ("a", "b")
    outputs = ("no b too many",)
    order = 9
    default_length = 20

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        count = generator.integers(0, length // 2 + 1, batch_size)
        step = np.arange(1, length + 1)[:, np.newaxis]
        letters = np.where(step <= count, A, B)
        fits = (step <= 2 * count).astype(np.float32)
        return Batch(one_hot(letters, 2), fits[..., np.newaxis], every_step(length, batch_size))

    def chance(self, length: int) -> Chance:
        return chance_of_breaking_late(length)


def chance_of_breaking_late(length: int) -> Chance:
    """What guessing reaches where the answer is yes for the first 2n of T steps, n uniform in 0 … ⌊T/2⌋."""
    most = length // 2
    half = np.arange(2, length + 2) // 2  # ⌈t/2⌉: the least n with which the answer at step t is yes
    yes = (most + 1 - half) / (most + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.nan_to_num(yes * np.log(yes)) - (1 - yes) * np.log(1 - yes)
    return Chance(
        loss=float(entropy.mean()),
        metric=float(np.maximum(yes, 1 - yes).mean()),
        says="answering yes in the first half and no in the second, whatever is read",
    )
