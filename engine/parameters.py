"""How a network's parameters are named, shaped and first drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.cells import CELLS
from engine.experiment import Experiment
from engine.randomness import Stream, generator
from engine.tasks import task_of

IDENTITY_INPUT_DEVIATION = 0.001  # Le, Jaitly & Hinton (2015), section 3

Parameters = Mapping[str, np.ndarray]
"""PyTorch's name ("rnn.weight_hh_l0") → float32 array."""

LAYER_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def start_name(layer: int) -> str:
    """Name of the learned initial state of recurrent layer `layer` (from 0)."""
    return f"rnn.initial_state_l{layer}"


def layer_names(layer: int) -> tuple[str, str, str, str]:
    """Names of the parameters of recurrent layer `layer` (from 0)."""
    weight_ih, weight_hh, bias_ih, bias_hh = (f"rnn.{part}_l{layer}" for part in LAYER_PARTS)
    return weight_ih, weight_hh, bias_ih, bias_hh


@dataclass(frozen=True)
class Sizes:
    """How many units do what in a network. See `Experiment` for the ways of input and target.

    Attributes:
        units: H, all of a layer.
        free: of these, not clamped: those that have weights.
        driven: of these, reached by the inputs of the first layer.
        fan_in: numbers that each driven unit of the first layer sees at a step; 0 if nothing comes in.
        read: units that the read-out sees; 0 if there is no read-out.
        learned_start: units of each layer whose initial state is learned.
    """

    units: int
    free: int
    driven: int
    fan_in: int
    read: int
    learned_start: int


def sizes_of(experiment: Experiment) -> Sizes:
    """The sizes of `experiment`'s network."""
    cell, units = CELLS[experiment.cell], experiment.hidden_size
    channels = len(task_of(experiment).inputs)
    way = experiment.input_way if cell.states else "driven"
    free = units - channels if way == "clamped" else units
    return Sizes(
        units=units,
        free=free,
        driven=min(experiment.driven_units or free, free) if way == "driven" else free,
        fan_in=0 if way == "initial" else cell.fan_in(channels, experiment.window),
        read=0 if experiment.target_way == "units" else min(experiment.read_units or units, units),
        learned_start=min(experiment.initial_units or free, free) if learns_start(experiment) else 0,
    )


def learns_start(experiment: Experiment) -> bool:
    """Whether the initial state is among the parameters."""
    return experiment.initial_state == "learned" and CELLS[experiment.cell].states > 0


def initial_parameters(experiment: Experiment) -> dict[str, np.ndarray]:
    """The parameters before training: `layers` recurrent layers and a linear read-out.

    Shapes, with G blocks, H free units (of these D driven), F numbers in, S state vectors and O outputs:
    weight_ih (G·D, F) in the first layer and (G·H, H) in others, weight_hh (G·H, H), biases (G·H,),
    readout.weight (O, units read), readout.bias (O,); initial_state (S, units with a learned one), where it is
    learned, zero at first. A network without recurrence has neither weight_hh nor bias_hh: they have no columns
    and no elements. The read-out always has PyTorch's default.
    """
    task, sizes = task_of(experiment), sizes_of(experiment)
    draw = generator(experiment.seed, Stream.PARAMETERS)
    parameters: dict[str, np.ndarray] = {}
    for layer in range(experiment.layers):
        parameters |= _layer_parameters(experiment, sizes, layer, draw)
    if sizes.read:
        bound = 1 / np.sqrt(sizes.read)
        parameters["readout.weight"] = draw.uniform(-bound, bound, (len(task.outputs), sizes.read))
        parameters["readout.bias"] = draw.uniform(-bound, bound, len(task.outputs))
    return {name: value.astype(np.float32) for name, value in parameters.items()}


def _layer_parameters(
    experiment: Experiment, sizes: Sizes, layer: int, draw: np.random.Generator
) -> dict[str, np.ndarray]:
    cell, width = CELLS[experiment.cell], sizes.free
    rows, back = cell.blocks * width, width if cell.states else 0
    driven, fan_in = (width, width) if layer else (sizes.driven, sizes.fan_in)
    bound = 1 / np.sqrt(width if cell.states else fan_in)
    shapes = ((cell.blocks * driven, fan_in), (rows, back), (rows,), (rows if cell.states else 0,))
    weight_ih, weight_hh, bias_ih, bias_hh = (draw.uniform(-bound, bound, shape) for shape in shapes)
    if experiment.initialization == "orthogonal" and cell.states:
        blocks = [_random_rotation(draw, width) for _ in range(cell.blocks)]
        weight_hh = experiment.spectral_radius * np.concatenate(blocks)
    elif experiment.initialization == "identity" and cell.states:
        weight_hh = experiment.spectral_radius * np.tile(np.eye(width), (cell.blocks, 1))
        weight_ih = IDENTITY_INPUT_DEVIATION * draw.standard_normal(weight_ih.shape)
        bias_ih, bias_hh = np.zeros(rows), np.zeros(rows)
    if "forget_bias" in cell.own_settings:
        forget = slice(width, 2 * width)  # the second block, as PyTorch packs i, f, g, o
        bias_ih[forget], bias_hh[forget] = experiment.forget_bias, 0
    values = dict(zip(layer_names(layer), (weight_ih, weight_hh, bias_ih, bias_hh), strict=True))
    if sizes.learned_start:
        values[start_name(layer)] = np.zeros((cell.states, sizes.learned_start))
    return values


def parameter_count(parameters: Parameters) -> int:
    """How many numbers a network learns."""
    return sum(value.size for value in parameters.values())


def _random_rotation(draw: np.random.Generator, width: int) -> np.ndarray:
    """A random orthogonal matrix (width, width), uniform over all of them (Mezzadri 2007)."""
    q, r = np.linalg.qr(draw.standard_normal((width, width)))
    return q * np.sign(np.diag(r))
