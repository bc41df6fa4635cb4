"""A feed-forward network with a window: what one does without recurrence (Waibel et al. 1989, time-delay networks).

    h_t = φ(W [x_t, x_{t−1}, …, x_{t−w+1}] + b)

The window w is a setting. With w = 1 the network sees the current input only. Before the sequence there are zeros.
Nothing is carried from step to step: there are no recurrent weights, and all steps are one matrix product.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from engine.cells.base import Cell, Trace, Weights
from engine.cells.interference import Interference
from engine.cells.rnn import phi_numpy, slope_numpy

if TYPE_CHECKING:
    from engine.fast.layer import LayerPass


class Window(Cell[Trace]):
    """One block, and no state: further layers see the layer below at the same step only."""

    name = "window"
    title = "Feed-forward"
    equations = ("h<sub>t</sub> = tanh(W [x<sub>t</sub> … x<sub>t−w+1</sub>] + b)",)
    blocks = 1
    states = 0
    own_settings = frozenset({"activation", "window"})
    order = 3
    step_cost = 0.12

    def forward(
        self,
        weights: Weights,
        inputs: np.ndarray,
        activation: str,
        start: np.ndarray | None = None,
        interference: Interference | None = None,
    ) -> Trace:
        seen = windows(inputs, weights.input.shape[1] // inputs.shape[2])
        states = phi_numpy(activation)(seen @ weights.input.T + weights.input_bias)  # (T, B, H)
        nothing = np.empty((0, *states.shape[1:]))
        if interference is not None:
            for t in range(len(states)):
                interference.states[0].apply(t, states, np.zeros_like(states[0]))
        return Trace(nothing, nothing, states, np.full_like(states, np.nan))

    def backward(
        self,
        weights: Weights,
        trace: Trace,
        output_grad: np.ndarray,
        activation: str,
        interference: Interference | None = None,
    ) -> tuple[Trace, np.ndarray]:
        states, state_grad, slope = trace.hidden_state, output_grad, slope_numpy(trace.hidden_state, activation)
        if interference is not None:
            (change,), nothing = interference.states, np.zeros_like(states[0])
            slope = slope_numpy(change.made(states, nothing), activation) * change.own[:, np.newaxis]
            state_grad = output_grad.copy()
            for t in reversed(range(1, len(states))):
                state_grad[t - 1] += change.back(t, nothing, state_grad)
        return replace(trace, hidden_state_grad=state_grad), (state_grad * slope) @ weights.input

    def run_fast(
        self, inputs: np.ndarray, weights: Weights, activation: str, start: np.ndarray | None = None
    ) -> LayerPass:
        from engine.fast.window import WindowPass

        return WindowPass(inputs, weights, activation)

    def fan_in(self, channels: int, window: int) -> int:
        return window * channels


def windows(inputs: np.ndarray, width: int) -> np.ndarray:
    """(T, B, w·I): at each step the last `width` inputs of (T, B, I), the newest first, zeros before the first."""
    padded = np.concatenate([np.zeros((width - 1, *inputs.shape[1:]), inputs.dtype), inputs])
    return np.concatenate([padded[width - 1 - lag : len(padded) - lag] for lag in range(width)], axis=-1)
