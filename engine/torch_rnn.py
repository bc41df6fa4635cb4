"""The vanilla RNN's fast twin: backpropagation through time written out as one autograd function.

`torch.nn.RNN` on a CPU runs a generic loop; this one does the same arithmetic in place (see `torch_recurrence`), and a
training step at the app's sizes is nearly three times as fast. It also knows the identity activation, which
torch.nn.RNN does not.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from engine.cells.rnn import slope_numpy
from engine.torch_recurrence import gradients_by_step, heard_by, weight_gradient


class _Recurrence(torch.autograd.Function):
    """h_t = φ(W x_t + b + U h_{t−1} + b') for t = 1…T, from h_0."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        inputs: Tensor,
        input_weights: Tensor,
        recurrent: Tensor,
        input_bias: Tensor,
        recurrent_bias: Tensor,
        start: Tensor,
        activation: str,
    ) -> Tensor:
        width = len(recurrent)
        heard = heard_by(inputs, start)
        biases = (input_bias + recurrent_bias).unsqueeze(1)
        weights = np.concatenate([each.detach().numpy() for each in (recurrent, input_weights, biases)], axis=1)
        with np.errstate(all="ignore"):  # training looks for itself whether anything has overflowed
            for now, state in zip(heard[:-1], heard[1:, :width], strict=True):
                np.dot(weights, now, out=state)
                if activation == "tanh":
                    np.tanh(state, out=state)
                elif activation == "relu":
                    np.maximum(state, 0, out=state)
        ctx.trace = heard, weights, activation  # type: ignore[attr-defined]
        return torch.from_numpy(heard[1:, :width].swapaxes(1, 2))

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        heard, weights, activation = ctx.trace  # type: ignore[attr-defined]
        width = len(weights)
        wants_inputs_grad = ctx.needs_input_grad[0]  # type: ignore[attr-defined]
        back = np.ascontiguousarray((weights[:, :-1] if wants_inputs_grad else weights[:, :width]).T)
        before = np.zeros((len(back), heard.shape[2]), heard.dtype)  # ∂L/∂h_{t−1}, and ∂L/∂x_t where it is wanted
        from_future = before[:width]
        inputs_grad = np.empty((len(heard) - 1, heard.shape[2], len(before) - width), heard.dtype)
        with np.errstate(all="ignore"):
            slopes = slope_numpy(heard[1:, :width], activation)
            driven_grads = np.empty_like(slopes)
            for t, output_grad in reversed(list(enumerate(gradients_by_step(grads[0])))):
                if output_grad is not None:
                    from_future += output_grad
                np.multiply(from_future, slopes[t], out=driven_grads[t])
                np.dot(back, driven_grads[t], out=before)
                if wants_inputs_grad:
                    inputs_grad[t] = before[width:].T
            gradient = torch.from_numpy(weight_gradient(driven_grads, heard))
        bias = gradient[:, -1]
        return (
            torch.from_numpy(inputs_grad) if wants_inputs_grad else None,
            gradient[:, width:-1],
            gradient[:, :width],
            bias,
            bias,
            torch.from_numpy(from_future.T),
            None,
        )


def run_rnn(
    inputs: Tensor, weights: tuple[Tensor, Tensor, Tensor, Tensor], activation: str, start: Tensor | None = None
) -> Tensor:
    """h_1 … h_T (T, B, H) of a vanilla RNN on `inputs` (T, B, I) from h_0 = `start` (B, H), zero if None."""
    input_weights, recurrent, input_bias, recurrent_bias = weights
    start = inputs.new_zeros(inputs.shape[1], len(recurrent)) if start is None else start
    states: Tensor = _Recurrence.apply(  # type: ignore[no-untyped-call]
        inputs, input_weights, recurrent, input_bias, recurrent_bias, start, activation
    )
    return states
