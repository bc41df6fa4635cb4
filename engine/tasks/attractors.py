"""Point attractors: a state that settles where it is told, and comes back when pushed (Hopfield 1982)."""

import numpy as np

from engine.tasks.base import Batch, Chance, Curve, Loss, Metric, Picture, Role, Shape, Task, last_step

PLACE = 0.7  # both coordinates of each place, but for the sign
MARGIN = 0.15  # a start this close to the border between two places belongs to neither


class Attractors(Task):
    """Start somewhere in the plane, and end at the nearest of four places."""

    name = "attractors"
    title = "Four point attractors"
    description = "From a point in the plane, come to rest at the nearest of four places."
    source = "after Hopfield (1982), Neural networks and physical systems with emergent collective abilities"
    shape = Shape.MANY_TO_ONE
    loss = Loss.MSE
    metric = Metric("MSE", solved=0.0005, is_share=False)
    picture = Picture.CURVES
    inputs = ("x", "y")
    outputs = ("x", "y")
    told_at_start = True
    targets_are_states = True
    order = 20
    default_length = 12

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        sign = generator.choice([-1.0, 1.0], (batch_size, 2)).astype(np.float32)
        starts = sign * generator.uniform(MARGIN, 1, (batch_size, 2)).astype(np.float32)
        inputs = np.repeat(starts[np.newaxis], length, axis=0)
        targets = np.zeros((length, batch_size, 2), dtype=np.float32)
        targets[-1] = PLACE * sign
        return Batch(inputs, targets, last_step(length, batch_size))

    def known_after(self, length: int) -> int:
        return 1

    def chance(self, length: int) -> Chance:
        return Chance(loss=PLACE**2, metric=PLACE**2, says="always answering the middle")

    def curves(self, batch: Batch, outputs: np.ndarray, sequence: int) -> list[Curve]:
        return x_curves(batch, outputs, sequence)


def x_curves(batch: Batch, outputs: np.ndarray, sequence: int) -> list[Curve]:
    """The first coordinate of a path in the plane, where it is wanted."""
    steps = np.arange(1, batch.length + 1)
    at = batch.target_mask[:, sequence]
    return [
        Curve("target x", Role.TARGET, steps[at], batch.targets[at, sequence, 0]),
        Curve("x", Role.PREDICTION, steps[at], outputs[at, sequence, 0]),
    ]
