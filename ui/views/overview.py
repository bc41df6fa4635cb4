"""The first look: loss, sequence, states, gates and gradients of every network, all at once."""

from __future__ import annotations

from collections.abc import Sequence

from engine.setup import Setup
from figures.guide import guide_for
from figures.lanes import LaneStyle
from figures.look import Look
from figures.training import TrainingFigure
from ui.views.base import View


class Overview(View):
    """What the playground opens with."""

    name = "overview"
    title = "Overview"
    order = 0

    def figure(self, setup: Setup, styles: tuple[LaneStyle, ...], look: Look) -> TrainingFigure:
        """Loss on top, and below it a column for each network."""
        return TrainingFigure(styles, look)

    def guide(self, setup: Setup) -> Sequence[tuple[str, str]]:
        """A sentence for each chart."""
        return guide_for(setup.experiments)
