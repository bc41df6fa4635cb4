"""Pattern completion: told two units of a stored pattern, roughly, all units take the pattern up (Hopfield 1982)."""

import numpy as np

from engine.tasks.attractors import MARGIN, PLACE, x_curves
from engine.tasks.base import Batch, Chance, Curve, Loss, Metric, Picture, Shape, Task, last_step

UNITS = 8
PATTERNS = PLACE * np.array(
    [
        [+1, +1, +1, +1, -1, -1, -1, +1],
        [+1, -1, -1, +1, +1, -1, -1, -1],
        [-1, +1, -1, +1, -1, +1, +1, +1],
        [-1, -1, -1, -1, -1, -1, +1, -1],
    ],
    np.float32,
)
"""(4, UNITS): one for each pair of signs of the first two units."""


class Patterns(Task):
    """Start with two units somewhere in the plane, and end with all units in the pattern of that quadrant."""

    name = "patterns"
    title = "Pattern completion"
    description = "From the states of two units, roughly told, take up the whole pattern, one of four, that they begin."
    source = "after Hopfield (1982), Neural networks and physical systems with emergent collective abilities"
    shape = Shape.MANY_TO_ONE
    loss = Loss.MSE
    metric = Metric("MSE", solved=0.0005, is_share=False)
    picture = Picture.CURVES
    inputs = ("x", "y")
    outputs = tuple(f"unit {number + 1}" for number in range(UNITS))
    told_at_start = True
    targets_are_states = True
    order = 22
    default_length = 12

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        which = generator.integers(len(PATTERNS), size=batch_size)
        near = generator.uniform(MARGIN, 1, (batch_size, 2)).astype(np.float32)
        inputs = np.repeat((near * np.sign(PATTERNS[which, :2]))[np.newaxis], length, axis=0)
        targets = np.zeros((length, batch_size, UNITS), dtype=np.float32)
        targets[-1] = PATTERNS[which]
        return Batch(inputs, targets, last_step(length, batch_size))

    def known_after(self, length: int) -> int:
        return 1

    def chance(self, length: int) -> Chance:
        loss = float(PATTERNS.var(axis=0).mean())
        return Chance(loss, loss, says="always answering the patterns' mean")

    def curves(self, batch: Batch, outputs: np.ndarray, sequence: int) -> list[Curve]:
        return x_curves(batch, outputs, sequence)
