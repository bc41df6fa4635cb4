"""A network in training: layer passes, with what `engine.network` does before, between and after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.cells import CELLS, Weights
from engine.experiment import Experiment
from engine.fast.layer import LayerGradients, LayerPass
from engine.losses import Told
from engine.network import outputs_of, own_start, seen_by_first_layer, starts_from_inputs, with_silent
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
    """The network of `experiment` with `parameters`.

    These may change in place, but not between `forward` and `backward`.
    """

    def __init__(self, experiment: Experiment, parameters: Parameters) -> None:
        self._experiment = experiment
        self._parameters = parameters
        self._cell = CELLS[experiment.cell]
        self._sizes = sizes_of(experiment)
        self._is_clamped = self._sizes.free < self._sizes.units
        self._channels, self._outputs = len(task_of(experiment).inputs), len(task_of(experiment).outputs)
        self._names = [layer_names(layer) for layer in range(experiment.layers)]
        self._weights = [Weights(*(parameters[name] for name in names)) for names in self._names]
        self._precision = self._weights[0].input.dtype

    def forward(self, inputs: np.ndarray) -> Forward:
        """Run over `inputs` (T, B, I)."""
        inputs = np.require(inputs, self._precision, ["C", "W"])
        layers: list[LayerPass] = []
        states = seen_by_first_layer(self._experiment, inputs)
        for layer, weights in enumerate(self._weights):
            start = own_start(self._experiment, self._sizes, self._parameters, inputs, layer)
            whole = with_silent(weights, self._cell.blocks)
            layers.append(self._cell.run_fast(states, whole, self._experiment.activation, start))
            states = layers[-1].states
        if self._is_clamped:
            states = np.concatenate([states, inputs], axis=-1)
        return Forward(tuple(layers), states)

    def outputs(self, states: np.ndarray) -> np.ndarray:
        """What is compared with the targets (..., O), of states (..., H)."""
        return outputs_of(self._experiment, self._sizes, self._parameters, states)

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
            self._keep(layer, gradients, into)
            if gradients.inputs is not None:
                states_grad = gradients.inputs

    def _keep(self, layer: int, gradients: LayerGradients, into: Mapping[str, np.ndarray]) -> None:
        weight_ih, weight_hh, bias_ih, bias_hh = self._names[layer]
        by_input, kept = gradients.weights.input, into[weight_ih]
        if by_input.size > kept.size:  # without the units that no input drives
            packed = by_input.reshape(self._cell.blocks, -1, by_input.shape[1])
            by_input = packed[:, : self._sizes.driven].reshape(kept.shape)
        kept[...] = by_input
        into[weight_hh][...] = gradients.weights.recurrent
        into[bias_ih][...] = gradients.weights.input_bias
        into[bias_hh][...] = gradients.weights.recurrent_bias
        if self._sizes.learned_start:
            assert gradients.start is not None
            learned = gradients.start[..., : self._sizes.learned_start].sum(axis=1)
            if starts_from_inputs(self._experiment, layer):
                learned[:, : self._channels] = 0
            into[start_name(layer)][...] = learned
