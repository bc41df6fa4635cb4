"""How a network's parameters are named, shaped and first drawn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.cells import CELLS
from engine.experiment import Experiment
from engine.randomness import Stream, generator
from engine.tasks import task_of

IDENTITY_INPUT_DEVIATION = 0.001  # Le, Jaitly & Hinton (2015), section 3

Parameters = Mapping[str, np.ndarray]
"""PyTorch's name ("rnn.weight_hh_l0") → float32 array."""

LAYER_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def layer_names(layer: int) -> tuple[str, str, str, str]:
    """Names of the parameters of recurrent layer `layer` (from 0)."""
    weight_ih, weight_hh, bias_ih, bias_hh = (f"rnn.{part}_l{layer}" for part in LAYER_PARTS)
    return weight_ih, weight_hh, bias_ih, bias_hh


def initial_parameters(experiment: Experiment) -> dict[str, np.ndarray]:
    """The parameters before training: `layers` recurrent layers and a linear read-out.

    Shapes, with G blocks of H units, I inputs and O outputs: weight_ih (G·H, I or H), weight_hh (G·H, H),
    biases (G·H,), readout.weight (O, H), readout.bias (O,). The read-out always has PyTorch's default.
    """
    task, cell = task_of(experiment), CELLS[experiment.cell]
    draw = generator(experiment.seed, Stream.PARAMETERS)
    width, rows = experiment.hidden_size, cell.blocks * experiment.hidden_size
    bound = 1 / np.sqrt(width)
    parameters: dict[str, np.ndarray] = {}
    for layer in range(experiment.layers):
        fan_in = width if layer else len(task.inputs)
        names = layer_names(layer)
        shapes = ((rows, fan_in), (rows, width), (rows,), (rows,))
        weight_ih, weight_hh, bias_ih, bias_hh = (draw.uniform(-bound, bound, shape) for shape in shapes)
        if experiment.initialization == "orthogonal":
            blocks = [_random_rotation(draw, width) for _ in range(cell.blocks)]
            weight_hh = experiment.spectral_radius * np.concatenate(blocks)
        elif experiment.initialization == "identity":
            weight_hh = experiment.spectral_radius * np.tile(np.eye(width), (cell.blocks, 1))
            weight_ih = IDENTITY_INPUT_DEVIATION * draw.standard_normal((rows, fan_in))
            bias_ih, bias_hh = np.zeros(rows), np.zeros(rows)
        if "forget_bias" in cell.own_settings:
            forget = slice(width, 2 * width)  # the second block, as PyTorch packs i, f, g, o
            bias_ih[forget], bias_hh[forget] = experiment.forget_bias, 0
        parameters |= dict(zip(names, (weight_ih, weight_hh, bias_ih, bias_hh), strict=True))
    parameters["readout.weight"] = draw.uniform(-bound, bound, (len(task.outputs), width))
    parameters["readout.bias"] = draw.uniform(-bound, bound, len(task.outputs))
    return {name: value.astype(np.float32) for name, value in parameters.items()}


def parameter_count(parameters: Parameters) -> int:
    """How many numbers a network learns."""
    return sum(value.size for value in parameters.values())


def _random_rotation(draw: np.random.Generator, width: int) -> np.ndarray:
    """A random orthogonal matrix (width, width), uniform over all of them (Mezzadri 2007)."""
    q, r = np.linalg.qr(draw.standard_normal((width, width)))
    return q * np.sign(np.diag(r))
