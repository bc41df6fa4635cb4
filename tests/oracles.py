"""Slow, plain references to hold the engine against. Nothing here is shared with the engine but names.

`unrolled` runs a network as its inventors wrote it down: a Python loop over time steps and layers, one line an
equation, in float64. Every intermediate result keeps its gradient, so PyTorch's autograd tells ∂L/∂h_t and
∂L/∂c_t at each step without a formula of ours. `torch_network` is the same network as torch.nn builds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine import AddNoise, Batch, Experiment, Flip, Freeze, HoldGate, Intervention, Reset, Silence, Task
from engine.tasks import Loss

Touch = Callable[[str, Tensor], Tensor]
"""What is done to the gate or state of that name, once the cell has made it."""
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
        parameter_grads: ∂L/∂(parameters), by PyTorch's names.
    """

    outputs: np.ndarray
    loss: float
    layers: tuple[Quantities, ...]
    parameter_grads: dict[str, np.ndarray]


def unrolled(
    experiment: Experiment,
    parameters: Mapping[str, np.ndarray],
    batch: Batch,
    loss: Loss,
    interventions: Sequence[Intervention] = (),
) -> OracleRun:
    """Run `parameters` on `batch` by an explicit loop, and backwards by autograd."""
    weights = {name: torch.from_numpy(value).double().requires_grad_() for name, value in parameters.items()}
    inputs = torch.from_numpy(batch.inputs).double()
    steps: list[Tensor] = list(inputs)
    layers: list[ExplicitLayer] = []
    for layer in range(experiment.layers):
        explicit = ExplicitLayer(experiment, weights, layer, inputs, interventions)
        steps = explicit.run(steps)
        layers.append(explicit)
    states = torch.stack(steps)
    if experiment.target_way == "units":
        outputs = states[..., : batch.targets.shape[-1]]
    else:
        read = states[..., -experiment.read_units :] if experiment.read_units else states
        outputs = read @ weights["readout.weight"].T + weights["readout.bias"]
    value = loss_at_targets(outputs, batch, loss)
    value.backward()  # type: ignore[no-untyped-call]
    gradients = {name: weight.grad.numpy() for name, weight in weights.items() if weight.grad is not None}
    quantities = tuple(each.quantities() for each in layers)
    return OracleRun(outputs.detach().numpy(), value.item(), quantities, gradients)


class ExplicitLayer:
    """One layer, step by step, with whatever way of input literally carried out."""

    def __init__(
        self,
        experiment: Experiment,
        weights: Mapping[str, Tensor],
        layer: int,
        inputs: Tensor,
        interventions: Sequence[Intervention] = (),
    ) -> None:
        self.experiment = experiment
        self.layer = layer
        self.interventions = [each for each in interventions if each.layer is None or each.layer == layer + 1]
        parts = [weights[f"rnn.{part}_l{layer}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        self.way = experiment.input_way if layer == 0 and experiment.cell != "window" else "driven"
        self.inputs = inputs
        W, U, b, b_U = parts
        H = experiment.hidden_size
        blocks = {"rnn": 1, "gru": 3, "lstm": 4, "window": 1}[experiment.cell]
        if self.way == "clamped":  # as one matrix over all units, of which the last I are overwritten at each step
            held = inputs.shape[2]
            square = [torch.cat([u, w], dim=1) for u, w in zip(U.chunk(blocks), W.chunk(blocks), strict=True)]
            U = torch.cat([functional.pad(each, (0, 0, 0, held)) for each in square])
            b, b_U = (torch.cat([functional.pad(each, (0, held)) for each in v.chunk(blocks)]) for v in (b, b_U))
            sent = torch.cat([functional.pad(each, (0, 0, 0, held)) for each in W.chunk(blocks)])
            W = torch.zeros_like(sent)
            if experiment.cell == "gru":  # whose reset gate acts on what it recalls of itself, not on what is held
                W, U = sent, torch.cat([functional.pad(each, (0, held, 0, held)) for each in parts[1].chunk(blocks)])
        elif layer == 0 and experiment.driven_units and experiment.driven_units < H and self.way == "driven":
            silent = H - experiment.driven_units
            W = torch.cat([functional.pad(each, (0, 0, 0, silent)) for each in W.chunk(blocks)])
        self.parts = (W, U, b, b_U)
        count = {"rnn": 1, "gru": 1, "lstm": 2, "window": 0}[experiment.cell]
        start = torch.zeros(count, inputs.shape[1], H, dtype=torch.float64)
        learned = weights.get(f"rnn.initial_state_l{layer}")
        if learned is not None:
            start = functional.pad(learned, (0, H - learned.shape[1])).unsqueeze(1).expand(-1, inputs.shape[1], -1)
        if self.way == "initial":
            start = torch.cat([inputs[0].expand(count, -1, -1), start[..., inputs.shape[2] :]], dim=-1)
        self.start = start.clone() if start.requires_grad else start.clone().requires_grad_()
        self.start.retain_grad()
        self.now: list[dict[str, Tensor]] = []

    def run(self, steps: list[Tensor]) -> list[Tensor]:
        """h_1 … h_T from what the layer below sends."""
        h = self.start[0] if len(self.start) else torch.empty(0)
        c = self.start[-1] if len(self.start) else torch.empty(0)
        for t, x in enumerate(steps):
            h, c = self.emptied(t, "hidden_state", h), self.emptied(t, "cell_state", c)
            now = self.step(t, steps, self.sent(x, h), h, c)
            if self.way == "clamped":
                free = self.experiment.hidden_size - self.inputs.shape[2]
                now["hidden_state"] = torch.cat([now["hidden_state"][:, :free], self.inputs[t]], dim=1)
            for state in ("hidden_state", "cell_state"):
                if state in now:
                    now[state].retain_grad()
            h, c = now["hidden_state"], now.get("cell_state", c)
            self.now.append(now)
        return [now["hidden_state"] for now in self.now]

    def sent(self, x: Tensor, h: Tensor) -> Tensor:
        """What goes through W."""
        if self.way == "initial":
            return x[..., :0]
        if self.way == "clamped":  # held at the step before
            return h[:, -x.shape[1] :]
        return x

    def step(self, t: int, steps: list[Tensor], x: Tensor, h: Tensor, c: Tensor) -> dict[str, Tensor]:
        """One step of the cell."""
        touch = partial(self.touched, t)
        match self.experiment.cell:
            case "rnn":
                return rnn_step(x, h, *self.parts, self.experiment.activation, touch)
            case "gru":
                return gru_step(x, h, *self.parts, touch)
            case "lstm":
                return lstm_step(x, h, c, *self.parts, touch)
        return window_step(t, steps, self.parts[0], self.parts[2], self.experiment.activation, touch)

    def units_of(self, each: Intervention, t: int) -> list[int]:
        """The units, from 0, that `each` reaches at index `t`."""
        first, last = each.steps if each.steps is not None else (1, len(self.inputs))
        if not first <= t + 1 <= last:
            return []
        return list(range(self.free_units)) if each.units is None else [unit - 1 for unit in each.units]

    def emptied(self, t: int, name: str, state: Tensor) -> Tensor:
        """What the step at index `t` receives of the state before it."""
        for each in self.interventions:
            if isinstance(each, Reset) and each.state == name:
                for unit in self.units_of(each, t):
                    state = with_column(state, unit, torch.zeros_like(state[:, unit]))
        return state

    def touched(self, t: int, name: str, value: Tensor) -> Tensor:
        """The gate or state `name` (B, H) at index `t`, one intervention after the other, one unit after the other."""
        for each in self.interventions:
            for unit in self.units_of(each, t):
                column = value[:, unit]
                match each:
                    case HoldGate() if each.gate == name:
                        column = torch.full_like(column, each.value)
                    case Silence() if each.state == name:
                        column = torch.zeros_like(column)
                    case Flip() if each.state == name:
                        column = -column
                    case Freeze() if each.state == name:
                        column = self.earlier(name, each.steps[0] - 1 if each.steps else 0, value)[:, unit]
                    case AddNoise() if each.state == name:
                        shape = (len(column), len(self.inputs), self.free_units)
                        noise = np.random.default_rng([each.seed, self.layer + 1]).standard_normal(shape)
                        column = column + each.deviation * torch.from_numpy(noise[:, t, unit])
                value = with_column(value, unit, column)
        return value

    @property
    def free_units(self) -> int:
        """How many units are not clamped."""
        return self.experiment.hidden_size - (self.inputs.shape[2] if self.way == "clamped" else 0)

    def earlier(self, name: str, step: int, like: Tensor) -> Tensor:
        """The state at `step`, 0 for the start."""
        if step:
            return self.now[step - 1][name]
        if not len(self.start):
            return torch.zeros_like(like)
        return self.start[0 if name == "hidden_state" else 1]

    def quantities(self) -> Quantities:
        """All that is recorded, with gradients."""
        grad = torch.zeros_like(self.start) if self.start.grad is None else self.start.grad
        return _with_gradients(self.now) | {"start": self.start.detach().numpy(), "start_grad": grad.numpy()}


def with_column(values: Tensor, unit: int, column: Tensor) -> Tensor:
    """`values` (B, H) with another column."""
    return torch.cat([values[:, :unit], column[:, None], values[:, unit + 1 :]], dim=1)


def as_it_is(name: str, value: Tensor) -> Tensor:
    """Nothing is done to it."""
    return value


def window_step(
    t: int, steps: list[Tensor], W: Tensor, b: Tensor, activation: str, touch: Touch = as_it_is
) -> dict[str, Tensor]:
    """h_t = φ(Σ_k W_k x_{t−k} + b), the sum over the lags of the window."""
    channels = steps[0].shape[1]
    total = b.expand(steps[0].shape[0], -1)
    for lag in range(W.shape[1] // channels):
        if t >= lag:
            total = total + steps[t - lag] @ W[:, lag * channels : (lag + 1) * channels].T
    return {"hidden_state": touch("hidden_state", ACTIVATIONS[activation](total))}


def rnn_step(
    x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor, b_U: Tensor, activation: str, touch: Touch = as_it_is
) -> dict[str, Tensor]:
    """Elman (1990): h_t = φ(W x_t + b + U h_{t−1} + b')."""
    return {"hidden_state": touch("hidden_state", ACTIVATIONS[activation](x @ W.T + b + h @ U.T + b_U))}


def gru_step(
    x: Tensor, h: Tensor, W: Tensor, U: Tensor, b: Tensor, b_U: Tensor, touch: Touch = as_it_is
) -> dict[str, Tensor]:
    """Cho et al. (2014) as torch.nn.GRU documents it: the reset gate acts after U_n, and z = 1 keeps the old state."""
    W_r, W_z, W_n = W.chunk(3)
    U_r, U_z, U_n = U.chunk(3)
    b_r, b_z, b_n = b.chunk(3)
    b_Ur, b_Uz, b_Un = b_U.chunk(3)
    r = touch("reset_gate", torch.sigmoid(x @ W_r.T + b_r + h @ U_r.T + b_Ur))
    z = touch("update_gate", torch.sigmoid(x @ W_z.T + b_z + h @ U_z.T + b_Uz))
    recalled = h @ U_n.T + b_Un
    n = torch.tanh(x @ W_n.T + b_n + r * recalled)
    new = touch("hidden_state", (1 - z) * n + z * h)
    return {"hidden_state": new, "reset_gate": r, "update_gate": z, "candidate": n, "recalled": recalled}


def lstm_step(
    x: Tensor, h: Tensor, c: Tensor, W: Tensor, U: Tensor, b: Tensor, b_U: Tensor, touch: Touch = as_it_is
) -> dict[str, Tensor]:
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000)."""
    W_i, W_f, W_g, W_o = W.chunk(4)
    U_i, U_f, U_g, U_o = U.chunk(4)
    b_i, b_f, b_g, b_o = (b + b_U).chunk(4)
    i = touch("input_gate", torch.sigmoid(x @ W_i.T + h @ U_i.T + b_i))
    f = touch("forget_gate", torch.sigmoid(x @ W_f.T + h @ U_f.T + b_f))
    g = torch.tanh(x @ W_g.T + h @ U_g.T + b_g)
    o = touch("output_gate", torch.sigmoid(x @ W_o.T + h @ U_o.T + b_o))
    c = touch("cell_state", f * c + i * g)
    gates = {"input_gate": i, "forget_gate": f, "cell_candidate": g, "output_gate": o}
    return {"hidden_state": touch("hidden_state", o * torch.tanh(c)), "cell_state": c, **gates}


def loss_at_targets(outputs: Tensor, batch: Batch, loss: Loss) -> Tensor:
    """The mean loss over the steps of `batch` that have a target, for outputs (T, B, O)."""
    mask = torch.from_numpy(batch.target_mask)
    chosen, targets = outputs[mask], torch.from_numpy(batch.targets)[mask]
    if loss is Loss.CATEGORICAL:
        return functional.cross_entropy(chosen, targets)
    if loss is Loss.BINARY:
        return functional.binary_cross_entropy_with_logits(chosen, targets.to(chosen.dtype))
    return functional.mse_loss(chosen, targets.to(chosen.dtype))


class Convolution(torch.nn.Module):
    """The windowed network as signal processing writes it: a causal convolution over time, then layers without one."""

    def __init__(self, experiment: Experiment, channels: int) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[experiment.activation]
        self.window, self.layers = experiment.window, experiment.layers
        H = experiment.hidden_size
        for layer in range(experiment.layers):
            fan_in = H if layer else experiment.window * channels
            shapes = {"weight_ih": (H, fan_in), "weight_hh": (H, 0), "bias_ih": (H,), "bias_hh": (0,)}
            for part, shape in shapes.items():
                self.register_parameter(f"{part}_l{layer}", torch.nn.Parameter(torch.empty(shape)))

    def forward(self, inputs: Tensor) -> tuple[Tensor, None]:
        """(T, B, H) on (T, B, I)."""
        signal = inputs.permute(1, 2, 0)
        for layer in range(self.layers):
            weight, bias = getattr(self, f"weight_ih_l{layer}"), getattr(self, f"bias_ih_l{layer}")
            width = 1 if layer else self.window
            kernel = weight.unflatten(1, (width, -1)).transpose(1, 2).flip(2)  # (H, I, w), the oldest lag first
            padded = functional.pad(signal, (width - 1, 0))
            signal = self.activation(functional.conv1d(padded, kernel, bias))
        return signal.permute(2, 0, 1), None


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
            case "lstm":
                self.rnn = torch.nn.LSTM(*sizes)
            case _:
                self.rnn = Convolution(experiment, len(task.inputs))  # type: ignore[assignment]
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
    if not expected.size:
        return 0.0
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
