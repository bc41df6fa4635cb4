"""The vanilla recurrent network (Elman 1990).

    h_t = φ(W x_t + b + U h_{t−1} + b')

φ is tanh, ReLU, or the identity; with the identity the network is a linear dynamical system.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from engine.cells.base import Cell, Trace, Weights
from engine.cells.interference import Interference

if TYPE_CHECKING:
    from engine.fast.layer import LayerPass

_NUMPY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "identity": lambda z: z,
}


class RNN(Cell[Trace]):
    """One block: the new state."""

    name = "rnn"
    title = "RNN"
    equations = ("h<sub>t</sub> = tanh(W x<sub>t</sub> + U h<sub>t−1</sub> + b)",)
    blocks = 1
    own_settings = frozenset({"activation"})
    order = 0
    step_cost = 0.4

    def forward(
        self,
        weights: Weights,
        inputs: np.ndarray,
        activation: str,
        start: np.ndarray | None = None,
        interference: Interference | None = None,
    ) -> Trace:
        phi = phi_numpy(activation)
        driven = inputs @ weights.input.T + (weights.input_bias + weights.recurrent_bias)  # (T, B, H)
        recurrent = np.ascontiguousarray(weights.recurrent.T)
        states = np.empty_like(driven)
        start = np.zeros((1, *driven.shape[1:])) if start is None else start
        (h,) = start if interference is None else interference.begin(start)
        for t, x in enumerate(driven):
            h = states[t] = phi(x + h @ recurrent)
            if interference is not None:
                h = interference.states[0].apply(t, states, start[0])
        return Trace(start, np.full_like(start, np.nan), states, np.full_like(states, np.nan))

    def backward(
        self,
        weights: Weights,
        trace: Trace,
        output_grad: np.ndarray,
        activation: str,
        interference: Interference | None = None,
    ) -> tuple[Trace, np.ndarray]:
        if interference is None:
            slope = slope_numpy(trace.hidden_state, activation)
        else:
            (change,) = interference.states
            slope = slope_numpy(change.made(trace.hidden_state, trace.start[0]), activation) * change.own[:, np.newaxis]
        state_grad = np.empty_like(output_grad)
        from_future = np.zeros_like(output_grad[0])
        for t in reversed(range(len(output_grad))):
            state_grad[t] = output_grad[t] + from_future
            from_future = (state_grad[t] * slope[t]) @ weights.recurrent
            if interference is not None:
                from_future = interference.states[0].back(t, from_future, state_grad)
        trace = replace(trace, hidden_state_grad=state_grad, start_grad=from_future[np.newaxis])
        return trace, (state_grad * slope) @ weights.input

    def run_fast(
        self, inputs: np.ndarray, weights: Weights, activation: str, start: np.ndarray | None = None
    ) -> LayerPass:
        from engine.fast.rnn import RNNPass

        return RNNPass(inputs, weights, activation, None if start is None else start[0])


def phi_numpy(activation: str) -> Callable[[np.ndarray], np.ndarray]:
    """φ."""
    return _NUMPY[activation]


def slope_numpy(states: np.ndarray, activation: str) -> np.ndarray:
    """φ' at each step, told from φ's value there."""
    match activation:
        case "tanh":
            return np.asarray(1 - states * states)
        case "relu":
            return (states > 0).astype(states.dtype)
    return np.ones_like(states)
