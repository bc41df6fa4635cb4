"""A cell that the reader steps through, operation by operation, in slow motion or by key."""

from __future__ import annotations

import numpy as np
import streamlit as st

from engine.by_hand import (
    ROWS,
    Operation,
    example_weights,
    numbers_from_text,
    unfold,
    weights_as_text,
    weights_from_text,
)
from engine.cells import CELLS
from engine.errors import ExperimentError
from figures.palette import theme_named
from figures.unfolding import NARROW, WIDE, cell_svg, chain_svg
from ui import lesson, session

PACE = 0.9  # seconds an operation takes in slow motion
INPUTS = "1.0 0.5 -1.0 0.0"
START = "0.0 0.0"
PLACE, PLAYING = "by hand.place", "by hand.playing"


def step_by_hand() -> None:
    """Choose a cell, change its numbers, and step through what it computes."""
    with lesson.controls():
        cell = lesson.choose("Cell", {name: CELLS[name].title for name in ROWS}, "by hand.cell")
        view = lesson.choose("Loop", {"unfolded": "Unfolded", "folded": "Folded"}, "by hand.view")
    with st.expander("Change the numbers", width=lesson.READING):
        with st.container(horizontal=True):
            inputs_text = st.text_input("Inputs x₁ … x₄", INPUTS, key="by hand.inputs", persist_state="session")
            start_text = st.text_input("First state h₀", START, key="by hand.start", persist_state="session")
        weights_text = st.text_area(
            "Weights: a row for each unit, with W, U (from unit 1 and 2) and b",
            weights_as_text(cell, example_weights(cell)),
            key=f"by hand.weights {cell}",
            height=40 + 24 * 2 * len(ROWS[cell]),
        )
    try:
        inputs = numbers_from_text(inputs_text, 4, "The input")
        start = np.array(numbers_from_text(start_text, 2, "The first state"))
        steps = unfold(cell, weights_from_text(cell, weights_text), inputs, start)
    except ExperimentError as problem:
        st.error(str(problem), icon=":material/error:", width=lesson.READING)
        return
    playing = bool(session.remembered(PLAYING))
    st.fragment(_stepper, run_every=PACE if playing else None)(cell, inputs, start, steps, view == "folded", playing)


def _stepper(
    cell: str, inputs: list[float], start: np.ndarray, steps: list[list[Operation]], folded: bool, playing: bool
) -> None:
    """Buttons, the loop, the cell, and the equation of the operation that runs."""
    count = sum(len(each) for each in steps)
    place = min(int(session.remembered(PLACE) or 0), count - 1)
    if playing and place == count - 1:
        session.remember(PLAYING, False)
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Back", icon=":material/arrow_back:", key="by hand.back", disabled=place == 0, shortcut="Left",
                  on_click=session.remember, args=(PLACE, max(0, place - 1)))  # fmt: skip
        st.button("Next operation", icon=":material/arrow_forward:", key="by hand.next", disabled=place == count - 1,
                  shortcut="Right", on_click=session.remember, args=(PLACE, place + 1), type="primary")  # fmt: skip
        if st.button("Stop" if playing else "Slow motion", icon=":material/slow_motion_video:", key="by hand.play",
                     on_click=_play, args=(not playing, 0 if place == count - 1 else place)):  # fmt: skip
            st.rerun()
        st.button("From the start", icon=":material/replay:", key="by hand.again",
                  on_click=session.remember, args=(PLACE, 0))  # fmt: skip
    t, operation = divmod(place, len(steps[0]))
    before = [start, *(each[-1].value for each in steps)]
    cells = [np.zeros(len(start)), *(_value_of("c", each) for each in steps)]
    theme = theme_named(st.context.theme.type)
    hue = theme.hue(cell)
    running = steps[t][operation]
    done = t + (2 if operation == len(steps[0]) - 1 else 1)
    units = [f"unit {number}: {written}" for number, written in enumerate(running.written, start=1)]
    room = NARROW if session.is_narrow() else WIDE
    with st.container(width=lesson.READING, gap="small"):
        st.image(chain_svg(theme, hue, inputs, before[:done], t + 1, folded, room))
        st.image(cell_svg(theme, hue, steps[t], operation, inputs[t], before[t], cells[t], room))
        st.html(
            f"<div style='border-left:4px solid {hue};padding-left:10px'><b>Step {t + 1}, {running.title}:</b> "
            f"{running.equation}<br>{'<br>'.join(units)}</div>"
        )
    if playing:
        session.remember(PLACE, place + 1)


def _play(playing: bool, place: int) -> None:
    """Slow motion from `place`, or stop there; a callback."""
    session.remember(PLAYING, playing)
    session.remember(PLACE, place)


def _value_of(symbol: str, operations: list[Operation]) -> np.ndarray:
    return next((each.value for each in operations if each.symbol == symbol), np.zeros(len(operations[0].value)))
