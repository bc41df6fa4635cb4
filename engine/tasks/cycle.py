"""A limit cycle: a state that goes round for ever, and finds back to its circle when pushed off it."""

import numpy as np

from engine.tasks.attractors import x_curves
from engine.tasks.base import Batch, Chance, Curve, Loss, Metric, Picture, Shape, Task, every_step

RADIUS = 0.7
PERIOD = 12  # steps


class Cycle(Task):
    """Start somewhere in the plane; go round the middle at a fixed distance, from the start's own angle on."""

    name = "cycle"
    title = "Limit cycle"
    description = "From a point in the plane, get onto a circle and go round it, once every 12 steps."
    source = "after Pearlmutter (1989), Learning state space trajectories in recurrent neural networks"
    shape = Shape.MANY_TO_MANY
    loss = Loss.MSE
    metric = Metric("MSE", solved=0.01, is_share=False)
    picture = Picture.CURVES
    inputs = ("x", "y")
    outputs = ("x", "y")
    told_at_start = True
    targets_are_states = True
    order = 21
    default_length = 24

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        angle = generator.uniform(0, 2 * np.pi, batch_size)
        distance = generator.uniform(0.3, 1, batch_size)
        starts = (distance * np.stack([np.cos(angle), np.sin(angle)])).T.astype(np.float32)  # (B, 2)
        angles = angle + 2 * np.pi / PERIOD * np.arange(1, length + 1)[:, np.newaxis]
        targets = RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=-1).astype(np.float32)
        inputs = np.repeat(starts[np.newaxis], length, axis=0)
        return Batch(inputs, targets, every_step(length, batch_size))

    def most_target_steps(self, length: int) -> int:
        return length

    def at_last_steps(self, batch: Batch, steps: int) -> Batch:
        mask = batch.target_mask.copy()
        mask[:-steps] = False
        return Batch(batch.inputs, batch.targets, mask)

    def chance(self, length: int) -> Chance:
        return Chance(loss=RADIUS**2 / 2, metric=RADIUS**2 / 2, says="always answering the middle")

    def curves(self, batch: Batch, outputs: np.ndarray, sequence: int) -> list[Curve]:
        return x_curves(batch, outputs, sequence)
