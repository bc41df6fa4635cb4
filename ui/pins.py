"""Pinning: keep a network as it is set now, beside what the viewer changes next."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from engine.cells import CELLS
from engine.errors import ExperimentError
from engine.experiment import Experiment
from engine.setup import MOST_LANES, Setup
from ui import session

PIN_WIDTH = 145  # pixels of the sidebar for what a pinned network is called


def pin_controls(setup: Setup) -> None:
    """Pin a network as it is set now, and let go of what is pinned."""
    pins = session.pins()
    full = len(setup.cells) + len(pins) >= MOST_LANES
    with st.container(horizontal=True, gap="xsmall"):
        for lane in setup.experiments[: len(setup.cells)]:
            name = f" {CELLS[lane.cell].title}" if len(setup.cells) > 1 else ""
            st.button(
                f"Pin{name}",
                icon=":material/keep:",
                key=f"pin {lane.cell}",
                on_click=session.set_pins,
                args=((*pins, lane),),
                disabled=full or any(setup.lane_of(each) == setup.lane_of(lane) for each in pins),
                help=f"At most {MOST_LANES} networks stand side by side: take one away first."
                if full
                else "Keep these settings beside what you change next.",
            )
    for number, pin in enumerate(pins):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.caption(_pin_in_words(setup, pin), width=PIN_WIDTH)
            st.button(
                "Remove",
                key=f"unpin {number}",
                on_click=session.set_pins,
                args=((*pins[:number], *pins[number + 1 :]),),
                type="tertiary",
                help="Take this pinned network away.",
            )


def _pin_in_words(setup: Setup, pin: Experiment) -> str:
    """What is pinned, and why it is not to be seen if it isn't."""
    lane = setup.lane_of(pin)
    if lane is None:
        why = "it does not suit these settings"
        with suppress(ExperimentError):
            setup.on_the_same_data(pin)
            why = "no room for it beside the others"
        return f":material/keep: {setup.title_of(pin)} is not shown: {why}."
    if lane < len(setup.cells):
        return f":material/keep: {setup.titles[lane]} as it is: now change a setting."
    return f":material/keep: **{setup.titles[lane]}**"
