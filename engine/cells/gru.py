"""The gated recurrent unit (Cho et al. 2014), in PyTorch's convention.

    r_t = σ(W_r x_t + U_r h_{t−1} + b_r)              reset gate
    z_t = σ(W_z x_t + U_z h_{t−1} + b_z)              update gate; 1 keeps the old state
    n_t = tanh(W_n x_t + b_n + r_t ⊙ (U_n h_{t−1} + b'_n))   candidate
    h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_{t−1}

Blocks are packed r, z, n.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from engine.cells.base import Cell, Panel, Trace, Weights, before, sigmoid
from engine.cells.interference import Interference

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class GRUTrace(Trace):
    """What a GRU layer did; every array is (T, B, H).

    Attributes:
        reset_gate: r_t, 0…1.
        update_gate: z_t, 0…1; 1 keeps the old state.
        candidate: n_t, −1…1; not a gate.
        recalled: U_n h_{t−1} + b'_n, what the reset gate is multiplied with.
    """

    reset_gate: np.ndarray
    update_gate: np.ndarray
    candidate: np.ndarray
    recalled: np.ndarray


class GRU(Cell[GRUTrace]):
    """Three blocks: reset gate, update gate, candidate."""

    name = "gru"
    title = "GRU"
    equations = (
        "h<sub>t</sub> = (1 − z<sub>t</sub>) n<sub>t</sub> + z<sub>t</sub> h<sub>t−1</sub>",
        "n<sub>t</sub> = tanh(W x<sub>t</sub> + r<sub>t</sub> U h<sub>t−1</sub>)",
    )
    blocks = 3
    gate_blocks = MappingProxyType({"reset_gate": 0, "update_gate": 1})
    panels = (
        Panel("reset_gate", "Reset gate", "r", True, "Shut (0), the candidate forgets the old state."),
        Panel("update_gate", "Update gate", "z", True, "Open (1), the old state is kept; shut (0), it is replaced."),
    )
    order = 1
    step_cost = 2.4

    def forward(
        self,
        weights: Weights,
        inputs: np.ndarray,
        activation: str,
        start: np.ndarray | None = None,
        interference: Interference | None = None,
    ) -> GRUTrace:
        driven_r, driven_z, driven_n = np.split(inputs @ weights.input.T + weights.input_bias, 3, axis=-1)
        u_r, u_z, u_n = (block.T for block in np.split(weights.recurrent, 3))
        b_r, b_z, b_n = np.split(weights.recurrent_bias, 3)
        states, r, z, n, recalled = (np.empty(driven_r.shape) for _ in range(5))
        start = np.zeros((1, *driven_r.shape[1:])) if start is None else start
        (h,) = start if interference is None else interference.begin(start)
        for t in range(len(states)):
            r[t] = sigmoid(driven_r[t] + h @ u_r + b_r)
            z[t] = sigmoid(driven_z[t] + h @ u_z + b_z)
            if interference is not None:
                r[t], z[t] = interference.held(t, 0, r[t]), interference.held(t, 1, z[t])
            recalled[t] = h @ u_n + b_n
            n[t] = np.tanh(driven_n[t] + r[t] * recalled[t])
            h = states[t] = (1 - z[t]) * n[t] + z[t] * h
            if interference is not None:
                h = interference.states[0].apply(t, states, start[0])
        return GRUTrace(start, np.full_like(start, np.nan), states, np.full_like(states, np.nan), r, z, n, recalled)

    def backward(
        self,
        weights: Weights,
        trace: GRUTrace,
        output_grad: np.ndarray,
        activation: str,
        interference: Interference | None = None,
    ) -> tuple[GRUTrace, np.ndarray]:
        r, z, n = trace.reset_gate, trace.update_gate, trace.candidate
        u_r, u_z, u_n = np.split(weights.recurrent, 3)
        keeps, previous = z, before(trace.hidden_state, trace.start[0])
        if interference is not None:
            previous = interference.states[0].seen(previous)
        n_slope = (1 - z) * (1 - n * n)  # ∂h_t/∂n_pre
        z_slope = (previous - n) * z * (1 - z)  # ∂h_t/∂z_pre
        r_slope = trace.recalled * r * (1 - r)  # ∂n_pre/∂r_pre
        if interference is not None:
            own, free = interference.states[0].own[:, np.newaxis], interference.free[:, :, np.newaxis]
            keeps, n_slope, z_slope, r_slope = own * z, own * n_slope, own * free[:, 1] * z_slope, free[:, 0] * r_slope
        state_grad, r_grad, z_grad, n_grad = (np.empty_like(output_grad) for _ in range(4))
        from_future = np.zeros_like(output_grad[0])
        for t in reversed(range(len(output_grad))):
            dh = state_grad[t] = output_grad[t] + from_future
            n_grad[t] = dh * n_slope[t]
            z_grad[t] = dh * z_slope[t]
            r_grad[t] = n_grad[t] * r_slope[t]
            from_future = dh * keeps[t] + (n_grad[t] * r[t]) @ u_n + z_grad[t] @ u_z + r_grad[t] @ u_r
            if interference is not None:
                from_future = interference.states[0].back(t, from_future, state_grad)
        packed = np.concatenate([r_grad, z_grad, n_grad], axis=-1)
        trace = replace(trace, hidden_state_grad=state_grad, start_grad=from_future[np.newaxis])
        return trace, packed @ weights.input

    def run_torch(
        self,
        inputs: Tensor,
        weights: tuple[Tensor, Tensor, Tensor, Tensor],
        activation: str,
        start: Tensor | None = None,
    ) -> Tensor:
        from engine.torch_gru import run_gru

        return run_gru(inputs, weights, None if start is None else start[0])
