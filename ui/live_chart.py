"""The one way live figures reach the screen: a keyed component that updates its Plotly chart in place.

Streamlit's own chart is unmounted and drawn anew whenever its data change, so zoom and hover would be lost
at every frame. When that no longer holds, this module can go: `live_chart` is its only way in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import streamlit as st

from figures.canvas import Canvas
from ui import session
from ui.payload import Encoder
from ui.plotly_js import plotly_address

NARROW_BELOW = 640  # pixels
FRAME_INTERVAL = 50  # milliseconds at least between two frames
_ENCODERS: WeakKeyDictionary[Canvas, Encoder] = WeakKeyDictionary()


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
        filmed: what the frames of one film have in common; the browser keeps them, so that the viewer can come
            back to them. Empty: it keeps none.
        branchable: whether training can branch off from it.
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
    filmed: str = ""
    branchable: bool = False


@dataclass(frozen=True)
class Answer:
    """What the viewer has just done with the chart.

    Attributes:
        click: where they have clicked, if the frame is clickable.
        branch: the training step from which they want to branch off.
    """

    click: Click | None = None
    branch: int | None = None


@dataclass(frozen=True)
class Reel:
    """Frames of the past that the browser has asked for.

    Attributes:
        frames: (training step, encoded frame) each.
        left: how many more there are.
    """

    frames: Sequence[tuple[int, bytes]] = ()
    left: int = 0


def live_chart(
    key: str, frame: Frame, reel: Reel | None = None, on_drag: Callable[[Drag], None] | None = None
) -> Answer:
    """Show `frame` in the chart called `key`; in a fragment, since the browser's requests rerun that.

    Args:
        reel: what goes into the browser's film besides, if it has asked for that.
        on_drag: what to do when a point that may be dragged has been; a callback, so that this picture shows it.
    """
    content = _content_of(frame)
    content |= {
        "number": session.next_frame_number(),
        "draggable": on_drag is not None,
        "past": [{"step": step, "frame": np.frombuffer(data, np.uint8)} for step, data in (reel or Reel()).frames],
        "left": reel.left if reel else -1,
    }
    result = _component()(
        data=_encode(frame.canvas, content),
        key=key,
        on_next_change=_nothing,
        on_narrow_change=lambda: session.note_narrow_of(key),
        on_failed_change=_nothing,
        on_click_change=_nothing,
        on_drag_change=lambda: _pass_on(key, on_drag),
        on_past_change=lambda: session.note_past_wanted(key),
        on_branch_change=_nothing,
    )
    if result.get("failed"):
        session.note_chart_failed()
    if session.chart_failed():
        st.plotly_chart(frame.canvas.figure(), key=f"{key}.fallback", theme=None, alt=frame.alt)
    click, branch = result.get("click"), result.get("branch")
    return Answer(
        Click(int(click["trace"]), click["x"], click["y"]) if click else None,
        None if branch is None else int(branch),
    )


def encoded(frame: Frame) -> bytes:
    """`frame` for the browser's film."""
    return _encode(frame.canvas, _content_of(frame))


def _encode(canvas: Canvas, content: dict[str, Any]) -> bytes:
    """A picture on `canvas` as bytes, by the encoder that knows the canvas."""
    return _ENCODERS.setdefault(canvas, Encoder()).encode(content)


def _content_of(frame: Frame) -> dict[str, Any]:
    canvas = frame.canvas
    content: dict[str, Any] = {
        "plotly": plotly_address(),
        "narrowBelow": NARROW_BELOW,
        "narrow": session.is_narrow(),
        "version": f"{canvas.number}.{canvas.version}",
        "film": f"{canvas.number}.{frame.run}.{frame.filmed}" if frame.filmed else "",
    } | {each.name: getattr(frame, each.name) for each in fields(frame) if each.name not in ("canvas", "sentences")}
    content["sentences"] = [vars(sentence) for sentence in frame.sentences]
    if not session.chart_failed():
        content |= {"data": canvas.data, "layout": canvas.layout, "labels": [vars(label) for label in canvas.labels]}
    return content


def still_chart(key: str, canvas: Canvas, alt: str) -> None:
    """Show a figure that changes only when the viewer changes something; then in place."""
    live_chart(key, Frame(canvas, alt))


@cache
def _component() -> Any:
    here = Path(__file__).parent
    html, css, film, drag, js = (
        (here / name).read_text(encoding="utf-8")
        for name in ("live_chart.html", "live_chart.css", "film.js", "drag.js", "live_chart.js")
    )
    return st.components.v2.component("live_chart", html=html, css=css, js=film + drag + js, isolate_styles=False)


def _pass_on(key: str, on_drag: Callable[[Drag], None] | None) -> None:
    drag = (session.widget(key) or {}).get("drag")
    if drag and on_drag:
        on_drag(Drag(int(drag["channel"]), int(drag["step"]), str(drag["along"]), float(drag["to"])))


def _nothing() -> None:
    """A callback that has to be there for a result to be reported."""
