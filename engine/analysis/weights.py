"""A network's weights, block by block under the names of its equations, and what its recurrent matrices do.

blocks = weight_blocks(experiment, state.parameters, layer=0)       # the LSTM's W_i, W_f, W_g, W_o, U_i, …
change = blocks[0].values - weight_blocks(experiment, initial_parameters(experiment), 0)[0].values
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analysis.jacobians import step_jacobians
from engine.cells import CELLS
from engine.experiment import Experiment
from engine.network import layer_weights
from engine.parameters import Parameters, layer_names

GATES = {
    "rnn": (("h", "new state"),),
    "window": (("h", "new state"),),
    "gru": (("r", "reset gate"), ("z", "update gate"), ("n", "candidate")),
    "lstm": (("i", "input gate"), ("f", "forget gate"), ("g", "candidate"), ("o", "output gate")),
}
"""Symbol and title of what each block of a cell's rows makes, as PyTorch packs them."""


@dataclass(frozen=True)
class Block:
    """The weights that lead into one gate, candidate or state of all units of a layer.

    Attributes:
        symbol: of what they make: "f" for the forget gate.
        title: of the same: "forget gate".
        input: W, (H, F): row, the unit; column, what comes in: inputs, or units of the layer below.
        recurrent: U, (H, H), or (H, 0) without recurrence: column, the unit one step before.
        bias: (H,), both bias vectors together.
    """

    symbol: str
    title: str
    input: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray


def blocks_of(cell: str) -> tuple[tuple[str, str], ...]:
    """Symbol and title of each block of a cell's rows."""
    return GATES.get(cell) or tuple((str(number + 1), f"block {number + 1}") for number in range(CELLS[cell].blocks))


def weight_blocks(experiment: Experiment, parameters: Parameters, layer: int) -> tuple[Block, ...]:
    """The weights of recurrent layer `layer` (from 0), float64. Units that no input drives have zeros in W."""
    weights = layer_weights(experiment, parameters, layer)
    rows = len(weights.input_bias) // CELLS[experiment.cell].blocks
    recurrent, bias = np.empty((len(weights.input_bias), 0)), weights.input_bias
    if CELLS[experiment.cell].states:
        recurrent, bias = weights.recurrent, weights.input_bias + weights.recurrent_bias
    return tuple(
        Block(*name, *(each[number * rows : (number + 1) * rows] for each in (weights.input, recurrent, bias)))
        for number, name in enumerate(blocks_of(experiment.cell))
    )


def readout_weights(parameters: Parameters) -> np.ndarray:
    """(O, units read) float64, or (0, 0) where the units themselves are the output."""
    if "readout.weight" not in parameters:
        return np.empty((0, 0))
    return np.asarray(parameters["readout.weight"], np.float64)


@dataclass(frozen=True)
class Spectrum:
    """The eigenvalues of a matrix, the one furthest from zero first.

    Attributes:
        values: (n,) complex; empty if the matrix is not finite.
    """

    values: np.ndarray

    @property
    def radius(self) -> float:
        """Spectral radius, the largest |eigenvalue|; NaN if there is none."""
        return float(np.abs(self.values[0])) if len(self.values) else float("nan")

    @classmethod
    def of(cls, matrix: np.ndarray) -> Spectrum:
        """The spectrum of a square matrix."""
        if not matrix.size or not np.isfinite(matrix).all():
            return cls(np.empty(0, np.complex128))
        values = np.linalg.eigvals(matrix.astype(np.float64)).astype(np.complex128)
        return cls(values[np.argsort(-np.abs(values), kind="stable")])


def spectrum_of_weights(recurrent: np.ndarray) -> Spectrum:
    """The spectrum of one recurrent block U (H, H); for a worker, since 128 units take 20 ms."""
    return Spectrum.of(recurrent)


@dataclass(frozen=True)
class Moment:
    """A time step of a network on one sequence.

    Attributes:
        experiment: the network; of the task "series" any series will do, since only the number of channels matters.
        parameters: its parameters.
        inputs: (T, I).
        step: t, from 1.
        layer: which recurrent layer, from 0; −1: the last.
    """

    experiment: Experiment
    parameters: Parameters
    inputs: np.ndarray
    step: int
    layer: int = -1


def spectrum_of_step(moment: Moment) -> Spectrum:
    """The spectrum of ∂s_t/∂s_{t−1}, the step Jacobian of a layer's whole state s."""
    until = moment.inputs[: moment.step]
    return Spectrum.of(step_jacobians(moment.experiment, moment.parameters, until, moment.layer)[-1])


@dataclass(frozen=True)
class Incoming:
    """What a unit hears with, at one moment of training; one entry a block.

    Attributes:
        input: (G, F).
        recurrent: (G, H).
        bias: (G,).
    """

    input: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray


def incoming(experiment: Experiment, parameters: Parameters, layer: int, unit: int) -> Incoming:
    """The weights that lead into unit number `unit` (from 0) of a layer."""
    blocks = weight_blocks(experiment, parameters, layer)
    rows = ([each.input[unit] for each in blocks], [each.recurrent[unit] for each in blocks])
    return Incoming(np.stack(rows[0]), np.stack(rows[1]), np.array([each.bias[unit] for each in blocks]))


@dataclass(frozen=True)
class Outgoing:
    """Where a unit is heard, at one moment of training.

    Attributes:
        recurrent: (G, H), by each unit of its own layer, a row for each block.
        above: (G, H) by the next layer, or (0, 0).
        readout: (O,) by the outputs; zero if they do not read it, empty if they do not read this layer.
    """

    recurrent: np.ndarray
    above: np.ndarray
    readout: np.ndarray


def outgoing(experiment: Experiment, parameters: Parameters, layer: int, unit: int) -> Outgoing:
    """The weights that lead away from unit number `unit` (from 0) of a layer."""
    own = weight_blocks(experiment, parameters, layer)
    recurrent = np.stack([each.recurrent[:, unit] if each.recurrent.size else np.empty(0) for each in own])
    if layer + 1 < experiment.layers:
        next_layer = weight_blocks(experiment, parameters, layer + 1)
        return Outgoing(recurrent, np.stack([each.input[:, unit] for each in next_layer]), np.empty(0))
    readout = readout_weights(parameters)
    column = unit - (experiment.hidden_size - readout.shape[1])  # it reads the last units
    heard = readout[:, column] if readout.size and column >= 0 else np.zeros(len(readout))
    return Outgoing(recurrent, np.empty((0, 0)), heard)


def free_units(parameters: Parameters, layer: int) -> int:
    """How many units of a layer have weights; those after them are clamped to inputs."""
    _, recurrent, _, _ = layer_names(layer)
    weights = parameters[recurrent]
    return int(weights.shape[1]) if weights.size else len(parameters[layer_names(layer)[2]])
