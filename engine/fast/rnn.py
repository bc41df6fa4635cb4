"""The vanilla RNN in training: backpropagation through time in place, on the layout of `recurrence`."""

from __future__ import annotations

import numpy as np

from engine.cells.base import Weights
from engine.cells.rnn import slope_numpy
from engine.fast.layer import LayerGradients, LayerPass
from engine.fast.recurrence import heard_by, weights_gradient


class RNNPass(LayerPass):
    """h_t = φ(W x_t + b + U h_{t−1} + b') for t = 1…T.

    Args:
        inputs: (T, B, I).
        start: h_0 (B, H), zero if None.
    """

    def __init__(self, inputs: np.ndarray, weights: Weights, activation: str, start: np.ndarray | None) -> None:
        width = len(weights.recurrent)
        bias = (weights.input_bias + weights.recurrent_bias)[:, np.newaxis]
        self._stacked = np.concatenate([weights.recurrent, weights.input, bias], axis=1)  # (H, H + I + 1)
        self._activation = activation
        self._heard = heard_by(inputs, start, width)
        states = self._heard[1:, :width]
        for now, state in zip(self._heard[:-1], states, strict=True):
            np.dot(self._stacked, now, out=state)
            if activation == "tanh":
                np.tanh(state, out=state)
            elif activation == "relu":
                np.maximum(state, 0, out=state)
        self.states = states.swapaxes(1, 2)

    def back(self, states_grad: np.ndarray, *, inputs_too: bool = False) -> LayerGradients:
        steps, batch, width = self.states.shape
        transposed = np.ascontiguousarray((self._stacked[:, :-1] if inputs_too else self._stacked[:, :width]).T)
        before = np.zeros((len(transposed), batch), transposed.dtype)  # ∂L/∂h_{t−1}, and ∂L/∂x_t where it is wanted
        from_future = before[:width]
        inputs_grad = np.empty((steps, batch, len(transposed) - width), transposed.dtype)
        slopes = slope_numpy(self._heard[1:, :width], self._activation)  # then ∂L/∂(what goes into the units)
        first = steps - len(states_grad)
        for t, driven_grad in zip(reversed(range(steps)), slopes[::-1], strict=True):
            if t >= first:
                from_future += states_grad[t - first].T
            np.multiply(from_future, driven_grad, out=driven_grad)
            np.dot(transposed, driven_grad, out=before)
            if inputs_too:
                inputs_grad[t] = before[width:].T
        gradient = weights_gradient(slopes, self._heard[:-1])
        recurrent, bias = gradient[:, :width], gradient[:, -1]
        return LayerGradients(
            Weights(gradient[:, width:-1], recurrent, bias, bias),
            from_future.T[np.newaxis],
            inputs_grad if inputs_too else None,
        )
