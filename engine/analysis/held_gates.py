"""What a gate does: hold it at a value, for all units and steps, and see what the network then gets wrong.

    held = hold(experiment, state.parameters, {"forget_gate": 0.0})     # the same network, its forget gates shut
    before, after = error(experiment, state.parameters), error(experiment, held)

A gate is σ(W x_t + U h_{t−1} + b). Held at v it is σ(logit v): its weights are zero and its bias is logit v. So the
held network is an ordinary one with other parameters, exact forward and back, and can be shown like any other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.cells import CELLS
from engine.experiment import Experiment
from engine.network import unroll
from engine.parameters import Parameters, layer_names
from engine.supply import fresh_batch
from engine.tasks import task_of

BLOCKS = {
    "gru": {"reset_gate": 0, "update_gate": 1},
    "lstm": {"input_gate": 0, "forget_gate": 1, "output_gate": 3},
}
"""Gate → number of its block of rows, as PyTorch packs them."""
SHUT = 1000.0  # σ(−1000) is 0 and σ(1000) is 1, to the last bit


def hold(experiment: Experiment, parameters: Parameters, values: Mapping[str, float]) -> dict[str, np.ndarray]:
    """`parameters` with gates held: their name → their opening, 0…1, in every layer.

    Raises:
        ValueError: the cell has no such gate, or the opening is not in 0…1.
    """
    held = dict(parameters)
    blocks = BLOCKS.get(experiment.cell, {})
    for gate, value in values.items():
        if gate not in blocks or not 0 <= value <= 1:
            raise ValueError(f"{gate}={value} can't be held in a network of the cell {experiment.cell!r}.")
        for layer in range(experiment.layers):
            names = layer_names(layer)
            for name in names:
                held[name] = held[name].copy()
                _rows(experiment, held[name], blocks[gate])[:] = 0
            _rows(experiment, held[names[2]], blocks[gate])[:] = _logit(value)
    return held


def error(experiment: Experiment, parameters: Parameters, size: int = 200) -> float:
    """The task's metric on `size` fresh sequences, never trained on."""
    batch = fresh_batch(experiment, size)
    return task_of(experiment).measure(unroll(experiment, parameters, batch.inputs).outputs, batch)


def _rows(experiment: Experiment, packed: np.ndarray, block: int) -> np.ndarray:
    """Block number `block` of `packed`, as a view. Where not every unit is driven, input weights have fewer rows."""
    count = CELLS[experiment.cell].blocks
    view: np.ndarray = packed.reshape(count, len(packed) // count, *packed.shape[1:])[block]
    return view


def _logit(value: float) -> float:
    with np.errstate(divide="ignore"):
        return float(np.clip(np.log(value) - np.log1p(-value), -SHUT, SHUT))
