"""What a network costs over the length of its input: numbers to learn, multiplications, and measured seconds.

    parameter_counts(experiment, lengths)                  # one for each length; a window grows with the length
    measurement = begin([replace(experiment, length=T) for T in lengths])
    while not measurement.done:
        measurement = measure_on(measurement)              # in a worker; about 0.3 s a call
    measurement.seconds_per_sequence                       # (networks, 2): forward; forward and backward
    fit(lengths, measurement.seconds_per_sequence[:, 0])   # Line(overhead, per_step)

A recurrent network needs h_{t−1} before it can compute h_t: T steps, one after the other. A network with a window
computes all steps in one matrix product. What is measured here runs on one thread of one core, so it does not show
what many cores, or a graphics card, would make of steps that can be computed side by side. It shows what the steps
themselves cost: T small operations instead of one large one. A batch of many sequences makes each of the small ones
larger, which is why the gap is widest for a single sequence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from engine.cells import CELLS
from engine.experiment import Experiment
from engine.parameters import initial_parameters, layer_names, parameter_count, sizes_of
from engine.supply import training_batch
from engine.tasks import task_of

SLICE_SECONDS = 0.3  # of one call; it sets how fine-grained stopping and drawing are
REPEATS = 25


@dataclass(frozen=True)
class Measurement:
    """Timed passes of some networks, each over one batch of its experiment.

    Attributes:
        experiments: N of them.
        repeats: how many passes of each are wanted.
        seconds: (≤ repeats, N, 2) of one pass over the whole batch: forward; forward and backward.
    """

    experiments: tuple[Experiment, ...]
    repeats: int
    seconds: np.ndarray

    @property
    def done(self) -> bool:
        """Whether all passes have been made."""
        return len(self.seconds) >= self.repeats

    @property
    def seconds_per_sequence(self) -> np.ndarray:
        """(N, 2) medians, divided by the batch size; NaN before the first pass."""
        if not len(self.seconds):
            return np.full(self.seconds.shape[1:], np.nan)
        sizes = np.array([experiment.batch_size for experiment in self.experiments])
        medians: np.ndarray = np.median(self.seconds, axis=0) / sizes[:, np.newaxis]
        return medians


class Line(NamedTuple):
    """seconds ≈ overhead + per_step · T.

    Attributes:
        overhead: seconds that do not depend on the length.
        per_step: seconds that each further step of the sequence costs.
    """

    overhead: float
    per_step: float


def begin(experiments: Sequence[Experiment], repeats: int = REPEATS) -> Measurement:
    """The measurement before its first pass. Networks that are to be compared belong into the same one."""
    return Measurement(tuple(experiments), repeats, np.empty((0, len(experiments), 2)))


def measure_on(measurement: Measurement) -> Measurement:
    """Time some more passes of all networks, for about SLICE_SECONDS. Runs in a worker: it loads PyTorch.

    The networks take turns, so what else the machine does hits all of them, and the median drops it. The
    first pass of each call is not counted.
    """
    from engine.training import one_thread

    passes = [run for experiment in measurement.experiments for run in _passes(experiment)]
    with one_thread(), np.errstate(all="ignore"):  # how large numbers get makes no difference
        take_turns(passes, 1)
        rows = take_turns(passes, measurement.repeats - len(measurement.seconds), SLICE_SECONDS)
    rows = rows.reshape(len(rows), len(measurement.experiments), 2)
    return replace(measurement, seconds=np.concatenate([measurement.seconds, rows]))


def take_turns(
    runs: Sequence[Callable[[], object]],
    rounds: int,
    seconds: float = np.inf,
    clock: Callable[[], float] = time.perf_counter,
) -> np.ndarray:
    """(≤ rounds, runs) seconds that each run took in each round; no new round after `seconds`, but at least one."""
    end = clock() + seconds
    rows = []
    for _ in range(rounds):
        row = []
        for run in runs:
            start = clock()
            run()
            row.append(clock() - start)
        rows.append(row)
        if clock() >= end:
            break
    return np.array(rows).reshape(-1, len(runs))


def fit(lengths: Sequence[int], seconds: np.ndarray) -> Line:
    """The line through seconds (n,) over lengths (n,), n ≥ 2, by least squares of the relative error.

    Relative, since noise is: otherwise the longest sequence alone would decide. An overhead too small to be told
    from noise can come out below zero.
    """
    columns = np.stack([np.ones(len(lengths)), np.asarray(lengths, np.float64)], axis=1)
    overhead, per_step = np.linalg.lstsq(columns / seconds[:, np.newaxis], np.ones(len(lengths)), rcond=None)[0]
    return Line(float(overhead), float(per_step))


def parameter_counts(experiment: Experiment, lengths: Sequence[int]) -> np.ndarray:
    """(n,) numbers that the network learns, if it is to see all of a sequence of each of `lengths`.

    A recurrent network uses the same weights at every step: its count is the same for all of them. One with a
    window needs as wide a window as the sequence is long, and H weights more for each further input.
    """
    count = parameter_count(initial_parameters(experiment))
    if CELLS[experiment.cell].states:
        return np.full(len(lengths), count)
    each = sizes_of(experiment).driven * len(task_of(experiment).inputs)
    return np.asarray(count + each * (np.asarray(lengths) - experiment.window))


def multiplications_per_step(experiment: Experiment) -> int:
    """Products with weights that one step of one sequence takes, without the read-out.

    Every weight of a layer is used once a step, so it is their number: G·H·(I + H) in a first recurrent layer with
    G blocks, and w·I·H in one with a window w. The windowed network looks at every input w times over.
    """
    parameters = initial_parameters(experiment)
    return sum(parameters[name].size for layer in range(experiment.layers) for name in layer_names(layer)[:2])


def _passes(experiment: Experiment) -> tuple[Callable[[], object], Callable[[], object]]:
    """A forward pass over the experiment's first batch, as in use; and one forward and backward, as in training."""
    import torch

    from engine.fast.network import FastNetwork

    parameters = initial_parameters(experiment)
    gradients = {name: np.empty_like(value) for name, value in parameters.items()}
    network = FastNetwork(experiment, parameters)
    inputs = training_batch(experiment, 0).inputs

    def forward() -> None:
        with torch.no_grad():  # an LSTM need not keep what it would go back by
            network.outputs(network.forward(inputs).states)

    def both() -> None:
        run = network.forward(inputs)
        told = run.states.reshape(-1, run.states.shape[-1])
        network.backward(run, slice(None), told, network.outputs(told), into=gradients)

    return forward, both
