"""One seed, many independent streams.

Every random draw of an experiment comes from `generator(seed, stream, *index)`. The index takes the
place of a state that would have to be carried along: batch number 1,180 is drawn without drawing the
1,179 before it, so training can be cut into chunks anywhere and gives the same bytes.
"""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a random draw is for; two streams of one seed never share numbers."""

    PARAMETERS = 0
    TRAINING = 1
    DISPLAY = 2
    JUDGING = 3


def generator(seed: int, stream: Stream, *index: int) -> np.random.Generator:
    """The generator of one draw, e.g. `generator(7, Stream.TRAINING, 1180)` for batch 1,180."""
    return np.random.default_rng([seed, int(stream), *index])
