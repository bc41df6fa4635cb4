"""The chart of products of Jacobians on the page about gradients."""

from __future__ import annotations

from dataclasses import replace

from engine.analysis.jacobians import bound, flow_to_the_end
from engine.lessons import FADES
from engine.supply import displayed_batch
from engine.training import initial_state
from figures.flow import Curve, flow_canvas
from ui.live_chart import still_chart
from ui.navigation import Lesson
from ui.training import look


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
