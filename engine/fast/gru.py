"""The GRU in training: backpropagation through time in place, on the layout of `recurrence`.

The equations are those of `engine/cells/gru.py`; all slopes are single operations over the whole sequence.
"""

from __future__ import annotations

import numpy as np

from engine.cells.base import Weights
from engine.fast.layer import LayerGradients, LayerPass
from engine.fast.recurrence import heard_by, weights_gradient


class GRUPass(LayerPass):
    """h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_{t−1} for t = 1…T.

    A step has four blocks of H rows: what goes into n_t from x_t, what goes into r_t and into z_t, and what n_t
    recalls of h_{t−1} as far as r_t lets it through. The first three hear x_t, the last three h_{t−1}.

    Args:
        inputs: (T, B, I).
        start: h_0 (B, H), zero if None.
    """

    def __init__(self, inputs: np.ndarray, weights: Weights, start: np.ndarray | None) -> None:
        width = weights.recurrent.shape[1]
        self._stacked = _stacked(weights)
        self._heard = heard_by(inputs, start, width)
        states = self._heard[1:, :width]
        halved = self._stacked.copy()
        halved[width : 3 * width] *= 0.5  # σ(x) = ½ + ½ tanh(x/2)
        self._blocks = np.empty((len(states), 4 * width, states.shape[2]), states.dtype)  # n at last, r, z, recalled
        half = np.full_like(self._blocks[0, : 2 * width], 0.5)
        passed = np.empty_like(states[0])
        for now, block, state in zip(self._heard[:-1], self._blocks, states, strict=True):
            np.dot(halved, now, out=block)
            n, gates = block[:width], block[width : 3 * width]
            np.tanh(gates, out=gates)
            gates *= half
            gates += half
            np.multiply(gates[:width], block[3 * width :], out=passed)
            n += passed
            np.tanh(n, out=n)
            np.subtract(now[:width], n, out=state)
            state *= gates[width:]
            state += n
        self.states = states.swapaxes(1, 2)

    def back(self, states_grad: np.ndarray, *, inputs_too: bool = False) -> LayerGradients:
        steps, batch, width = self.states.shape
        reaching = slice(0 if inputs_too else width, None)  # only the last three blocks have heard h_{t−1}
        transposed = np.ascontiguousarray(self._stacked[reaching, : -1 if inputs_too else width].T)
        # ∂L/∂h_{t−1} by way of gates, and ∂L/∂x_t where it is wanted
        before = np.empty((len(transposed), batch), transposed.dtype)
        inputs_grad = np.empty((steps, batch, len(transposed) - width), transposed.dtype)
        from_future, kept = np.zeros((2, width, batch), transposed.dtype)
        slopes = self._slopes()
        gradient = slopes.reshape(steps, 4 * width, batch)  # in the end of what goes into the blocks
        update = self._blocks[:, 2 * width : 3 * width]
        first = steps - len(states_grad)
        backwards = slopes[::-1], gradient[::-1, reaching], update[::-1]
        for t, blocks, driven, z in zip(reversed(range(steps)), *backwards, strict=True):
            if t >= first:
                from_future += states_grad[t - first].T
            blocks *= from_future
            np.dot(transposed, driven, out=before)
            np.multiply(from_future, z, out=kept)
            np.add(before[:width], kept, out=from_future)
            if inputs_too:
                inputs_grad[t] = before[width:].T
        recurrent = weights_gradient(gradient[:, width:], self._heard[:-1, :width])
        rest = weights_gradient(gradient[:, : 3 * width], self._heard[:-1, width:])
        rest = np.concatenate([rest[width:], rest[:width]])  # n, r, z → r, z, n
        bias = rest[:, -1]
        recalled_bias = gradient[:, 3 * width :].sum(axis=0).sum(axis=1)
        return LayerGradients(
            Weights(rest[:, :-1], recurrent, bias, np.concatenate([bias[: 2 * width], recalled_bias])),
            from_future.T[np.newaxis],
            inputs_grad if inputs_too else None,
        )

    def _slopes(self) -> np.ndarray:
        """∂h_t/∂(what goes into each block), by way of step t alone, (T, 4, H, B)."""
        steps, width = len(self._blocks), self.states.shape[2]
        n, r, z, recalled = (self._blocks[:, first : first + width] for first in range(0, 4 * width, width))
        slopes = np.empty((steps, 4, *n.shape[1:]), n.dtype)
        shut, scratch = 1 - z, n * n
        np.subtract(1, scratch, out=scratch)
        np.multiply(shut, scratch, out=slopes[:, 0])
        np.multiply(r, slopes[:, 0], out=slopes[:, 3])
        np.subtract(1, r, out=scratch)
        scratch *= recalled
        np.multiply(slopes[:, 3], scratch, out=slopes[:, 1])
        np.subtract(self._heard[1:, :width], n, out=scratch)  # z_t ⊙ (h_{t−1} − n_t)
        np.multiply(scratch, shut, out=slopes[:, 2])
        return slopes


def _stacked(weights: Weights) -> np.ndarray:
    """[U W b] of the four blocks (4H, H + I + 1)."""
    width, channels = weights.recurrent.shape[1], weights.input.shape[1]
    stacked = np.zeros((4 * width, width + channels + 1), weights.recurrent.dtype)
    stacked[width:, :width] = weights.recurrent
    stacked[width:, -1] = weights.recurrent_bias
    stacked[:width, width:-1] = weights.input[2 * width :]
    stacked[:width, -1] = weights.input_bias[2 * width :]
    stacked[width : 3 * width, width:-1] = weights.input[: 2 * width]
    stacked[width : 3 * width, -1] += weights.input_bias[: 2 * width]
    return stacked
