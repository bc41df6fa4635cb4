"""Vanishing, healthy or exploding: what is left of a gradient, over spectral radius × sequence length.

    spots = grid(MAP, RADII, LENGTHS)
    spots = [measure(spot) for spot in spots]          # each in a worker
    spots[0].decades, spots[0].health                  # log₁₀ ‖∂s_T/∂s_1‖, the median over SEEDS seeds

The networks are untrained: what training makes of the weights is another matter, but this is where it has to begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from engine.analysis.jacobians import log_norm_of_product, step_jacobians
from engine.experiment import Experiment
from engine.parameters import initial_parameters
from engine.supply import displayed_batch

RADII = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8)
LENGTHS = (10, 20, 35, 50, 75, 100, 150, 200)
SEEDS = 3
DECADES = 2.0  # a gradient that shrinks or grows by more than so many decades has vanished or exploded

MAP = Experiment(task="adding", cell="rnn", initialization="orthogonal", hidden_size=32)
"""Recurrent weights that are a rotation times the spectral radius, on the adding problem."""


class Health(StrEnum):
    """What has become of a gradient on its way from the last step to the first."""

    VANISHING = "vanishing"
    HEALTHY = "healthy"
    EXPLODING = "exploding"


@dataclass(frozen=True)
class Spot:
    """A point of the map.

    Attributes:
        experiment: with its spectral radius and length; the seeds tried begin at its own.
        decades: log₁₀ ‖∂s_T/∂s_1‖, the median over seeds; None before it is measured, −inf where nothing is left,
            NaN where there was no number left.
    """

    experiment: Experiment
    decades: float | None = None

    @property
    def done(self) -> bool:
        """Whether it has been measured."""
        return self.decades is not None

    @property
    def health(self) -> Health | None:
        """The verdict, if it has been measured; what is no number any more has exploded."""
        return None if self.decades is None else health_of(self.decades)


def health_of(decades: float) -> Health:
    """What a gradient of 10^`decades` times its first size has become."""
    if decades < -DECADES:
        return Health.VANISHING
    return Health.HEALTHY if decades <= DECADES else Health.EXPLODING


def grid(experiment: Experiment, radii: Sequence[float], lengths: Sequence[int]) -> list[Spot]:
    """Points not measured yet, row by row: all radii of the first length, then of the next.

    Raises:
        ExperimentError: a length does not suit the task.
    """
    return [Spot(replace(experiment, length=length, spectral_radius=radius)) for length in lengths for radius in radii]


def measure(spot: Spot) -> Spot:
    """Measure a point."""
    if spot.done:
        return spot
    seeds = range(spot.experiment.seed, spot.experiment.seed + SEEDS)
    values = [_decades(replace(spot.experiment, seed=seed)) for seed in seeds]
    return replace(spot, decades=float(np.median(values)))


def _decades(experiment: Experiment) -> float:
    """log₁₀ ‖∂s_T/∂s_1‖ of the untrained network on its first displayed sequence."""
    inputs = displayed_batch(experiment).inputs[:, 0]
    return log_norm_of_product(step_jacobians(experiment, initial_parameters(experiment), inputs)[1:])
