"""The parts of the page about the hidden state that are looked at once a network is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from engine.analysis.dynamics import fixed_points, principal_plane
from engine.analysis.lesions import LesionCurve, lesion_curve, localist_echo, metric_without, units_drawn
from engine.experiment import Experiment
from engine.lane import Lane
from engine.network import unroll
from engine.runs import Run
from engine.supply import fresh_batch
from figures.lesion import lesion_canvas
from figures.portrait import portrait_canvas
from ui import lesson, session
from ui.live_chart import still_chart
from ui.navigation import Lesson
from ui.training import Network, look

PORTRAIT_STEPS = 40


@dataclass(frozen=True)
class Lesion:
    """What the reader has switched off.

    Attributes:
        off: how many units.
        units: of how many.
        right: share of bits that are still right.
        curve: of the trained network.
        localist: of the shift register.
    """

    off: int
    units: int
    right: float
    curve: LesionCurve
    localist: LesionCurve


def switch_units_off(page: Lesson, lane: Lane) -> Lesion:
    """Widgets for the units that are off, any of them or so many at random, and the curves of both codes."""
    experiment, parameters = lane.experiment, lane.chunk.state.parameters
    off = _units_off(page, experiment)
    register, wired = localist_echo(experiment.length)
    curve = session.kept(f"{page.name}.curve", (experiment, lane.step), lambda: lesion_curve(experiment, parameters))
    localist = lesion_curve(register, wired, range(register.hidden_size + 1))
    right = metric_without(experiment, parameters, off)
    canvas = lesion_canvas(look(), look().theme.hue("rnn"), curve, localist, (len(off), right))
    still_chart(f"{page.name}.lesion", canvas, f"{len(off)} units off: {right:.0%} of bits right.")
    return Lesion(len(off), experiment.hidden_size, right, curve, localist)


def _units_off(page: Lesson, experiment: Experiment) -> list[int]:
    """The units, from 0, that the reader has switched off."""
    count, chosen = f"{page.name}.off", f"{page.name}.chosen"

    def draw() -> None:
        drawn = units_drawn(experiment, session.widget(count), 0)
        session.set_widget(chosen, sorted(unit + 1 for unit in drawn))

    if session.widget(chosen) is None:
        session.set_widget(chosen, [units_drawn(experiment, 1, 0)[0] + 1])
    lesson.slider("So many units at random", 0, experiment.hidden_size, 1, key=count, on_change=draw, width=340)
    units = st.pills(
        "…or one by one: units that are off",
        range(1, experiment.hidden_size + 1),
        key=chosen,
        selection_mode="multi",
        persist_state="session",
    )
    return [unit - 1 for unit in units]


def portraits(page: Lesson, run: Run, networks: tuple[Network, ...]) -> list[int]:
    """The phase portraits of a run's networks; how many fixed points each has."""
    shown = []
    for network, lane in zip(networks, run.lanes, strict=True):
        experiment, parameters = lane.experiment, lane.chunk.state.parameters
        batch = fresh_batch(experiment, 24, length=PORTRAIT_STEPS)
        states = unroll(experiment, parameters, batch.inputs).hidden_state
        points = session.kept(
            f"{page.name}.points {network.title}",
            (experiment, lane.step),
            lambda e=experiment, p=parameters, s=states: fixed_points(e, p, s, np.zeros(1)),  # type: ignore[misc]
        )
        odd = batch.targets[..., 0] > 0.5
        shown.append((network.title, look().theme.hue("rnn"), principal_plane(states), states, odd, points))
    counts = [len(each[-1]) for each in shown]
    with lesson.column():
        still_chart(f"{page.name}.portraits", portrait_canvas(look(), shown), f"Fixed points: {counts}.")
    return counts
