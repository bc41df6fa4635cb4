"""Networks compared: where their settings differ, their loss, and the difference of two heatmaps."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import streamlit as st

from engine.analysis.comparison import Quantity, common_quantities
from engine.setup import Setup
from figures.compare import CompareFigure, Pair
from figures.lanes import LaneStyle, lane_styles
from figures.look import Look
from ui import session
from ui.views.base import View


class Compare(View):
    """All networks of the run, on the same data."""

    name = "compare"
    title = "Compare"
    idea = "The same data, the same axes: where the networks differ in their settings, and what that does."
    order = 10
    interval = 100

    def controls(self, setup: Setup) -> None:
        """Which two networks are laid over each other, and what of them."""
        numbers = list(range(len(setup.titles)))
        if len(numbers) < 2:
            return
        for name, number in (("A", 0), ("B", 1)):
            st.selectbox(
                f"Network {name}",
                numbers,
                index=number,
                format_func=lambda number: setup.titles[number] if number < len(setup.titles) else "",
                key=_key(name, setup),
                width=260,
            )
        titles = {each.field: each.title for each in _quantities(setup)}
        key = _key(str(list(titles)), setup)
        st.selectbox("Shown", list(titles), format_func=titles.__getitem__, key=key, width=260)

    def key(self, setup: Setup) -> Hashable:
        """The pair chosen."""
        return _pair(setup)

    def figure(self, setup: Setup, styles: tuple[LaneStyle, ...], look: Look) -> CompareFigure:
        """Table, loss and three heatmaps; on a phone, too, of all networks."""
        return CompareFigure(lane_styles(setup.experiments, look.theme, setup.titles), look, _pair(setup))

    def guide(self, setup: Setup) -> Sequence[tuple[str, str]]:
        """A sentence for each chart."""
        return [
            ("What is different", "The settings that are not the same; a dash where one has no effect on a network."),
            ("Loss", "Which of them learns sooner, and further; the scale is logarithmic."),
            ("A − B", "Background colour where both do the same: see how far from the start the two stay together."),
        ]


def _key(name: str, setup: Setup) -> str:
    """Of a widget; another number of networks, other widgets."""
    return f"compare {name} of {len(setup.titles)}"


def _chosen(setup: Setup) -> tuple[int, int]:
    one, other = (session.widget(_key(name, setup)) for name in "AB")
    return (0 if one is None else int(one), 1 if other is None else int(other))


def _quantities(setup: Setup) -> tuple[Quantity, ...]:
    """What the two networks chosen have in common."""
    one, other = (setup.experiments[number] for number in _chosen(setup))
    return common_quantities(one, other)


def _pair(setup: Setup) -> Pair | None:
    if len(setup.titles) < 2:
        return None
    quantities = _quantities(setup)
    fields = [each.field for each in quantities]
    field = session.widget(_key(str(fields), setup))
    return Pair(*_chosen(setup), quantities[fields.index(field)] if field in fields else quantities[0])
