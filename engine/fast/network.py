"""A network in training: the twin of `engine.network`, layer passes with read-out and what else is learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from engine.cells import CELLS, Weights
from engine.experiment import Experiment
from engine.fast.layer import LayerPass
from engine.losses import Told
from engine.parameters import Parameters, layer_names, sizes_of, start_name
from engine.tasks import task_of


@dataclass(frozen=True)
class Forward:
    """What a network did on B sequences of T steps.

    Attributes:
        layers: their passes, the first layer first.
        states: h_1 … h_T of the last layer, (T, B, H).
    """

    layers: tuple[LayerPass, ...]
    states: np.ndarray


class FastNetwork:
    """The network of `experiment` with `parameters`, which may change in place."""

    def __init__(self, experiment: Experiment, parameters: Parameters) -> None:
        self._activation = experiment.activation
        self._parameters = parameters
        self._cell = CELLS[experiment.cell]
        self._sizes = sizes_of(experiment)
        self._way = experiment.input_way if self._cell.states else "driven"
        self._channels = len(task_of(experiment).inputs)
        self._outputs = len(task_of(experiment).outputs)
        self._names = [layer_names(layer) for layer in range(experiment.layers)]
        self._weights = [Weights(*(parameters[name] for name in names)) for names in self._names]
        self._is_padded = self._sizes.driven < self._sizes.free

    def forward(self, inputs: np.ndarray) -> Forward:
        """Run over `inputs` (T, B, I)."""
        layers: list[LayerPass] = []
        states = self._seen(inputs)
        for layer, weights in enumerate(self._weights):
            if layer == 0 and self._is_padded:
                weights = replace(weights, input=self._padded(weights.input))
            layers.append(self._cell.run_fast(states, weights, self._activation, self._start(inputs, layer)))
            states = layers[-1].states
        if self._way == "clamped":
            states = np.concatenate([states, inputs], axis=-1)
        return Forward(tuple(layers), states)

    def outputs(self, states: np.ndarray) -> np.ndarray:
        """What is compared with the targets (..., O), of states (..., H)."""
        if not self._sizes.read:
            return states[..., : self._outputs]
        weight, bias = self._parameters["readout.weight"], self._parameters["readout.bias"]
        outputs: np.ndarray = states[..., self._sizes.units - self._sizes.read :] @ weight.T + bias
        return outputs

    def backward(
        self, forward: Forward, at: Told, told: np.ndarray, output_grad: np.ndarray, into: Mapping[str, np.ndarray]
    ) -> None:
        """Work out ∂L/∂(parameter) of all parameters. Call it once for each `forward`.

        Args:
            at: where of (T, B) there are targets, n in all; a slice has no end.
            told: (n, H), the states there.
            output_grad: (n, O), ∂L/∂(outputs) there.
            into: parameter's name → array that receives its gradient.
        """
        rows = np.zeros(told.shape, told.dtype)
        if self._sizes.read:
            read = np.s_[:, self._sizes.units - self._sizes.read :]
            rows[read] = output_grad @ self._parameters["readout.weight"]
            into["readout.weight"][...] = output_grad.T @ told[read]
            into["readout.bias"][...] = output_grad.sum(axis=0)
        else:
            rows[:, : self._outputs] = output_grad
        if isinstance(at, slice):
            states_grad = rows.reshape(-1, *forward.states.shape[1:])
        else:
            states_grad = np.zeros(forward.states.shape, told.dtype)
            states_grad[at] = rows
        states_grad = states_grad[..., : self._sizes.free]  # what clamped units hold is given
        for layer in reversed(range(len(forward.layers))):
            gradients = forward.layers[layer].back(states_grad, inputs_too=layer > 0)
            self._keep(layer, gradients.weights, gradients.start, into)
            if gradients.inputs is not None:
                states_grad = gradients.inputs

    def _keep(self, layer: int, weights: Weights, start: np.ndarray | None, into: Mapping[str, np.ndarray]) -> None:
        weight_ih, weight_hh, bias_ih, bias_hh = self._names[layer]
        by_input = weights.input
        if layer == 0 and self._is_padded:
            by_input = by_input.reshape(self._cell.blocks, self._sizes.free, -1)[:, : self._sizes.driven]
            by_input = by_input.reshape(into[weight_ih].shape)
        into[weight_ih][...] = by_input
        into[weight_hh][...] = weights.recurrent
        into[bias_ih][...] = weights.input_bias
        into[bias_hh][...] = weights.recurrent_bias
        if start is not None and self._sizes.learned_start:
            learned = start[..., : self._sizes.learned_start].sum(axis=1)
            if self._is_given(layer):
                learned[:, : self._channels] = 0
            into[start_name(layer)][...] = learned

    def _seen(self, inputs: np.ndarray) -> np.ndarray:
        if self._way == "driven":
            return inputs
        if self._way == "initial":
            return inputs[..., :0]
        return np.concatenate([np.zeros_like(inputs[:1]), inputs[:-1]])

    def _is_given(self, layer: int) -> bool:
        """Whether the first units of `layer` start from the first inputs."""
        return self._way == "initial" and layer == 0

    def _start(self, inputs: np.ndarray, layer: int) -> np.ndarray | None:
        if not self._is_given(layer) and not self._sizes.learned_start:
            return None
        start = np.zeros((self._cell.states, inputs.shape[1], self._sizes.free), inputs.dtype)
        if self._sizes.learned_start:
            start[..., : self._sizes.learned_start] = self._parameters[start_name(layer)][:, np.newaxis]
        if self._is_given(layer):
            start[..., : inputs.shape[2]] = inputs[0]
        return start

    def _padded(self, weight: np.ndarray) -> np.ndarray:
        """Input weights with rows of zeros for the units that are not driven."""
        packed = weight.reshape(self._cell.blocks, self._sizes.driven, -1)
        silent = self._sizes.free - self._sizes.driven
        return np.pad(packed, ((0, 0), (0, silent), (0, 0))).reshape(-1, weight.shape[1])
