"""The GRU's fast twin: backpropagation through time written out as one autograd function.

`torch.gru` on a CPU runs a generic loop, which at the app's sizes takes three times as long as this one: here the
equations of `engine/cells/gru.py` are worked out in place, in NumPy, which takes half as long as PyTorch for operations
as small as a time step's; all slopes and the weights' gradient are single operations over the whole sequence.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


class _Recurrence(torch.autograd.Function):
    """h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_{t−1} for t = 1…T, from h_0; blocks of 3H columns are packed r, z, n."""

    @staticmethod
    def forward(ctx: FunctionCtx, driven: Tensor, recurrent: Tensor, bias: Tensor, start: Tensor) -> Tensor:
        ctx.save_for_backward(recurrent, start)
        steps, batch, width = driven.shape[0], driven.shape[1], recurrent.shape[1]
        # block by block, (3, B, H) a step, so that what an operation reads lies side by side
        blocks = np.ascontiguousarray(driven.detach().numpy().reshape(steps, batch, 3, width).swapaxes(1, 2))
        weights = np.ascontiguousarray(recurrent.detach().numpy().reshape(3, width, width).swapaxes(1, 2))
        biases = np.tile(bias.detach().numpy().reshape(3, 1, width), (batch, 1))
        gates, n, recalled, states = (
            np.empty((steps, *shape), blocks.dtype) for shape in ((2, batch, width), *[(batch, width)] * 3)
        )
        h = start.detach().numpy()
        half = np.full_like(gates[0], 0.5)
        with np.errstate(all="ignore"):  # training looks for itself whether anything has overflowed
            # σ(x) = ½ + ½ tanh(x/2): the gates' part is halved beforehand
            blocks[:, :2] += biases[:2]
            blocks[:, :2] *= 0.5
            weights[:2] *= 0.5
            for block, gate, step_n, u, state in zip(blocks, gates, n, recalled, states, strict=True):
                np.matmul(h, weights[:2], out=gate)
                gate += block[:2]
                np.tanh(gate, out=gate)
                gate *= half
                gate += half
                r, z = gate
                np.dot(h, weights[2], out=u)
                u += biases[2]
                np.multiply(r, u, out=step_n)
                step_n += block[2]
                np.tanh(step_n, out=step_n)
                np.subtract(h, step_n, out=state)
                state *= z
                state += step_n
                h = state
        ctx.trace = states, n, gates, recalled  # type: ignore[attr-defined]
        return torch.from_numpy(states)

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        recurrent, start = (each.detach().numpy() for each in ctx.saved_tensors)  # type: ignore[attr-defined]
        states, n, gates, recalled = ctx.trace  # type: ignore[attr-defined]
        steps, batch, width = states.shape
        r, z = gates[:, 0], gates[:, 1]
        previous = np.concatenate([start[np.newaxis], states[:-1]])
        from_future = np.zeros_like(states[0])
        with np.errstate(all="ignore"):
            n_slope = (1 - z) * (1 - n * n)  # ∂h_t/∂n_pre
            # first the slopes of h_t by what comes from h_{t−1} through U_r, U_z and U_n, then their gradients
            packed = np.empty((steps, batch, 3, width), states.dtype)
            r_slope, z_slope, u_slope = packed[:, :, 0], packed[:, :, 1], packed[:, :, 2]
            np.multiply(r, n_slope, out=u_slope)
            np.multiply(u_slope, recalled * (1 - r), out=r_slope)
            np.multiply(previous - n, z * (1 - z), out=z_slope)
            state_grads = np.empty_like(states)
            rows = zip(grads[0].numpy(), z, packed, packed.reshape(steps, batch, -1), state_grads, strict=True)
            for output_grad, keeps, pre_grad, pre_grad_row, grad in reversed(list(rows)):
                np.add(output_grad, from_future, out=grad)
                pre_grad *= grad[:, np.newaxis]
                np.dot(pre_grad_row, recurrent, out=from_future)
                from_future += grad * keeps
            flat = packed.reshape(-1, 3 * width)
            recurrent_grad, bias_grad = flat.T @ previous.reshape(-1, width), flat.sum(axis=0)
            np.multiply(state_grads, n_slope, out=u_slope)  # r and z hear x_t as they hear h_{t−1}; n does not
        driven_grad = packed.reshape(steps, batch, -1)
        return tuple(map(torch.from_numpy, (driven_grad, recurrent_grad, bias_grad, from_future)))  # type: ignore[return-value]


def run_gru(inputs: Tensor, weights: tuple[Tensor, Tensor, Tensor, Tensor], start: Tensor | None = None) -> Tensor:
    """h_1 … h_T (T, B, H) of a GRU on `inputs` (T, B, I) from h_0 = `start` (B, H), zero if None."""
    input_weights, recurrent, input_bias, recurrent_bias = weights
    driven = torch.nn.functional.linear(inputs, input_weights, input_bias)
    start = inputs.new_zeros(inputs.shape[1], recurrent.shape[1]) if start is None else start
    states: Tensor = _Recurrence.apply(driven, recurrent, recurrent_bias, start)  # type: ignore[no-untyped-call]
    return states
