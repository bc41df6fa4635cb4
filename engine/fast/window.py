"""The feed-forward network with a window in training: all steps at once."""

from __future__ import annotations

import numpy as np

from engine.cells.base import Weights
from engine.cells.rnn import phi_numpy, slope_numpy
from engine.cells.window import windows
from engine.fast.layer import LayerGradients, LayerPass


class WindowPass(LayerPass):
    """h_t = φ(W [x_t, x_{t−1}, …, x_{t−w+1}] + b) for t = 1…T.

    Args:
        inputs: (T, B, I).
    """

    def __init__(self, inputs: np.ndarray, weights: Weights, activation: str) -> None:
        self._weights = weights
        self._activation = activation
        self._channels = inputs.shape[2]
        self._seen = windows(inputs, weights.input.shape[1] // self._channels)
        self.states = phi_numpy(activation)(self._seen @ weights.input.T + weights.input_bias)

    def back(self, states_grad: np.ndarray, *, inputs_too: bool = False) -> LayerGradients:
        first, fan_in = len(self.states) - len(states_grad), self._seen.shape[2]
        driven = states_grad * slope_numpy(self.states[first:], self._activation)
        flat = driven.reshape(-1, driven.shape[2])
        weights = Weights(
            flat.T @ self._seen[first:].reshape(-1, fan_in),
            np.zeros_like(self._weights.recurrent),
            flat.sum(axis=0),
            np.zeros_like(self._weights.recurrent_bias),
        )
        return LayerGradients(weights, None, self._inputs_grad(driven) if inputs_too else None)

    def _inputs_grad(self, driven: np.ndarray) -> np.ndarray:
        """(T, B, I): what each input receives at the steps that see it, of (n, B, H) at the last n steps."""
        steps, batch, fan_in = self._seen.shape
        gradient = np.zeros((steps + fan_in // self._channels - 1, batch, self._channels), driven.dtype)
        seen_grad = (driven @ self._weights.input).reshape(*driven.shape[:2], -1, self._channels)
        earliest = len(gradient) - len(driven)
        for lag in range(seen_grad.shape[2]):  # from w − 1 steps before the first on
            gradient[earliest - lag : len(gradient) - lag] += seen_grad[:, :, lag]
        return gradient[-steps:]
