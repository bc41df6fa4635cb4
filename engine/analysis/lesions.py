"""Switch units off and see what is lost: of a distributed code little, of a code with one unit an item everything.

    curve = lesion_curve(experiment, state.parameters)
    curve.mean             # (n,) the metric when curve.removed units are off, over random choices of them

A unit that is off is 0 at every step for all that read it: its outgoing weights, in the recurrence, to the next layer
and to the read-out, are zero. So the lesioned network is an ordinary one with other parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.experiment import Experiment
from engine.network import unroll
from engine.parameters import Parameters, layer_names
from engine.supply import fresh_batch
from engine.tasks import task_of
from engine.tasks.echo import Echo

DRAWS = 12
SEQUENCES = 100


@dataclass(frozen=True)
class LesionCurve:
    """The metric over the number of units that are off.

    Attributes:
        removed: (n,) how many units are off.
        mean, worst, best: (n,) of the metric over random choices of them.
    """

    removed: np.ndarray
    mean: np.ndarray
    worst: np.ndarray
    best: np.ndarray


def switch_off(experiment: Experiment, parameters: Parameters, units: Sequence[int]) -> dict[str, np.ndarray]:
    """`parameters` of a one-layer network without what `units` (numbers from 0) send out."""
    off = {name: value.copy() for name, value in parameters.items()}
    for name in (layer_names(0)[1], "readout.weight"):
        off[name][:, list(units)] = 0
    return off


def metric_without(experiment: Experiment, parameters: Parameters, units: Sequence[int]) -> float:
    """The task's metric on fresh sequences while `units` are off."""
    batch = fresh_batch(experiment, SEQUENCES)
    outputs = unroll(experiment, switch_off(experiment, parameters, units), batch.inputs).outputs
    return task_of(experiment).measure(outputs, batch)


def lesion_curve(experiment: Experiment, parameters: Parameters, counts: Sequence[int] | None = None) -> LesionCurve:
    """Switch off growing numbers of units, each number in DRAWS random choices (from the experiment's seed)."""
    width = experiment.hidden_size
    removed = np.array(counts if counts is not None else sorted({round(width * share / 8) for share in range(9)} | {1}))
    metrics = np.array(
        [
            [metric_without(experiment, parameters, units_drawn(experiment, count, draw)) for draw in range(DRAWS)]
            for count in removed
        ]
    )
    ends = (metrics.min(axis=1), metrics.max(axis=1))
    worst, best = ends if task_of(experiment).metric.is_share else ends[::-1]
    return LesionCurve(removed, metrics.mean(axis=1), worst, best)


def units_drawn(experiment: Experiment, count: int, draw: int) -> list[int]:
    """Choice number `draw` of `count` units at random; a larger count goes on from a smaller one."""
    order = np.random.default_rng([experiment.seed, draw]).permutation(experiment.hidden_size)
    return [int(unit) for unit in order[:count]]


def localist_echo(length: int) -> tuple[Experiment, dict[str, np.ndarray]]:
    """A network with one unit an item that solves the task "echo" exactly: a shift register, worked out by hand.

    Unit 1 takes the input, unit k takes what unit k − 1 had at the step before, and the read-out asks of the last
    one whether it is above one half. Each bit that is on its way is held by one unit and no other.
    """
    units = Echo.delay(length) + 1
    experiment = Experiment(task="echo", cell="rnn", activation="identity", length=length, hidden_size=units)
    parameters = {
        "rnn.weight_ih_l0": np.eye(units, 1, dtype=np.float32),
        "rnn.weight_hh_l0": np.eye(units, k=-1, dtype=np.float32),
        "rnn.bias_ih_l0": np.zeros(units, np.float32),
        "rnn.bias_hh_l0": np.zeros(units, np.float32),
        "readout.weight": 20 * np.eye(units, dtype=np.float32)[-1:],
        "readout.bias": np.array([-10], np.float32),
    }
    return experiment, parameters
