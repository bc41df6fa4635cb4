"""One unit: what it does, what it hears and where it is heard, and the diagram of its cell with its own numbers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import streamlit as st

from engine.analysis.unit import Place, numbers_at
from engine.cells import CELLS
from engine.runs import Run
from engine.setup import Setup
from figures.cell_diagram import diagram_svg
from figures.lanes import LaneStyle
from figures.look import Look
from figures.palette import theme_named
from figures.unit import UnitFigure
from ui import session
from ui.live_chart import Click
from ui.views.base import View
from ui.views.choice import Chosen, choose, chosen_in, network_at


class Unit(View):
    """A figure, and below it the diagram."""

    name = "unit"
    title = "Unit"
    idea = "One unit by itself: choose it by number, or by a click on the hidden states, here or in the overview."
    order = 60
    interval = 200
    clickable = True

    def controls(self, setup: Setup) -> None:
        """Which network, unit and time step."""
        chosen = chosen_in(setup)
        if len(setup.titles) > 1 and not session.is_narrow():
            st.selectbox(
                "Network",
                range(len(setup.titles)),
                format_func=lambda number: setup.titles[number] if number < len(setup.titles) else "",
                key=chosen.network_key,
                width=230,
            )
            chosen = chosen_in(setup)
        st.number_input("Unit", 1, chosen.most_units, key=chosen.unit_key, width=120)
        st.slider("Time step t", 1, setup.experiment.length, key=chosen.step_key, width=300)

    def key(self, setup: Setup) -> Hashable:
        """The place chosen."""
        return chosen_in(setup)

    def figure(self, setup: Setup, styles: tuple[LaneStyle, ...], look: Look) -> UnitFigure:
        """States, gates and weights of the unit."""
        style = styles[0] if look.narrow else styles[chosen_in(setup).network]
        return UnitFigure(style, look, _place(setup, style, look))

    def on_click(self, setup: Setup, run: Run, click: Click) -> None:
        """Choose the unit and time step clicked on."""
        figure = session.kept_now("playground.figure")
        if isinstance(figure, UnitFigure) and network_at(figure.canvas, click) is not None:
            choose(setup, figure.style.number, int(click.y), int(click.x))
            st.rerun()

    def beside(self, setup: Setup, run: Run) -> None:
        """The diagram of the cell."""
        figure = session.kept_now("playground.figure")
        if not isinstance(figure, UnitFigure):
            return
        lane, place = run.lanes[figure.style.number], figure.place
        if not CELLS[lane.experiment.cell].states:
            st.caption("A feed-forward network has no state to carry on, so there is no loop to draw.")
            return
        numbers = numbers_at(lane.experiment, lane.chunk.state.parameters, lane.recording, place)
        hue, theme = figure.style.hue, theme_named(st.context.theme.type)
        title = f"The cell of the {figure.style.title}: unit {place.unit + 1} at time step {place.step}"
        st.image(diagram_svg(theme, hue, numbers, title, session.is_narrow()))

    def guide(self, setup: Setup) -> Sequence[tuple[str, str]]:
        """A sentence for each chart."""
        return [
            ("Its state", "A unit that remembers holds its level from the step at which something happened."),
            ("Its gates", "Where the forget gate is open and the input gate shut, the cell state stays as it is."),
            ("Incoming weights", "Each row is something that the unit hears; colour that appears is learned."),
            ("Outgoing weights", "The first rows are the outputs: does the answer depend on this unit?"),
            (
                "The diagram",
                "The cell's lines carry the unit's numbers at the chosen step: thick where they are large, in the "
                "colour of their sign.",
            ),
        ]


def _place(setup: Setup, style: LaneStyle, look: Look) -> Place:
    chosen: Chosen = chosen_in(setup)
    layer = min(look.layer, style.experiment.layers - 1)
    return Place(layer, look.sequence, min(chosen.unit, style.experiment.hidden_size) - 1, chosen.step)
