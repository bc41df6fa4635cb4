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

from engine.cells.base import Cell, Panel, Trace, Weights, before
from engine.cells.interference import Interference

if TYPE_CHECKING:
    from engine.fast.layer import LayerPass


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
    step_cost = 1.1

    def forward(
        self,
        weights: Weights,
        inputs: np.ndarray,
        activation: str,
        start: np.ndarray | None = None,
        interference: Interference | None = None,
    ) -> GRUTrace:
        steps, batch, width = inputs.shape[0], inputs.shape[1], weights.recurrent.shape[1]
        # σ(x) = ½ + ½ tanh(x/2): with the gates' part halved beforehand, one tanh does for both
        scale = np.repeat([0.5, 0.5, 1.0], width)
        driven = (inputs @ weights.input.T + weights.input_bias) * scale  # (T, B, 3H)
        recurrent = np.multiply(weights.recurrent.T, scale, order="C")
        bias = np.tile(weights.recurrent_bias * scale, (batch, 1))
        states, n, recalled = (np.empty((steps, batch, width)) for _ in range(3))
        gates = np.empty((steps, batch, 2, width))
        heard = np.empty((batch, 3 * width))
        start = np.zeros((1, batch, width)) if start is None else start
        (h,) = start if interference is None else interference.begin(start)
        for t, openings in enumerate(gates.reshape(steps, batch, -1)):
            np.matmul(h, recurrent, out=heard)
            np.add(heard, bias, out=heard)
            np.add(driven[t, :, : 2 * width], heard[:, : 2 * width], out=openings)
            np.tanh(openings, out=openings)
            openings *= 0.5
            openings += 0.5
            if interference is not None:
                gates[t] = interference.held(t, slice(2), gates[t])
            r, z = gates[t].swapaxes(0, 1)
            recalled[t] = heard[:, 2 * width :]
            np.multiply(r, recalled[t], out=n[t])
            n[t] += driven[t, :, 2 * width :]
            np.tanh(n[t], out=n[t])
            h = np.add((1 - z) * n[t], z * h, out=states[t])
            if interference is not None:
                h = interference.states[0].apply(t, states, start[0])
        r, z = np.moveaxis(gates, 2, 0)
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
        keeps, previous = z, before(trace.hidden_state, trace.start[0])
        if interference is not None:
            previous = interference.states[0].seen(previous)
        n_slope = (1 - z) * (1 - n * n)  # ∂h_t/∂n_pre
        z_slope = (previous - n) * z * (1 - z)  # ∂h_t/∂z_pre
        r_slope = trace.recalled * r * (1 - r)  # ∂n_pre/∂r_pre
        if interference is not None:
            own, free = interference.states[0].own[:, np.newaxis], interference.free[:, :, np.newaxis]
            keeps, n_slope, z_slope, r_slope = own * z, own * n_slope, own * free[:, 1] * z_slope, free[:, 0] * r_slope
        # ∂h_t/∂(what comes from h_{t−1} by U_r, U_z and U_n)
        slopes = np.stack([n_slope * r_slope, z_slope, n_slope * r], axis=2)
        state_grad, packed = np.empty_like(output_grad), np.empty_like(slopes)
        from_future = np.zeros_like(output_grad[0])
        for t in reversed(range(len(output_grad))):
            dh = np.add(output_grad[t], from_future, out=state_grad[t])
            np.multiply(slopes[t], dh[:, np.newaxis], out=packed[t])
            from_future = packed[t].reshape(len(dh), -1) @ weights.recurrent
            from_future += dh * keeps[t]
            if interference is not None:
                from_future = interference.states[0].back(t, from_future, state_grad)
        packed[:, :, 2] = state_grad * n_slope  # of what comes from x_t
        trace = replace(trace, hidden_state_grad=state_grad, start_grad=from_future[np.newaxis])
        return trace, packed.reshape(*output_grad.shape[:2], -1) @ weights.input

    def run_fast(
        self, inputs: np.ndarray, weights: Weights, activation: str, start: np.ndarray | None = None
    ) -> LayerPass:
        from engine.fast.gru import GRUPass

        return GRUPass(inputs, weights, None if start is None else start[0])
