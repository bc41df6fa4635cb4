"""The one way live figures reach the screen: a keyed component that updates its Plotly chart in place.

Streamlit's own chart is unmounted and drawn anew whenever its data change, so zoom and hover would be lost
at every frame. When that no longer holds, this module can go: `live_chart` is its only way in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from figures.canvas import Canvas
from ui import session
from ui.payload import encode
from ui.plotly_js import plotly_address

NARROW_BELOW = 640  # pixels
FRAME_INTERVAL = 50  # milliseconds at least between two frames


@dataclass(frozen=True)
class Sentence:
    """A line of text beside a mark of the network's colour."""

    text: str
    color: str


@dataclass(frozen=True)
class Click:
    """Where the viewer has clicked on a chart.

    Attributes:
        trace: number of the trace, from 0.
        x, y: the point's values on the axes.
    """

    trace: int
    x: Any
    y: Any


@dataclass(frozen=True)
class Drag:
    """What the viewer has dragged on a chart.

    Attributes:
        channel: of the input, from 1: it stands in the trace's `meta`.
        step: the point's time step, from 1.
        along: what was changed, "value" or "step".
        to: the new one.
    """

    channel: int
    step: int
    along: str
    to: float


@dataclass(frozen=True)
class Frame:
    """One picture, of a run or still.

    Attributes:
        canvas: the figure.
        alt: the figure in words.
        running: whether the browser shall ask for the next frame.
        step: the training step shown.
        run: which run it is; another number, another run.
        progress: 0…1.
        count: progress in words; empty for a picture that stands still.
        sentences: how each network is doing.
        lines: of room that each sentence gets, so that nothing jumps when it grows.
        announce: what a screen reader says when it changes.
        interval: milliseconds at least until the next frame.
        clickable: whether a click on a point is of interest.
    """

    canvas: Canvas
    alt: str
    running: bool = False
    step: int = 0
    run: int = 0
    progress: float = 0.0
    count: str = ""
    sentences: list[Sentence] = field(default_factory=list)
    lines: int = 1
    announce: str = ""
    interval: int = FRAME_INTERVAL
    clickable: bool = False


def live_chart(key: str, frame: Frame, on_drag: Callable[[Drag], None] | None = None) -> Click | None:
    """Show `frame` in the chart called `key`; in a fragment, since the browser's requests rerun that.

    Args:
        on_drag: what to do when a point that may be dragged has been; a callback, so that this picture shows it.

    Returns:
        Where the viewer has just clicked, if `frame.clickable`.
    """
    canvas = frame.canvas
    content: dict[str, Any] = {
        "plotly": plotly_address(),
        "narrowBelow": NARROW_BELOW,
        "narrow": session.is_narrow(),
        "number": session.next_frame_number(),
        "version": f"{id(canvas)}.{canvas.version}",
        "draggable": on_drag is not None,
    } | {each.name: getattr(frame, each.name) for each in fields(frame) if each.name not in ("canvas", "sentences")}
    content["sentences"] = [vars(sentence) for sentence in frame.sentences]
    if not session.chart_failed():
        content |= {"data": canvas.data, "layout": canvas.layout, "labels": [vars(label) for label in canvas.labels]}
    result = _component()(
        data=encode(content),
        key=key,
        on_next_change=_nothing,
        on_narrow_change=lambda: session.note_narrow_of(key),
        on_failed_change=_nothing,
        on_click_change=_nothing,
        on_drag_change=lambda: _pass_on(key, on_drag),
    )
    if result.get("failed"):
        session.note_chart_failed()
    if session.chart_failed():
        st.plotly_chart(canvas.figure(), key=f"{key}.fallback", theme=None, alt=frame.alt)
    click = result.get("click")
    return Click(int(click["trace"]), click["x"], click["y"]) if click else None


def still_chart(key: str, canvas: Canvas, alt: str) -> None:
    """Show a figure that changes only when the viewer changes something; then in place."""
    live_chart(key, Frame(canvas, alt))


@cache
def _component() -> Any:
    here = Path(__file__).parent
    html, css, js = ((here / f"live_chart.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component("live_chart", html=html, css=css, js=js, isolate_styles=False)


def _pass_on(key: str, on_drag: Callable[[Drag], None] | None) -> None:
    drag = (session.widget(key) or {}).get("drag")
    if drag and on_drag:
        on_drag(Drag(int(drag["channel"]), int(drag["step"]), str(drag["along"]), float(drag["to"])))


def _nothing() -> None:
    """A callback that has to be there for a result to be reported."""
