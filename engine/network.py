"""A network on any input: what its parameters do with it, step by step, forward and back, in NumPy and float64.

    unrolled = unroll(experiment, state.parameters, inputs)   # unrolled.hidden_state is (T, B, H)

`engine.fast.network` is the same for training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from engine.cells import CELLS, Trace, Weights
from engine.cells.interference import Interference
from engine.experiment import Experiment
from engine.intervention import Intervention, interferences_of
from engine.parameters import Parameters, Sizes, layer_names, sizes_of, start_name
from engine.tasks import task_of


@dataclass(frozen=True)
class Unrolled:
    """What a network did on B sequences of T steps.

    Attributes:
        layers: one `Trace` a recurrent layer, float64; its gradients are NaN. A clamped unit has states, and
            NaN where it has no gates.
        outputs: (T, B, O), before any sigmoid or softmax.
        interferences: for each layer what was done to it from outside.
    """

    layers: tuple[Trace, ...]
    outputs: np.ndarray
    interferences: tuple[Interference | None, ...]

    @property
    def hidden_state(self) -> np.ndarray:
        """h_1 … h_T of the last layer, (T, B, H)."""
        return self.layers[-1].hidden_state


def unroll(
    experiment: Experiment,
    parameters: Parameters,
    inputs: np.ndarray,
    start: Sequence[np.ndarray] | None = None,
    interventions: Sequence[Intervention] = (),
) -> Unrolled:
    """Run the network of `parameters` over `inputs` (T, B, I); T and B need not be the experiment's own.

    Args:
        start: for each layer the states (S, B, H) to start from, instead of the experiment's own initial state.
            What a network did from step k on is what it does from the states of step k.
        interventions: what is done to it meanwhile, in this order.

    Raises:
        ExperimentError: an intervention does not fit the network or the number of steps.
    """
    cell, sizes = CELLS[experiment.cell], sizes_of(experiment)
    inputs = inputs.astype(np.float64)
    interferences = interferences_of(experiment, interventions, *inputs.shape[:2])
    traces: list[Trace] = []
    with np.errstate(all="ignore"):  # a network about to diverge may overflow; what is not finite shows
        states = seen = seen_by_first_layer(experiment, inputs)
        if start is not None and sizes.free < sizes.units:
            seen[0] = start[0][0, :, sizes.free :]
        for layer in range(experiment.layers):
            begin = own_start(experiment, sizes, parameters, inputs, layer)
            if start is not None:
                begin = start[layer][..., : sizes.free]
            weights = layer_weights(experiment, parameters, layer)
            traces.append(cell.forward(weights, states, experiment.activation, begin, interferences[layer]))
            states = traces[-1].hidden_state
        if sizes.free < sizes.units:
            traces[-1] = _with_clamped(traces[-1], inputs, seen[0])
            states = traces[-1].hidden_state
        return Unrolled(tuple(traces), outputs_of(experiment, sizes, parameters, states), interferences)


def carry_back(
    experiment: Experiment, parameters: Parameters, unrolled: Unrolled, output_grad: np.ndarray
) -> tuple[Trace, ...]:
    """The layers of `unrolled` with ∂L/∂(their states), from ∂L/∂(outputs) (T, B, O)."""
    cell, sizes = CELLS[experiment.cell], sizes_of(experiment)
    traces, interferences = list(unrolled.layers), unrolled.interferences
    with np.errstate(all="ignore"):
        state_grad = np.zeros_like(unrolled.hidden_state)
        if sizes.read:
            weight = parameters["readout.weight"].astype(np.float64)
            state_grad[..., sizes.units - sizes.read :] = output_grad @ weight
        else:
            state_grad[..., : output_grad.shape[-1]] = output_grad
        if sizes.free < sizes.units:
            return (_clamped_back(experiment, parameters, sizes, traces[0], state_grad, interferences[0]),)
        for layer in reversed(range(experiment.layers)):
            weights = layer_weights(experiment, parameters, layer)
            traces[layer], state_grad = cell.backward(
                weights, traces[layer], state_grad, experiment.activation, interferences[layer]
            )
    return tuple(traces)


def layer_weights(experiment: Experiment, parameters: Parameters, layer: int) -> Weights:
    """The weights of a layer, float64; those of units that no input drives are zeros."""
    weights = Weights(*(parameters[name].astype(np.float64) for name in layer_names(layer)))
    return with_silent(weights, CELLS[experiment.cell].blocks)


def with_silent(weights: Weights, blocks: int) -> Weights:
    """`weights` of G blocks, with input weights of zero for the units that have none."""
    rows = len(weights.input_bias)
    if len(weights.input) == rows:
        return weights
    packed = weights.input.reshape(blocks, -1, weights.input.shape[1])
    silent = rows // blocks - packed.shape[1]
    return replace(weights, input=np.pad(packed, ((0, 0), (0, silent), (0, 0))).reshape(rows, -1))


def seen_by_first_layer(experiment: Experiment, inputs: np.ndarray) -> np.ndarray:
    """What drives the first layer at each step, (T, B, ·), of inputs (T, B, I).

    Clamped units hold x_t at step t, so what they send arrives at step t + 1.
    """
    if experiment.input_way == "driven" or not CELLS[experiment.cell].states:
        return inputs
    if experiment.input_way == "initial":
        return inputs[..., :0]
    return np.concatenate([np.zeros_like(inputs[:1]), inputs[:-1]])


def starts_from_inputs(experiment: Experiment, layer: int) -> bool:
    """Whether the first units of a layer hold the first inputs to begin with."""
    return experiment.input_way == "initial" and CELLS[experiment.cell].states > 0 and layer == 0


def own_start(
    experiment: Experiment, sizes: Sizes, parameters: Parameters, inputs: np.ndarray, layer: int
) -> np.ndarray | None:
    """The states (S, B, H) from which a layer starts, in the precision of the inputs (T, B, I); None for zero."""
    given = starts_from_inputs(experiment, layer)
    if not given and not sizes.learned_start:
        return None
    start = np.zeros((CELLS[experiment.cell].states, inputs.shape[1], sizes.free), inputs.dtype)
    if sizes.learned_start:
        start[..., : sizes.learned_start] = parameters[start_name(layer)][:, np.newaxis]
    if given:
        start[..., : inputs.shape[2]] = inputs[0]
    return start


def outputs_of(experiment: Experiment, sizes: Sizes, parameters: Parameters, states: np.ndarray) -> np.ndarray:
    """(..., O) in the states' precision: the read-out of states (..., H), or the first units themselves."""
    if not sizes.read:
        return states[..., : len(task_of(experiment).outputs)]
    read = states[..., sizes.units - sizes.read :]
    weight = parameters["readout.weight"].astype(states.dtype, copy=False)
    outputs: np.ndarray = read @ weight.T + parameters["readout.bias"]
    return outputs


def _with_clamped(trace: Trace, states: np.ndarray, start: np.ndarray) -> Trace:
    """`trace` with I more units, which held `start` (B, I), then `states` (T, B, I); what they don't have is NaN."""
    clamped = states.shape[-1]
    arrays = {each.name: getattr(trace, each.name) for each in fields(trace)}
    wider = {
        name: np.pad(value, ((0, 0), (0, 0), (0, clamped)), constant_values=np.nan) for name, value in arrays.items()
    }
    wider["hidden_state"][..., -clamped:] = states
    wider["start"][0, :, -clamped:] = start
    return replace(trace, **wider)


def _clamped_back(
    experiment: Experiment,
    parameters: Parameters,
    sizes: Sizes,
    trace: Trace,
    state_grad: np.ndarray,
    interference: Interference | None,
) -> Trace:
    """The gradients of a layer with clamped units, whose own gradient is that of the value they hold."""
    free, held = np.s_[..., : sizes.free], np.s_[..., sizes.free :]
    alone = replace(trace, **{each.name: getattr(trace, each.name)[free] for each in fields(trace)})
    weights = layer_weights(experiment, parameters, 0)
    back, seen_grad = CELLS[experiment.cell].backward(
        weights, alone, state_grad[free], experiment.activation, interference
    )
    whole = _with_clamped(back, trace.hidden_state[held], trace.start[0][held])
    whole.hidden_state_grad[held] = state_grad[held]
    whole.hidden_state_grad[:-1][held] += seen_grad[1:]  # what is held at a step is seen at the next
    whole.start_grad[0][held] = seen_grad[0]
    return whole
