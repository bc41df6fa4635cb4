"""A gradient carried back through a network, with all that it passes on the way: what each layer receives, and inputs.

    back = backward(experiment, state.parameters, unroll(experiment, state.parameters, inputs), output_grad)
    back.inputs                                 # (T, B, I), ∂L/∂x_t, however the inputs are provided

`engine.network.carry_back` gives the states' gradients alone, which is all that a recording needs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from engine.cells import CELLS, Trace
from engine.experiment import Experiment
from engine.network import Unrolled, layer_weights
from engine.parameters import Parameters, sizes_of


@dataclass(frozen=True)
class Backward:
    """A gradient ∂L/∂· on B sequences of T steps, without clamped units.

    Attributes:
        layers: one `Trace` a layer, with its gradients.
        received: for each layer (T, B, H), what h_t receives at its own step, from the read-out or the layer above;
            ∂L/∂h_t is that and what comes back from step t + 1.
        inputs: (T, B, I), ∂L/∂x_t.
    """

    layers: tuple[Trace, ...]
    received: tuple[np.ndarray, ...]
    inputs: np.ndarray


def backward(
    experiment: Experiment, parameters: Parameters, unrolled: Unrolled, output_grad: np.ndarray, channels: int
) -> Backward:
    """Carry ∂L/∂(outputs) (T, B, O) back to the states and to the inputs, which have `channels` numbers a step."""
    cell, free = CELLS[experiment.cell], sizes_of(experiment).free
    with np.errstate(all="ignore"):  # a network about to diverge may overflow; what is not finite shows
        whole = _onto_states(experiment, parameters, unrolled, output_grad)
        grad = whole[..., :free]
        layers: list[Trace] = []
        received: list[np.ndarray] = []
        for layer in reversed(range(experiment.layers)):
            received.insert(0, grad)
            trace = only_units(unrolled.layers[layer], free)
            weights, interference = layer_weights(experiment, parameters, layer), unrolled.interferences[layer]
            trace, grad = cell.backward(weights, trace, grad, experiment.activation, interference)
            layers.insert(0, trace)
        inputs = _onto_inputs(experiment, layers[0], grad, whole[..., free:], channels)
        return Backward(tuple(layers), tuple(received), inputs)


def only_units(trace: Trace, count: int) -> Trace:
    """The first `count` units of `trace`."""
    return replace(trace, **{each.name: getattr(trace, each.name)[..., :count] for each in fields(trace)})


def repeated(unrolled: Unrolled, copies: int) -> Unrolled:
    """`unrolled`, of one sequence, as many times side by side."""

    def wider(trace: Trace) -> Trace:
        return replace(trace, **{each.name: np.repeat(getattr(trace, each.name), copies, 1) for each in fields(trace)})

    layers = tuple(wider(trace) for trace in unrolled.layers)
    return replace(unrolled, layers=layers, outputs=np.repeat(unrolled.outputs, copies, 1))


def _onto_states(
    experiment: Experiment, parameters: Parameters, unrolled: Unrolled, output_grad: np.ndarray
) -> np.ndarray:
    """(T, B, all units of the last layer): what the outputs send back."""
    sizes = sizes_of(experiment)
    state_grad = np.zeros((*output_grad.shape[:2], sizes.units))
    if sizes.read:
        state_grad[..., sizes.units - sizes.read :] = output_grad @ parameters["readout.weight"].astype(np.float64)
    else:
        state_grad[..., : output_grad.shape[-1]] = output_grad
    return state_grad


def _onto_inputs(
    experiment: Experiment, first: Trace, seen_grad: np.ndarray, held_grad: np.ndarray, channels: int
) -> np.ndarray:
    """(T, B, I) from the gradient of what the first layer saw, of what it started from, and of clamped units."""
    if experiment.input_way == "driven" or not CELLS[experiment.cell].states:
        return _of_windows(seen_grad, channels)
    if experiment.input_way == "initial":
        inputs = np.zeros((*seen_grad.shape[:2], channels))
        inputs[0] = first.start_grad[..., :channels].sum(axis=0)  # the same numbers begin each state vector
        return inputs
    held = held_grad.copy()
    held[:-1] += seen_grad[1:]  # what is held at a step is seen at the next
    return held


def _of_windows(seen_grad: np.ndarray, channels: int) -> np.ndarray:
    """(T, B, I) from (T, B, w·I), where each step has seen the last w inputs, the newest first."""
    inputs = seen_grad[..., :channels].copy()
    for lag in range(1, seen_grad.shape[-1] // channels):
        inputs[:-lag] += seen_grad[lag:, :, lag * channels : (lag + 1) * channels]
    return inputs
