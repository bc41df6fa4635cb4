"""The parts of the page about inputs and targets: which way, and what becomes of states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from engine.analysis.attractors import RUN, WATCHED, basins, share_that_returns, share_that_stays
from engine.lane import Lane
from engine.lessons import TOLD
from engine.tasks.attractors import PLACE
from engine.tasks.cycle import RADIUS
from engine.tasks.patterns import UNITS
from ui import lesson, session
from ui.live_chart import Click
from ui.navigation import Lesson

TASKS = {"attractors": "Rest at four places", "cycle": "Go round a circle"}
INPUTS = {
    "all": "Initial states of all units",
    "subset": "Initial states of a subset",
    "clamped": "States of a subset at every step",
}
TARGETS = {
    "final": "Final activities of all units",
    "last": "All units, last few steps",
    "subset": "A subset of the units",
}
SIZES = {
    "all": "The point is the initial state of the first two units; all others are given 0.",
    "subset": "The point is the initial state of the first two units; where the others begin is learned.",
    "clamped": "Two units are held at the point at every step; the others begin at 0.",
}


@dataclass(frozen=True)
class Ways:
    """What the reader has chosen.

    Attributes:
        task: a key of TASKS.
        given: which units are told the point: a key of INPUTS.
        asked: which units have a target: "all" or "subset".
        last: at how many of the last steps.
    """

    task: str
    given: str
    asked: str
    last: int


@dataclass(frozen=True)
class Fate:
    """What becomes of states after the training's length.

    Attributes:
        stays: share of fresh starts that are where they should be long after.
        in_words: that and the rest, for the reader.
    """

    stays: float
    in_words: str


def choose_ways() -> Ways:
    """Widgets for the task, the input and the target."""
    task = lesson.choose("Task", TASKS, "inputs.task")
    given = lesson.choose("Input", INPUTS, "inputs.given", default="subset")
    targets = TARGETS if task == "attractors" else {"subset": TARGETS["subset"]}
    target = lesson.choose("Target", targets, f"inputs.target {task}", default="subset")
    last = lesson.slider(
        "Last steps with a target", 1, TOLD.length, 16, key="inputs.last", disabled=target == "final", width=340
    )
    asked = "subset" if target == "subset" else "all"
    if asked == "subset":
        wanted = f"Two of {TOLD.hidden_size} units have a target: the coordinates of the place."
    else:
        wanted = f"All {UNITS} free units have a target: a pattern for each place, whose first two units are its point."
    if task == "cycle":
        wanted += " On a circle the others have to be free: they turn it."
    st.caption(f"{SIZES[given]} {wanted}", width=lesson.READING)
    return Ways(task, given, asked, 1 if target == "final" else last)


def my_push() -> float:
    """How far the reader wants all units pushed once they are at rest; the slider stands below what it acts on."""
    return float(session.widget("inputs.push") or 0)


def push_them() -> None:
    """The slider for `my_push`."""
    lesson.slider("Push every unit, once at rest, up or down by", 0.0, 1.0, 0.0, 0.05, key="inputs.push", width=340)


def wanted_places(task: str) -> np.ndarray:
    """(n, 2) points of the plane where states should be."""
    if task == "attractors":
        return PLACE * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    angles = np.linspace(0, 2 * np.pi, 60)
    return RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def my_start() -> tuple[float, float] | None:
    """The point of the plane from which the reader wants a path."""
    start: tuple[float, float] | None = session.remembered("inputs.start")
    return start


def draw_from_there(click: Click) -> None:
    """Draw a path from where the reader has clicked."""
    session.remember("inputs.start", (float(click.x), float(click.y)))
    st.rerun()


def what_became_of_them(page: Lesson, lane: Lane, push: float) -> Fate:
    """Where fresh starts are long after, how many basins there are, and who comes back from a push."""
    experiment, parameters = lane.experiment, lane.chunk.state.parameters

    def measured() -> tuple[float, float, np.ndarray, float]:
        found = basins(experiment, parameters)
        back = share_that_returns(experiment, parameters, push) if push else 0.0
        return share_that_stays(experiment, parameters), back, found.shares, found.moving

    stays, back, shares, moving = session.kept(f"{page.name}.fate", (experiment, lane.step, push), measured)
    says = [
        f"Trained for {experiment.length} steps, {stays:.0%} of 64 fresh starts were where they should be "
        f"at each of the steps {RUN + 1} to {RUN + WATCHED}."
    ]
    if len(shares):
        taking = ", ".join(f"{share:.0%}" for share in shares[:4])
        says.append(
            f"The plane is one basin, {taking} of it."
            if len(shares) == 1
            else f"The plane has **{len(shares)} basins**, of {taking}{' …' if len(shares) > 4 else ''} of it."
        )
    if moving:
        says.append(f"From {moving:.0%} of the plane states never come to rest.")
    if push:
        says.append(f"Pushed by {push:g}, **{back:.0%}** came back.")
    return Fate(stays, " ".join(says))
