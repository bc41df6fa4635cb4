"""Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate by Gers et al. 2000).

    i_t = σ(W_i x_t + U_i h_{t−1} + b_i)       input gate
    f_t = σ(W_f x_t + U_f h_{t−1} + b_f)       forget gate; 1 keeps the cell state
    g_t = tanh(W_g x_t + U_g h_{t−1} + b_g)    cell candidate
    o_t = σ(W_o x_t + U_o h_{t−1} + b_o)       output gate
    c_t = f_t ⊙ c_{t−1} + i_t ⊙ g_t            cell state
    h_t = o_t ⊙ tanh(c_t)                      hidden state

Blocks are packed i, f, g, o, as PyTorch packs them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from engine.cells.base import Cell, Panel, Trace, Weights, before
from engine.cells.interference import Interference

if TYPE_CHECKING:
    from torch import Tensor

    from engine.fast.autograd import TorchWeights
    from engine.fast.layer import LayerPass


@dataclass(frozen=True)
class LSTMTrace(Trace):
    """What an LSTM layer did; every array is (T, B, H).

    Attributes:
        cell_state: c_t.
        cell_state_grad: ∂L/∂c_t, all paths, that through h_t included.
        input_gate: i_t, 0…1.
        forget_gate: f_t, 0…1; 1 keeps the cell state.
        cell_candidate: g_t, −1…1; not a gate.
        output_gate: o_t, 0…1.
    """

    cell_state: np.ndarray
    cell_state_grad: np.ndarray
    input_gate: np.ndarray
    forget_gate: np.ndarray
    cell_candidate: np.ndarray
    output_gate: np.ndarray


class LSTM(Cell[LSTMTrace]):
    """Four blocks: input gate, forget gate, cell candidate, output gate."""

    name = "lstm"
    title = "LSTM"
    equations = (
        "c<sub>t</sub> = f<sub>t</sub> c<sub>t−1</sub> + i<sub>t</sub> tanh(W x<sub>t</sub> + U h<sub>t−1</sub> + b)",
        "h<sub>t</sub> = o<sub>t</sub> tanh(c<sub>t</sub>)",
    )
    blocks = 4
    states = 2
    state_names = ("hidden_state", "cell_state")
    gate_blocks = MappingProxyType({"input_gate": 0, "forget_gate": 1, "output_gate": 3})
    panels = (
        Panel(
            "forget_gate", "Forget gate", "f", True, "Open (1), the cell state is kept; shut (0), it is thrown away."
        ),
        Panel("input_gate", "Input gate", "i", True, "Open (1), new information is added to the cell state."),
        Panel("output_gate", "Output gate", "o", True, "Open (1), the cell state is let out as the hidden state."),
        Panel("cell_state", "Cell state", "c", False, "What the unit remembers, whether or not it lets it out."),
    )
    own_settings = frozenset({"forget_bias"})
    order = 2
    step_cost = 1.0

    def forward(
        self,
        weights: Weights,
        inputs: np.ndarray,
        activation: str,
        start: np.ndarray | None = None,
        interference: Interference | None = None,
    ) -> LSTMTrace:
        steps, batch, width = inputs.shape[0], inputs.shape[1], weights.recurrent.shape[1]
        # σ(x) = ½ + ½ tanh(x/2): with the gates' part halved before and after, one tanh does for all four blocks
        scale = np.tile(np.repeat([0.5, 0.5, 1.0, 0.5], width), (batch, 1))
        lift = 1 - scale
        driven = (inputs @ weights.input.T + (weights.input_bias + weights.recurrent_bias)) * scale  # (T, B, 4H)
        recurrent = np.multiply(weights.recurrent.T, scale[0], order="C")
        states, cells = np.empty((steps, batch, width)), np.empty((steps, batch, width))
        packed = np.empty((steps, batch, 4, width))
        start = np.zeros((2, batch, width)) if start is None else start
        h, c = start if interference is None else interference.begin(start)
        for t, activity in enumerate(packed.reshape(steps, batch, -1)):
            np.matmul(h, recurrent, out=activity)
            activity += driven[t]
            np.tanh(activity, out=activity)
            activity *= scale
            activity += lift
            if interference is not None:
                packed[t] = interference.held(t, slice(None), packed[t])
            i, f, g, o = packed[t].swapaxes(0, 1)
            c = np.multiply(f, c, out=cells[t])
            c += i * g
            if interference is not None:
                c = interference.states[1].apply(t, cells, start[1])
            h = np.multiply(o, np.tanh(cells[t]), out=states[t])
            if interference is not None:
                h = interference.states[0].apply(t, states, start[0])
        nothing = np.full_like(states, np.nan)
        i, f, g, o = np.moveaxis(packed, 2, 0)
        return LSTMTrace(start, np.full_like(start, np.nan), states, nothing, cells, nothing, i, f, g, o)

    def backward(
        self,
        weights: Weights,
        trace: LSTMTrace,
        output_grad: np.ndarray,
        activation: str,
        interference: Interference | None = None,
    ) -> tuple[LSTMTrace, np.ndarray]:
        i, f, g, o = trace.input_gate, trace.forget_gate, trace.cell_candidate, trace.output_gate
        squashed = np.tanh(trace.cell_state)
        let_out = o * (1 - squashed * squashed)  # ∂h_t/∂c_t
        keeps, previous = f, before(trace.cell_state, trace.start[1])
        if interference is not None:
            previous = interference.states[1].seen(previous)
        slopes = np.stack(  # of c_t by the pre-activations of i, f, g, and of h_t by that of o
            [g * i * (1 - i), previous * f * (1 - f), i * (1 - g * g), squashed * o * (1 - o)], axis=2
        )
        if interference is not None:
            own_h, own_c = (change.own[:, np.newaxis] for change in interference.states)
            keeps, let_out = own_c * f, own_h * let_out
            own = np.stack([own_c, own_c, own_c, own_h], axis=2)
            slopes = slopes * own * interference.free[:, np.newaxis]
        state_grad, cell_grad = np.empty_like(output_grad), np.empty_like(output_grad)
        packed = np.empty_like(slopes)
        h_future = np.zeros_like(output_grad[0])
        c_future = np.zeros_like(output_grad[0])
        for t in reversed(range(len(output_grad))):
            dh = np.add(output_grad[t], h_future, out=state_grad[t])
            dc = np.multiply(dh, let_out[t], out=cell_grad[t])
            dc += c_future
            np.multiply(slopes[t, :, :3], dc[:, np.newaxis], out=packed[t, :, :3])
            np.multiply(slopes[t, :, 3], dh, out=packed[t, :, 3])
            h_future = packed[t].reshape(len(dh), -1) @ weights.recurrent
            c_future = dc * keeps[t]
            if interference is not None:
                h_future = interference.states[0].back(t, h_future, state_grad)
                c_future = interference.states[1].back(t, c_future, cell_grad)
        input_grad = packed.reshape(*output_grad.shape[:2], -1) @ weights.input
        start_grad = np.stack([h_future, c_future])
        trace = replace(trace, hidden_state_grad=state_grad, cell_state_grad=cell_grad, start_grad=start_grad)
        return trace, input_grad

    def run_fast(
        self, inputs: np.ndarray, weights: Weights, activation: str, start: np.ndarray | None = None
    ) -> LayerPass:
        from engine.fast.autograd import AutogradPass

        return AutogradPass(_by_torch, inputs, weights, start)


def _by_torch(inputs: Tensor, weights: TorchWeights, start: Tensor | None) -> Tensor:
    import torch

    if start is None:
        start = inputs.new_zeros(1, inputs.shape[1], weights[1].shape[1]).expand(2, 1, -1, -1)
    else:
        start = start.unsqueeze(1)
    return torch.lstm(inputs, (start[0], start[1]), weights, True, 1, 0.0, False, False, False)[0]
