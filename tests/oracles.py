"""Slow, plain references to hold the engine against. Nothing here is shared with the engine but names.

`unrolled` runs a network as its inventors wrote it down: a Python loop over time steps and layers, one line an
equation, in float64. Every intermediate result keeps its gradient, so PyTorch's autograd tells ∂L/∂h_t and
∂L/∂c_t at each step without a formula of ours. `torch_network` is the same network as torch.nn builds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine import Batch, Experiment, Task
from engine.tasks import Loss

Quantities = dict[str, np.ndarray]
"""Name of a recorded quantity → (T, B, H) float64."""

FLOAT32_SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu, "identity": lambda z: z}


@dataclass(frozen=True)
class OracleRun:
    """What a network did, as the explicit loop sees it.

    Attributes:
        outputs: (T, B, O).
        loss: L.
        layers: one dictionary a layer, the gradients `hidden_state_grad` and `cell_state_grad` included.
    """

    outputs: np.ndarray
    loss: float
    layers: tuple[Quantities, ...]


def unrolled(experiment: Experiment, parameters: Mapping[str, np.ndarray], batch: Batch, loss: Loss) -> OracleRun:
    """Run `parameters` on `batch` by an explicit loop, and backwards by autograd."""
    weights = {name: torch.from_numpy(value).double().requires_grad_() for name, value in parameters.items()}
    steps: list[Tensor] = list(torch.from_numpy(batch.inputs).double())
    layers: list[list[dict[str, Tensor]]] = []
    for layer in range(experiment.layers):
        W, U, b, b_U = (weights[f"rnn.{part}_l{layer}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        h = c = torch.zeros(batch.size, experiment.hidden_size, dtype=torch.float64)
        layers.append([])
        for x in steps:
            match experiment.cell:
                case "rnn":
                    now = rnn_step(x, h, W, U, b, b_U, experiment.activation)
                case "gru":
                    now = gru_step(x, h, W, U, b, b_U)
                case "lstm":
                    now = lstm_step(x, h, c, W, U, b, b_U)
                    c = now["cell_state"]
            h = now["hidden_state"]
            for state in ("hidden_state", "cell_state"):
                if state in now:
                    now[state].retain_grad()
            layers[-1].append(now)
        steps = [now["hidden_state"] for now in layers[-1]]
    outputs = torch.stack(steps) @ weights["readout.weight"].T + weights["readout.bias"]
    value = loss_at_targets(outputs, batch, loss)
    value.backward()  # type: ignore[no-untyped-call]
    return OracleRun(outputs.detach().numpy(), value.item(), tuple(_with_gradients(layer) for layer in layers))


def rnn_step(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor, b_U: Tensor, activation: str) -> dict[str, Tensor]:
    """Elman (1990): h_t = φ(W x_t + b + U h_{t−1} + b')."""
    return {"hidden_state": ACTIVATIONS[activation](x @ W.T + b + h @ U.T + b_U)}


def gru_step(x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor, b_U: Tensor) -> dict[str, Tensor]:
    """Cho et al. (2014) as torch.nn.GRU documents it: the reset gate acts after U_n, and z = 1 keeps the old state."""
    W_r, W_z, W_n = W.chunk(3)
    U_r, U_z, U_n = U.chunk(3)
    b_r, b_z, b_n = b.chunk(3)
    b_Ur, b_Uz, b_Un = b_U.chunk(3)
    r = torch.sigmoid(x @ W_r.T + b_r + h @ U_r.T + b_Ur)
    z = torch.sigmoid(x @ W_z.T + b_z + h @ U_z.T + b_Uz)
    recalled = h @ U_n.T + b_Un
    n = torch.tanh(x @ W_n.T + b_n + r * recalled)
    new = (1 - z) * n + z * h
    return {"hidden_state": new, "reset_gate": r, "update_gate": z, "candidate": n, "recalled": recalled}


def lstm_step(x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor, b_U: Tensor) -> dict[str, Tensor]:
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000)."""
    W_i, W_f, W_g, W_o = W.chunk(4)
    U_i, U_f, U_g, U_o = U.chunk(4)
    b_i, b_f, b_g, b_o = (b + b_U).chunk(4)
    i = torch.sigmoid(x @ W_i.T + h @ U_i.T + b_i)
    f = torch.sigmoid(x @ W_f.T + h @ U_f.T + b_f)
    g = torch.tanh(x @ W_g.T + h @ U_g.T + b_g)
    o = torch.sigmoid(x @ W_o.T + h @ U_o.T + b_o)
    c = f * c + i * g
    gates = {"input_gate": i, "forget_gate": f, "cell_candidate": g, "output_gate": o}
    return {"hidden_state": o * torch.tanh(c), "cell_state": c, **gates}


def loss_at_targets(outputs: Tensor, batch: Batch, loss: Loss) -> Tensor:
    """The mean loss over the steps of `batch` that have a target, for outputs (T, B, O)."""
    mask = torch.from_numpy(batch.target_mask)
    chosen, targets = outputs[mask], torch.from_numpy(batch.targets)[mask]
    if loss is Loss.CATEGORICAL:
        return functional.cross_entropy(chosen, targets)
    if loss is Loss.BINARY:
        return functional.binary_cross_entropy_with_logits(chosen, targets.to(chosen.dtype))
    return functional.mse_loss(chosen, targets.to(chosen.dtype))


class TorchNetwork(torch.nn.Module):
    """The network as a PyTorch user builds it: torch.nn.RNN, GRU or LSTM named `rnn`, and a linear `readout`."""

    def __init__(self, experiment: Experiment, task: Task) -> None:
        super().__init__()
        sizes = (len(task.inputs), experiment.hidden_size, experiment.layers)
        match experiment.cell:
            case "rnn":
                self.rnn: torch.nn.RNNBase = torch.nn.RNN(*sizes, nonlinearity=experiment.activation)
            case "gru":
                self.rnn = torch.nn.GRU(*sizes)
            case _:
                self.rnn = torch.nn.LSTM(*sizes)
        self.readout = torch.nn.Linear(experiment.hidden_size, len(task.outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs (T, B, O) on `inputs` (T, B, I)."""
        outputs: Tensor = self.readout(self.rnn(inputs)[0])
        return outputs


def torch_network(experiment: Experiment, task: Task, parameters: Mapping[str, np.ndarray]) -> TorchNetwork:
    """A `TorchNetwork` with a copy of `parameters`; fails if a name or a shape is not PyTorch's."""
    network = TorchNetwork(experiment, task)
    network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in parameters.items()})
    return network


def relative_error(measured: np.ndarray, expected: np.ndarray) -> float:
    """Largest |measured − expected| in units of the largest |expected| of the same time step (first axis).

    By time step, because a gradient that vanishes spans forty orders of magnitude over T: measured by the whole
    array, its early steps could be plain wrong unseen. Not entry by entry, because an entry that is zero by
    cancellation has no correct digits in anybody's arithmetic. Below float32's smallest normal number the
    recording can't hold the digits, so that much is allowed anywhere.
    """
    assert measured.shape == expected.shape
    error, size = np.abs(measured.astype(np.float64) - expected), np.abs(expected)
    by_step = tuple(range(1, expected.ndim))
    allowed = np.maximum(size.max(axis=by_step), FLOAT32_SMALLEST_NORMAL)
    rest = np.maximum(error.max(axis=by_step) - FLOAT32_SMALLEST_NORMAL, 0)
    return float((rest / allowed).max())


def _with_gradients(layer: list[dict[str, Tensor]]) -> Quantities:
    stacked = {name: torch.stack([now[name].detach() for now in layer]).numpy() for name in layer[0]}
    for state in ("hidden_state", "cell_state"):
        if state in layer[0]:
            grads = [now[state].grad for now in layer]  # None where L does not depend on the state
            none = torch.zeros_like(layer[0][state])
            stacked[f"{state}_grad"] = torch.stack([none if grad is None else grad for grad in grads]).numpy()
    return stacked
