"""A network for training: the twin of `engine.network` in float32, its recurrent part differentiated by PyTorch.

The read-out is a single product, and its gradient two more: written out in NumPy they take a third of the time that
PyTorch's bookkeeping for such small ones takes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.cells import CELLS
from engine.experiment import Experiment
from engine.losses import Told
from engine.parameters import layer_names, sizes_of, start_name
from engine.tasks import task_of


class TorchNetwork:
    """The network of `experiment` with `tensors` as its parameters, by PyTorch's names."""

    def __init__(self, experiment: Experiment, tensors: Mapping[str, Tensor]) -> None:
        self._experiment = experiment
        self._tensors = tensors
        self._cell = CELLS[experiment.cell]
        self._sizes = sizes_of(experiment)
        self._way = experiment.input_way if self._cell.states else "driven"
        self._names = [layer_names(layer) for layer in range(experiment.layers)]
        self._outputs = len(task_of(experiment).outputs)

    def states(self, sequences: np.ndarray) -> Tensor:
        """h_1 … h_T of the last layer (T, B, H), of inputs (T, B, I)."""
        inputs = torch.from_numpy(sequences)
        states = self._seen(inputs)
        for layer, names in enumerate(self._names):
            weights: tuple[Tensor, ...] = tuple(self._tensors[name] for name in names)
            if layer == 0 and self._sizes.driven < self._sizes.free:
                weights = (self._padded(weights[0]), *weights[1:])
            states = self._cell.run_torch(states, weights, self._experiment.activation, self._start(inputs, layer))  # type: ignore[arg-type]
        return torch.cat([states, inputs], dim=-1) if self._way == "clamped" else states

    def outputs(self, states: np.ndarray) -> np.ndarray:
        """What is compared with the targets (..., O), of states (..., H)."""
        if not self._sizes.read:
            return states[..., : self._outputs]
        weight, bias = (self._tensors[name].detach().numpy() for name in ("readout.weight", "readout.bias"))
        outputs: np.ndarray = states[..., self._sizes.units - self._sizes.read :] @ weight.T + bias
        return outputs

    def carry_back(self, states: Tensor, at: Told, told: np.ndarray, output_grad: np.ndarray) -> None:
        """Add ∂L/∂(parameter) to each tensor's `grad`.

        Args:
            states: (T, B, H), from `states`.
            at: where of (T, B) there are targets, n in all.
            told: (n, H), the states there.
            output_grad: (n, O), ∂L/∂(outputs) there.
        """
        rows = np.zeros(told.shape, told.dtype)
        if self._sizes.read:
            read = np.s_[:, self._sizes.units - self._sizes.read :]
            weight = self._tensors["readout.weight"]
            rows[read] = output_grad @ weight.detach().numpy()
            _add(weight, output_grad.T @ told[read])
            _add(self._tensors["readout.bias"], output_grad.sum(axis=0))
        else:
            rows[:, : self._outputs] = output_grad
        state_grad = np.zeros(states.shape, told.dtype)
        state_grad[at] = rows.reshape(-1, *states.shape[1:]) if isinstance(at, slice) else rows
        states.backward(torch.from_numpy(state_grad))  # type: ignore[no-untyped-call]

    def _seen(self, inputs: Tensor) -> Tensor:
        if self._way == "driven":
            return inputs
        if self._way == "initial":
            return inputs[..., :0]
        return torch.cat([torch.zeros_like(inputs[:1]), inputs[:-1]])

    def _start(self, inputs: Tensor, layer: int) -> Tensor | None:
        given = self._way == "initial" and layer == 0
        if not given and not self._sizes.learned_start:
            return None
        start = inputs.new_zeros(self._cell.states, inputs.shape[1], self._sizes.free)
        if self._sizes.learned_start:
            learned = self._tensors[start_name(layer)].unsqueeze(1).expand(-1, inputs.shape[1], -1)
            start = torch.cat([learned, start[..., self._sizes.learned_start :]], dim=-1)
        if given:
            told = inputs[0].expand(self._cell.states, -1, -1)
            start = torch.cat([told, start[..., inputs.shape[2] :]], dim=-1)
        return start

    def _padded(self, weight: Tensor) -> Tensor:
        """Input weights with rows of zeros for the units that are not driven."""
        packed = weight.view(self._cell.blocks, self._sizes.driven, -1)
        silent = self._sizes.free - self._sizes.driven
        return functional.pad(packed, (0, 0, 0, silent)).flatten(0, 1)


def _add(tensor: Tensor, gradient: np.ndarray) -> None:
    if tensor.grad is None:
        tensor.grad = torch.from_numpy(gradient)
    else:
        tensor.grad += torch.from_numpy(gradient)
