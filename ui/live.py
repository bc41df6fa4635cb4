"""The one live loop: take what the workers have done, draw it, and let the browser ask for the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import streamlit as st

from engine.errors import ExperimentError
from ui import heard, session
from ui.live_chart import Click, Drag, Frame, Reel, live_chart

PATIENCE = 0.5  # seconds to wait for something new before drawing the same picture again
SLICE = 0.05  # seconds after which a wait looks whether the viewer has done something
FLUSH = 0.1  # seconds in which what this run has drawn leaves for the browser. If the browser's request for the
# next frame has come in meanwhile, the frame's own run would start at once and take the chart out of the queue of
# what is still to be sent, and the browser would remove the chart for a moment: a flash, and zoom lost.


class Live(Protocol):
    """Something that moves on while it is looked at: a run, a sweep."""

    playing: bool
    trouble: str | None

    @property
    def over(self) -> bool:
        """Whether it moves no further."""

    def next_frame(self, seconds: float) -> bool:
        """Move on, waiting at most `seconds`; whether there is something new to see."""

    def play(self) -> None:
        """Let `next_frame` go on."""

    def pause(self) -> None:
        """Let `next_frame` stand still."""


L = TypeVar("L", bound=Live)


@dataclass(frozen=True)
class Wanted:
    """What of the past a browser asks for.

    Attributes:
        near: pictures near this training step first.
        before: none from this step on: those it has.
        known: nor these.
    """

    near: float
    before: float
    known: frozenset[int]


@dataclass(frozen=True)
class Stage(Generic[L]):
    """A place on a page where something moves.

    Attributes:
        name: of the place: of its chart, and of its parts that run by themselves.
        live: gives what moves there, now.
        frame: draws it.
        before: what to do before a picture is taken; it may rerun the page.
        on_click: what to do when the viewer clicks on a point, where the frame is clickable.
        beside: shows what stands below the picture.
        on_drag: what to do when the viewer has dragged a point of a chart that may be dragged; a callback.
        reel: pictures of the past that the browser asks for, where there are any.
        on_branch: what to do when the viewer wants to branch off at a training step; it may rerun the page.
    """

    name: str
    live: Callable[[], L]
    frame: Callable[[L], Frame]
    before: Callable[[], None] = lambda: None
    on_click: Callable[[Click], None] = lambda click: None
    beside: Callable[[L], None] = lambda live: None
    on_drag: Callable[[Drag], None] | None = None
    reel: Callable[[L, Wanted], Reel] = lambda live, wanted: Reel()
    on_branch: Callable[[int], None] = lambda step: None

    @property
    def loop(self) -> str:
        """The key of the part of the page that draws."""
        return f"{self.name}.loop"

    @property
    def bar(self) -> str:
        """The key of the part of the page with the buttons."""
        return f"{self.name}.bar"


def show(stage: Stage[L]) -> None:
    """Draw the stage, and go on drawing as long as it moves. The page has to end with `settle`."""
    heard.note()
    st.fragment(_loop, key=stage.loop)(stage, stage.live().over, session.is_narrow())


def part(key: str, draw: Callable[[], None], own: Sequence[str]) -> None:
    """A part of the page that `draw` draws, and that runs by itself when one of its widgets is used.

    Args:
        own: the keys of its widgets, or what these begin with before a dot.
    """
    heard.note()
    st.fragment(_part, key=key)(draw, own)


def _part(draw: Callable[[], None], own: Sequence[str]) -> None:
    if heard.is_missing(own):
        st.rerun()
    heard.note(own)
    draw()


def settle() -> None:
    """End a page's run that has drawn something live: wait until all of it is on its way to the browser."""
    heard.note()
    time.sleep(FLUSH)


def play(stage: Stage[L], live: L) -> None:
    """Let `live` go on; a callback for a button in the stage's bar."""
    live.play()
    refresh(stage)


def pause(stage: Stage[L], live: L) -> None:
    """Let `live` stand still; a callback for a button in the stage's bar."""
    live.pause()
    refresh(stage)


def refresh(stage: Stage[L]) -> None:
    """Draw the stage and its buttons anew: the buttons first, so that their being pressed is heard when it is drawn."""
    st.rerun([stage.bar, stage.loop])


def _loop(stage: Stage[L], was_over: bool, was_narrow: bool) -> None:
    """One picture, and all that follow when the browser asks for them."""
    stage.before()
    if heard.is_missing():
        st.rerun()
    if session.is_narrow() != was_narrow:
        st.rerun()  # where several charts say at once how wide they are, the browser reruns one of them only
    live = stage.live()
    try:
        _wait_for_frame(live)
    except (BrokenExecutor, ExperimentError) as problem:
        live.pause()
        live.trouble = _sentence_on(problem)
        st.rerun()  # the buttons have to know
    if live.trouble:
        st.error(live.trouble, icon=":material/error:")
    wanted = session.take_past_wanted(stage.name)
    reel = stage.reel(live, _as_wanted(wanted)) if wanted else None  # first, for it uses the same canvas
    answer = live_chart(stage.name, stage.frame(live), reel, stage.on_drag)
    if answer.click is not None:
        stage.on_click(answer.click)
    if answer.branch is not None:
        stage.on_branch(answer.branch)
    stage.beside(live)
    if live.over and not was_over:
        st.rerun()  # the buttons have to know


def _as_wanted(asked: dict[str, Any]) -> Wanted:
    return Wanted(float(asked["near"]), float(asked["before"]), frozenset(int(step) for step in asked["known"]))


def _wait_for_frame(live: Live) -> None:
    """Let `live` go on to its next picture; give up after PATIENCE, or at once when the viewer has done something."""
    begin = time.monotonic()
    while not live.next_frame(SLICE) and live.playing and not live.over and time.monotonic() < begin + PATIENCE:
        session.give_way()


def _sentence_on(problem: Exception) -> str:
    if isinstance(problem, ExperimentError):
        return str(problem)
    return "The workers that train here keep being stopped, perhaps for want of memory: press Play to try again."
