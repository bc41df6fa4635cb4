"""Sweeps on a lesson's page: many jobs on the worker pool, drawn as their results come in."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import TypeVar

import streamlit as st

from engine.sweep import Job, Progress, Sweep
from figures.canvas import Canvas
from ui import live, session
from ui.live_chart import Click, Frame
from ui.navigation import Lesson

P = TypeVar("P", bound=Progress)
INTERVAL = 150  # milliseconds between two pictures


def sweep(
    lesson: Lesson,
    name: str,
    key: Hashable,
    jobs: Callable[[], Sequence[Job[P]]],
    draw: Callable[[Sequence[P]], tuple[Canvas, str]],
    label: str,
    ready: bool = True,
    on_click: Callable[[Click], None] | None = None,
) -> Sweep[P]:
    """A button that starts the jobs, their progress, and the figure of what they have reached.

    Args:
        name: of this sweep on the page.
        key: equal keys, equal jobs: another one is another sweep.
        draw: figure and words of what has been reached.
        label: of the button.
        ready: whether it can be pressed.
        on_click: what a click on a point of the figure does.
    """
    place = f"{lesson.name}.{name}"

    def current() -> Sweep[P]:
        return session.sweep_for(place, key, jobs)

    def frame(going: Sweep[P]) -> Frame:
        canvas, alt = draw(going.progress)
        done = sum(each.done for each in going.progress)
        return Frame(
            canvas=canvas,
            alt=alt,
            running=going.playing and not going.over,
            step=done,
            progress=going.share_done,
            count=f"{done} of {len(going.progress)} done",
            interval=INTERVAL,
            announce="All done." if going.over else "",
            clickable=on_click is not None,
        )

    stage = live.Stage(place, current, frame, on_click=on_click or _nothing)
    live.part(stage.bar, partial(_bar, stage, label, ready), (stage.name,))
    live.show(stage)
    return current()


def _nothing(click: Click) -> None:
    """A click that is of no interest."""


def _bar(stage: live.Stage[Sweep[P]], label: str, ready: bool) -> None:
    going = stage.live()
    playing = going.playing and not going.over
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Pause" if playing else label,
            icon=":material/pause:" if playing else ":material/play_arrow:",
            key=f"{stage.name}.play",
            on_click=live.pause if playing else live.play,
            args=(stage, going),
            disabled=going.over or not (ready or playing),
            type="primary",
            help=None if ready else "Make your guess first: it costs nothing to be wrong.",
        )
