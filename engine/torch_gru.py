"""The GRU's fast twin: backpropagation through time written out as one autograd function.

`torch.gru` on a CPU runs a generic loop, which at the app's sizes takes more than three times as long as this one: the
equations of `engine/cells/gru.py` in place (see `torch_recurrence`), and all slopes in single operations over the whole
sequence.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from engine.torch_recurrence import gradients_by_step, heard_by, weight_gradient


class _Recurrence(torch.autograd.Function):
    """h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_{t−1} for t = 1…T, from h_0.

    A step has four blocks of H rows: what goes into r_t, into z_t, what n_t recalls of h_{t−1} if r_t lets it through,
    and what goes into n_t from x_t. The first three hear h_{t−1}, all but the third x_t.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        inputs: Tensor,
        input_weights: Tensor,
        recurrent: Tensor,
        input_bias: Tensor,
        recurrent_bias: Tensor,
        start: Tensor,
    ) -> Tensor:
        width = recurrent.shape[1]
        heard = heard_by(inputs, start)
        weights = _stacked(*(each.detach().numpy() for each in (input_weights, recurrent, input_bias, recurrent_bias)))
        halved = weights.copy()
        halved[: 2 * width] *= 0.5  # σ(x) = ½ + ½ tanh(x/2)
        blocks = np.empty((len(heard) - 1, 4 * width, heard.shape[2]), heard.dtype)  # r, z, recalled, at last n
        half = np.full_like(blocks[0, : 2 * width], 0.5)
        passed = np.empty_like(blocks[0, :width])
        with np.errstate(all="ignore"):  # training looks for itself whether anything has overflowed
            for now, block, state in zip(heard[:-1], blocks, heard[1:, :width], strict=True):
                np.dot(halved, now, out=block)
                gates, n = block[: 2 * width], block[3 * width :]
                np.tanh(gates, out=gates)
                gates *= half
                gates += half
                np.multiply(gates[:width], block[2 * width : 3 * width], out=passed)
                n += passed
                np.tanh(n, out=n)
                np.subtract(now[:width], n, out=state)
                state *= gates[width:]
                state += n
        ctx.trace = heard, weights, blocks  # type: ignore[attr-defined]
        return torch.from_numpy(heard[1:, :width].swapaxes(1, 2))

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        heard, weights, blocks = ctx.trace  # type: ignore[attr-defined]
        steps, batch = len(blocks), blocks.shape[2]
        width = len(weights) // 4
        wants_inputs_grad = ctx.needs_input_grad[0]  # type: ignore[attr-defined]
        back = np.ascontiguousarray((weights[:, :-1] if wants_inputs_grad else weights[: 3 * width, :width]).T)
        before = np.zeros((len(back), batch), heard.dtype)  # ∂L/∂h_{t−1} by way of gates, ∂L/∂x_t where it is wanted
        inputs_grad = np.empty((steps, batch, len(before) - width), heard.dtype)
        r, z, recalled, n = (blocks[:, first : first + width] for first in range(0, 4 * width, width))
        from_future, kept = np.zeros((2, width, batch), heard.dtype)
        with np.errstate(all="ignore"):
            # first the slopes of h_t by each block, then their gradients
            packed = np.empty((steps, 4, width, batch), heard.dtype)
            shut, scratch = 1 - z, n * n
            np.subtract(1, scratch, out=scratch)
            n_slope = np.multiply(shut, scratch, out=packed[:, 3])
            recalled_slope = np.multiply(r, n_slope, out=packed[:, 2])
            np.subtract(1, r, out=scratch)
            scratch *= recalled
            np.multiply(recalled_slope, scratch, out=packed[:, 0])
            np.subtract(heard[1:, :width], n, out=scratch)  # z_t ⊙ (h_{t−1} − n_t)
            np.multiply(scratch, shut, out=packed[:, 1])
            flat = packed.reshape(steps, 4 * width, batch)
            reaching = flat if wants_inputs_grad else flat[:, : 3 * width]
            for t, output_grad in reversed(list(enumerate(gradients_by_step(grads[0])))):
                if output_grad is not None:
                    from_future += output_grad
                packed[t] *= from_future
                np.dot(back, reaching[t], out=before)
                np.multiply(from_future, z[t], out=kept)
                np.add(before[:width], kept, out=from_future)
                if wants_inputs_grad:
                    inputs_grad[t] = before[width:].T
            gradient = torch.from_numpy(weight_gradient(flat, heard))
        hears_input = torch.cat([gradient[: 2 * width, width:], gradient[3 * width :, width:]])
        return (
            torch.from_numpy(inputs_grad) if wants_inputs_grad else None,
            hears_input[:, :-1],
            gradient[: 3 * width, :width],
            hears_input[:, -1],
            gradient[: 3 * width, -1],
            torch.from_numpy(from_future.T),
        )


def _stacked(
    input_weights: np.ndarray, recurrent: np.ndarray, input_bias: np.ndarray, recurrent_bias: np.ndarray
) -> np.ndarray:
    """[U W b] of the four blocks (4H, H + I + 1)."""
    width, channels = recurrent.shape[1], input_weights.shape[1]
    weights = np.zeros((4 * width, width + channels + 1), recurrent.dtype)
    weights[: 3 * width, :width] = recurrent
    weights[: 3 * width, -1] = recurrent_bias
    weights[: 2 * width, width:-1] = input_weights[: 2 * width]
    weights[: 2 * width, -1] += input_bias[: 2 * width]
    weights[3 * width :, width:-1] = input_weights[2 * width :]
    weights[3 * width :, -1] = input_bias[2 * width :]
    return weights


def run_gru(inputs: Tensor, weights: tuple[Tensor, Tensor, Tensor, Tensor], start: Tensor | None = None) -> Tensor:
    """h_1 … h_T (T, B, H) of a GRU on `inputs` (T, B, I) from h_0 = `start` (B, H), zero if None."""
    start = inputs.new_zeros(inputs.shape[1], weights[1].shape[1]) if start is None else start
    states: Tensor = _Recurrence.apply(inputs, *weights, start)  # type: ignore[no-untyped-call]
    return states
