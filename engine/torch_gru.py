"""The GRU's fast twin: backpropagation through time written out as one autograd function.

`torch.gru` on a CPU runs a generic loop, which at the app's sizes takes twice as long as this one: here the
equations of `engine/cells/gru.py` are worked out in place, six operations a step forward and four back, and all
slopes and the weights' gradient are single operations over the whole sequence.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


class _Recurrence(torch.autograd.Function):
    """h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_{t−1} for t = 1…T, from h_0; blocks of 3H columns are packed r, z, n."""

    @staticmethod
    def forward(ctx: FunctionCtx, driven: Tensor, recurrent: Tensor, bias: Tensor, start: Tensor) -> Tensor:
        steps, batch, width = driven.shape[0], driven.shape[1], recurrent.shape[1]
        states = driven.new_empty(steps, batch, width)
        candidates = torch.empty_like(states)
        gates, from_state = driven.new_empty(steps, batch, 2 * width), torch.empty_like(driven)
        transposed = recurrent.t().contiguous()
        h = start
        for x_rz, x_n, u, u_rz, u_n, rz, r, z, n, state in zip(
            driven[..., : 2 * width].unbind(0),
            driven[..., 2 * width :].unbind(0),
            from_state.unbind(0),
            from_state[..., : 2 * width].unbind(0),
            from_state[..., 2 * width :].unbind(0),
            gates.unbind(0),
            gates[..., :width].unbind(0),
            gates[..., width:].unbind(0),
            candidates.unbind(0),
            states.unbind(0),
            strict=True,
        ):
            torch.addmm(bias, h, transposed, out=u)
            torch.add(x_rz, u_rz, out=rz).sigmoid_()
            torch.addcmul(x_n, r, u_n, out=n).tanh_()
            h = torch.lerp(n, h, z, out=state)
        ctx.save_for_backward(states, candidates, gates, from_state[..., 2 * width :], recurrent, start)
        return states

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        states, n, gates, recalled, recurrent, start = ctx.saved_tensors  # type: ignore[attr-defined]
        r, z = (each.contiguous() for each in gates.chunk(2, dim=-1))
        previous = torch.cat([start.unsqueeze(0), states[:-1]])
        n_slope = (1 - z) * (1 - n * n)  # ∂h_t/∂n_pre
        slopes = torch.stack([recalled * r * (1 - r) * n_slope, (previous - n) * z * (1 - z), r * n_slope], dim=2)
        packed, state_grad = torch.empty_like(slopes), torch.empty_like(states)
        from_future = torch.zeros_like(start)
        for step in reversed(
            list(
                zip(
                    grads[0].unbind(0),
                    z.unbind(0),
                    slopes.unbind(0),
                    state_grad.unbind(0),
                    state_grad.unsqueeze(2).unbind(0),
                    packed.unbind(0),
                    packed.flatten(2).unbind(0),
                    strict=True,
                )
            )
        ):
            output_grad, step_z, slope, dh, dh_column, pre_grad, pre_grad_row = step
            torch.add(output_grad, from_future, out=dh)
            torch.mul(slope, dh_column, out=pre_grad)
            torch.mm(pre_grad_row, recurrent, out=from_future).addcmul_(dh, step_z)
        packed = packed.flatten(2)
        recurrent_grad = packed.flatten(0, 1).t() @ previous.flatten(0, 1)
        driven_grad = torch.cat([packed[..., : -states.shape[-1]], state_grad * n_slope], dim=-1)
        return driven_grad, recurrent_grad, packed.sum((0, 1)), from_future


def run_gru(inputs: Tensor, weights: tuple[Tensor, Tensor, Tensor, Tensor], start: Tensor | None = None) -> Tensor:
    """h_1 … h_T (T, B, H) of a GRU on `inputs` (T, B, I) from h_0 = `start` (B, H), zero if None."""
    input_weights, recurrent, input_bias, recurrent_bias = weights
    driven = torch.nn.functional.linear(inputs, input_weights, input_bias)
    start = inputs.new_zeros(inputs.shape[1], recurrent.shape[1]) if start is None else start
    states: Tensor = _Recurrence.apply(driven, recurrent, recurrent_bias, start)  # type: ignore[no-untyped-call]
    return states
