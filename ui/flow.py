"""The parts of the page about gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from engine.analysis.clipping import clipped
from engine.analysis.health import LENGTHS, MAP, RADII, Health, Spot, grid, measure
from engine.analysis.jacobians import bound, flow_to_the_end
from engine.experiment import Experiment
from engine.lane import Lane
from engine.lessons import FADES
from engine.setup import Setup
from engine.supply import displayed_batch
from engine.sweep import Job, Sweep
from engine.training import initial_state
from figures.canvas import Canvas
from figures.flow import Curve, flow_canvas
from figures.health_map import health_canvas
from ui import lesson as parts
from ui import navigation, session
from ui.live_chart import Click, still_chart
from ui.navigation import Lesson
from ui.sweeping import sweep
from ui.training import look

MAPPED: dict[str, Experiment] = {
    "tanh": MAP,
    "relu": replace(MAP, activation="relu"),
    "identity": replace(MAP, activation="identity"),
    "lstm": replace(MAP, cell="lstm", forget_bias=3.0),
}
MAPPED_NAMES = {"tanh": "RNN, tanh", "relu": "RNN, ReLU", "identity": "RNN, linear", "lstm": "LSTM, forget bias 3"}


def flow_chart(lesson: Lesson, radius: float, forget_bias: float) -> None:
    """‖∂h_T/∂h_k‖ of untrained networks: linear, tanh, and an LSTM with its cell state."""
    rnn = replace(FADES, initialization="orthogonal", spectral_radius=radius)
    lstm = replace(FADES, cell="lstm", forget_bias=forget_bias)
    inputs = displayed_batch(rnn).inputs[:, 0]
    parameters = initial_state(rnn).parameters
    tanh = flow_to_the_end(rnn, parameters, inputs).hidden_norm
    gated = flow_to_the_end(lstm, initial_state(lstm).parameters, inputs)
    assert gated.cell_norm is not None and gated.highway_norm is not None
    theme = look().theme
    curves = [
        Curve("linear = bound", bound(parameters["rnn.weight_hh_l0"], rnn.length), theme.muted, "dash"),
        Curve("RNN", tanh, theme.hue("rnn")),
        Curve("LSTM, all ways", gated.cell_norm, theme.hue("lstm")),
        Curve("cell state alone", gated.highway_norm, theme.hue("lstm"), "dot"),
    ]
    title = "<b>From one state to the last</b> ‖∂h<sub>T</sub>/∂h<sub>k</sub>‖; LSTM ‖∂h<sub>T</sub>/∂c<sub>k</sub>‖"
    far = ", ".join(f"{curve.title} {curve.norms[0]:.1e}" for curve in curves)
    still_chart(f"{lesson.name}.flow", flow_canvas(look(), title, curves), f"Norms 49 steps back: {far}.")


def health_map(lesson: Lesson, network: str, ready: bool) -> Sweep[Spot]:
    """Measure what arrives of a gradient over spectral radius and length; a click chooses a point."""
    experiment = MAPPED[network]

    def jobs() -> list[Job[Spot]]:
        return [Job(spot.experiment, spot, measure) for spot in grid(experiment, RADII, LENGTHS)]

    def draw(progress: Sequence[Spot]) -> tuple[Canvas, str]:
        return health_canvas(look(), RADII, LENGTHS, progress, _chosen(lesson, progress)), map_in_words(progress)

    def choose(click: Click) -> None:
        session.remember(f"{lesson.name}.spot", (float(click.x), int(click.y)))
        st.rerun()

    going = sweep(lesson, "map", experiment, jobs, draw, "Measure", ready, choose)
    _offer(_chosen(lesson, going.progress))
    return going


def map_in_words(spots: Sequence[Spot]) -> str:
    """The map for those who can't see it."""
    counts = ", ".join(f"{sum(spot.health is each for spot in spots)} {each}" for each in Health)
    return f"Of {len(spots)} pairs of spectral radius and length {counts}."


def what_became(spots: Sweep[Spot], mapped: str, hunch: str | None, ends: tuple[str, str, str]) -> str:
    """What has become of the gradient at ρ = 1 after 200 steps, beside the reader's guess, in a sentence.

    Args:
        ends: how the guesses call vanishing, healthy and exploding.
    """
    edge = health_at(spots.progress, 1.0, 200)
    became = dict(zip(Health, ends, strict=True))[edge.health or Health.HEALTHY]
    return (
        f"{parts.verdict(hunch if mapped == 'tanh' else None, became)} At ρ = 1 and T = 200 it is "
        f"{parts.power(10 ** (edge.decades or 0))} times its first size ({MAPPED_NAMES[mapped]})."
    )


def health_at(spots: Sequence[Spot], radius: float, length: int) -> Spot:
    """The point of the map at that radius and length."""
    return next(spot for spot in spots if (spot.experiment.spectral_radius, spot.experiment.length) == (radius, length))


def share_clipped(lane: Lane) -> float:
    """How many of the training steps were clipped, 0…1."""
    events = clipped(lane.experiment, lane.norms.values, lane.step - len(lane.norms))
    return float(np.mean(events)) if len(events) else 0.0


def _chosen(lesson: Lesson, spots: Sequence[Spot]) -> Spot | None:
    """The point that the reader has clicked on."""
    place = session.remembered(f"{lesson.name}.spot")
    return health_at(spots, *place) if place else None


def _offer(spot: Spot | None) -> None:
    """Say what the point is, and let it be taken to the playground."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", width=parts.READING, height=52,
                      border=False):  # fmt: skip
        if spot is None or spot.decades is None:
            st.caption("Click on a point of the map to set up that network in the playground.")
            return
        experiment = spot.experiment
        arrives = parts.power(10.0**spot.decades) if abs(spot.decades) < 300 else f"10<sup>{spot.decades:.0f}</sup>"
        st.markdown(
            f"ρ = {experiment.spectral_radius:g}, T = {experiment.length}: **{spot.health}**, {arrives} arrives.",
            unsafe_allow_html=True,
        )
        st.page_link(
            navigation.PLAYGROUND,
            label="Train it in the playground",
            icon=":material/science:",
            query_params=Setup(experiment, (experiment.cell,)).query_items(),
        )
