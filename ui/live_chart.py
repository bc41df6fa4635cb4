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
        figure: a Plotly figure as plain data and layout, with NumPy arrays in it.
        alt: the figure in words.
        running: whether the browser shall ask for the next frame.
        step: the training step shown.
        run: which run it is; another number, another run.
        progress: 0…1.
        count: progress in words.
        sentences: how each network is doing.
        announce: what a screen reader says when it changes.
    """

    figure: dict[str, Any]
    alt: str
    running: bool
    step: int
    run: int
    progress: float
    count: str
    sentences: list[Sentence] = field(default_factory=list)
    announce: str = ""


def live_chart(frame: Frame) -> None:
    """Show `frame`; in a fragment, since the browser's request for the next frame reruns that."""
    content = {
        "figure": None if session.chart_failed() else frame.figure,
        "plotly": plotly_address(),
        "narrowBelow": NARROW_BELOW,
        "narrow": session.is_narrow(),
        "interval": FRAME_INTERVAL,
        "number": session.next_frame_number(),
    } | {name: getattr(frame, name) for name in ("alt", "running", "step", "run", "progress", "count", "announce")}
    content["sentences"] = [{"text": each.text, "color": each.color} for each in frame.sentences]
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
        st.plotly_chart(_listed(frame.figure), key="live-fallback", theme=None, alt=frame.alt)


@cache
def _component() -> Any:
    here = Path(__file__).parent
    html, css, js = ((here / f"live_chart.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component("live_chart", html=html, css=css, js=js, isolate_styles=False)


def _listed(figure: dict[str, Any]) -> dict[str, Any]:
    """`figure` with lists for arrays, as Streamlit's own chart takes it."""
    import plotly.graph_objects as go

    return go.Figure(figure).to_plotly_json()


def _nothing() -> None:
    """A callback that has to be there for a result to be reported."""
