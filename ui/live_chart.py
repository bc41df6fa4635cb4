"""The one way live figures reach the screen: a keyed component that updates its Plotly chart in place.

Streamlit's own chart is unmounted and drawn anew whenever its data change, so zoom and hover would be lost
at every frame. When that no longer holds, this module can go: `live_chart` is its only way in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from figures.canvas import Canvas
from ui import session
from ui.payload import encode
from ui.plotly_js import plotly_address

NARROW_BELOW = 600  # pixels
FRAME_INTERVAL = 50  # milliseconds at least between two frames


@dataclass(frozen=True)
class Sentence:
    """A line of text beside a mark of the network's colour."""

    text: str
    color: str


@dataclass(frozen=True)
class Frame:
    """One picture of a run.

    Attributes:
        canvas: the figure.
        alt: the figure in words.
        running: whether the browser shall ask for the next frame.
        step: the training step shown.
        run: which run it is; another number, another run.
        progress: 0…1.
        count: progress in words.
        sentences: how each network is doing.
        lines: of room that each sentence gets, so that nothing jumps when it grows.
        announce: what a screen reader says when it changes.
    """

    canvas: Canvas
    alt: str
    running: bool
    step: int
    run: int
    progress: float
    count: str
    sentences: list[Sentence] = field(default_factory=list)
    lines: int = 1
    announce: str = ""


def live_chart(frame: Frame) -> None:
    """Show `frame`; in a fragment, since the browser's request for the next frame reruns that."""
    canvas = frame.canvas
    content: dict[str, Any] = {
        "plotly": plotly_address(),
        "narrowBelow": NARROW_BELOW,
        "narrow": session.is_narrow(),
        "interval": FRAME_INTERVAL,
        "number": session.next_frame_number(),
        "version": f"{id(canvas)}.{canvas.version}",
    } | {
        name: getattr(frame, name)
        for name in ("alt", "running", "step", "run", "progress", "count", "lines", "announce")
    }
    content["sentences"] = [vars(sentence) for sentence in frame.sentences]
    if not session.chart_failed():
        content |= {"data": canvas.data, "layout": canvas.layout, "labels": [vars(label) for label in canvas.labels]}
    result = _component()(
        data=encode(content),
        key=session.CHART_KEY,
        on_next_change=_nothing,
        on_narrow_change=_nothing,
        on_failed_change=_nothing,
    )
    if result.get("failed"):
        session.note_chart_failed()
    if session.chart_failed():
        st.plotly_chart(canvas.figure(), key="live-fallback", theme=None, alt=frame.alt)


@cache
def _component() -> Any:
    here = Path(__file__).parent
    html, css, js = ((here / f"live_chart.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component("live_chart", html=html, css=css, js=js, isolate_styles=False)


def _nothing() -> None:
    """A callback that has to be there for a result to be reported."""
