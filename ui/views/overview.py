"""The first look: loss, sequence, states, gates and gradients of every network, all at once."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from engine.runs import Run
from engine.setup import Setup
from figures.guide import guide_for
from figures.lanes import LaneStyle
from figures.look import Look
from figures.training import TrainingFigure
from ui import session
from ui.live_chart import Click
from ui.views.base import View
from ui.views.choice import choose, network_at


class Overview(View):
    """What the playground opens with."""

    name = "overview"
    title = "Overview"
    order = 0
    clickable = True

    def figure(self, setup: Setup, styles: tuple[LaneStyle, ...], look: Look) -> TrainingFigure:
        """Loss on top, and below it a column for each network."""
        return TrainingFigure(styles, look)

    def on_click(self, setup: Setup, run: Run, click: Click) -> None:
        """A click on a unit's row shows that unit by itself."""
        figure = session.kept_now("playground.figure")
        network = network_at(figure.canvas, click) if isinstance(figure, TrainingFigure) else None
        if network is not None:
            choose(setup, network, int(click.y), int(click.x))
            st.rerun()

    def guide(self, setup: Setup) -> Sequence[tuple[str, str]]:
        """A sentence for each chart."""
        return guide_for(setup.experiments)
