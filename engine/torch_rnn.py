"""The vanilla RNN's fast twin: backpropagation through time written out as one autograd function.

`torch.nn.RNN` on a CPU runs a generic loop; this one does the same arithmetic in place and gathers the
weight gradient in a single product, which makes a training step at the app's sizes about 1.7 times as
fast. It also knows the identity activation, which torch.nn.RNN does not.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


class _Recurrence(torch.autograd.Function):
    """h_t = φ(driven_t + U h_{t−1}) for t = 1…T, from h_0."""

    @staticmethod
    def forward(ctx: FunctionCtx, driven: Tensor, recurrent: Tensor, start: Tensor, activation: str) -> Tensor:
        states = torch.empty_like(driven)  # (T, B, H)
        transposed = recurrent.t().contiguous()
        h = start
        for x, state in zip(driven.unbind(0), states.unbind(0), strict=True):
            torch.addmm(x, h, transposed, out=state)
            if activation == "tanh":
                state.tanh_()
            elif activation == "relu":
                state.relu_()
            h = state
        ctx.save_for_backward(states, recurrent, start)
        ctx.activation = activation  # type: ignore[attr-defined]
        return states

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None]:
        states, recurrent, start = ctx.saved_tensors  # type: ignore[attr-defined]
        slope = _slope(states, ctx.activation)  # type: ignore[attr-defined]
        driven_grad = torch.empty_like(states)
        rows = list(zip(grads[0].unbind(0), slope.unbind(0), driven_grad.unbind(0), strict=True))
        output_grad, step_slope, later = rows[-1]
        torch.mul(output_grad, step_slope, out=later)
        for output_grad, step_slope, row in reversed(rows[:-1]):
            torch.addmm(output_grad, later, recurrent, out=row)
            row.mul_(step_slope)
            later = row
        recurrent_grad = driven_grad[1:].flatten(0, 1).t() @ states[:-1].flatten(0, 1)
        if not ctx.needs_input_grad[2]:  # type: ignore[attr-defined]
            return driven_grad, recurrent_grad.addmm_(later.t(), start), None, None
        return driven_grad, recurrent_grad.addmm_(later.t(), start), later @ recurrent, None


def run_rnn(
    inputs: Tensor, weights: tuple[Tensor, Tensor, Tensor, Tensor], activation: str, start: Tensor | None = None
) -> Tensor:
    """h_1 … h_T (T, B, H) of a vanilla RNN on `inputs` (T, B, I) from h_0 = `start` (B, H), zero if None."""
    input_weights, recurrent, input_bias, recurrent_bias = weights
    driven = torch.nn.functional.linear(inputs, input_weights, input_bias + recurrent_bias)
    start = torch.zeros_like(driven[0]) if start is None else start
    states: Tensor = _Recurrence.apply(driven, recurrent, start, activation)  # type: ignore[no-untyped-call]
    return states


def _slope(states: Tensor, activation: str) -> Tensor:
    """φ' at each step, told from φ's value there."""
    match activation:
        case "tanh":
            return 1 - states * states
        case "relu":
            return (states > 0).to(states.dtype)
    return torch.ones_like(states)
