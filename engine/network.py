"""A network on any input: what its parameters do with it, step by step, in NumPy and float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.cells import CELLS, Trace, Weights
from engine.experiment import Experiment
from engine.parameters import Parameters


@dataclass(frozen=True)
class Unrolled:
    """What a network did on B sequences of T steps.

    Attributes:
        layers: one `Trace` a recurrent layer, float64; its gradients are NaN.
        outputs: (T, B, O), before any sigmoid or softmax.
    """

    layers: tuple[Trace, ...]
    outputs: np.ndarray

    @property
    def hidden_state(self) -> np.ndarray:
        """h_1 … h_T of the last layer, (T, B, H)."""
        return self.layers[-1].hidden_state


def unroll(experiment: Experiment, parameters: Parameters, inputs: np.ndarray) -> Unrolled:
    """Run the network of `parameters` over `inputs` (T, B, I); T and B need not be the experiment's own."""
    cell = CELLS[experiment.cell]
    traces: list[Trace] = []
    with np.errstate(all="ignore"):  # a network about to diverge may overflow; what is not finite shows
        states = inputs.astype(np.float64)
        for layer in range(experiment.layers):
            traces.append(cell.forward(Weights.of_layer(parameters, layer), states, experiment.activation))
            states = traces[-1].hidden_state
        outputs = states @ parameters["readout.weight"].astype(np.float64).T + parameters["readout.bias"]
    return Unrolled(tuple(traces), outputs)
