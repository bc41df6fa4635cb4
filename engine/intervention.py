"""Reach into a running network: hold a gate, freeze, silence or flip units, add noise, reset a state.

    shut = HoldGate("forget_gate", 0.0)                              # all units, all steps
    noisy = AddNoise(0.5, units=(1, 2, 3), steps=(10, 20))           # units 1 to 3 at steps 10 to 20
    recording = record(experiment, state, interventions=(shut, noisy))

Interventions act one after the other, in the order given, at every step at which they are on. Nothing is changed in
the parameters and nothing is learned from them. They are exact forward and back: a held gate passes no gradient to its
pre-activation, a state that is replaced none to what it would have been. Units, steps and layers count from 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.cells import CELLS, Cell
from engine.cells.interference import Interference, StateChange
from engine.errors import ExperimentError, quoted
from engine.experiment import Experiment
from engine.parameters import sizes_of
from engine.rules import Number
from engine.tasks import Batch, Task

COUNT = Number(1, 100_000, whole=True)
OPENING = Number(0, 1)
DEVIATION = Number(0, 100)
VALUE = Number(-1e6, 1e6)
SEED = Number(0, 2**32 - 1, whole=True)


@dataclass(frozen=True, kw_only=True)
class Intervention(ABC):
    """Something done to a network from outside while it runs; a frozen value, one subclass for each kind.

    Attributes:
        units: numbers of the units, None for all. Clamped units hold inputs and are left alone.
        steps: the first and the last step at which it is done, None for all.
        layer: number of the recurrent layer, None for all.

    Raises:
        ExperimentError: a number is out of range.
    """

    units: tuple[int, ...] | None = None
    steps: tuple[int, int] | None = None
    layer: int | None = None

    def __post_init__(self) -> None:
        if self.units is not None:
            units = _listed("units", self.units, "a list of unit numbers, such as (1, 2, 8)")
            object.__setattr__(self, "units", tuple(sorted(set(units))))
        if self.steps is not None:
            wanted = "the first and the last step, such as (10, 20)"
            steps = _listed("steps", self.steps, wanted)
            if len(steps) != 2 or steps[0] > steps[1]:
                raise ExperimentError(f"steps={quoted(self.steps)}: give {wanted}.")
            object.__setattr__(self, "steps", steps)
        if self.layer is not None:
            object.__setattr__(self, "layer", COUNT.check("layer", self.layer))

    def check(self, experiment: Experiment, length: int | None = None) -> None:
        """Raise ExperimentError if this can't be done to the network of `experiment`.

        Args:
            length: T, if it is another than the experiment's own.
        """
        length, free = length or experiment.length, sizes_of(experiment).free
        if self.layer is not None and self.layer > experiment.layers:
            raise ExperimentError(f"There is no layer {self.layer}: the network has {experiment.layers}.")
        if self.units is not None and self.units[-1] > free:
            if self.units[-1] <= experiment.hidden_size:
                raise ExperimentError(f"Unit {self.units[-1]} is clamped to an input: edit the input instead.")
            raise ExperimentError(f"There is no unit {self.units[-1]}: the network has {free} in a layer.")
        if self.steps is not None and self.steps[1] > length:
            raise ExperimentError(f"There is no step {self.steps[1]}: the sequences have {length}.")

    @abstractmethod
    def draft(self, onto: Interference, where: np.ndarray, cell: Cell[Any], layer: int) -> None:
        """Write this into `onto` at `where` (T, H) of layer number `layer` (from 1)."""


@dataclass(frozen=True, kw_only=True)
class StateIntervention(Intervention):
    """One that changes a state.

    Attributes:
        state: "hidden_state", or "cell_state" of an LSTM.
    """

    state: str = "hidden_state"

    def check(self, experiment: Experiment, length: int | None = None) -> None:
        super().check(experiment, length)
        cell = CELLS[experiment.cell]
        if self.state not in cell.state_names:
            raise ExperimentError(
                f"state={quoted(self.state)} is unknown to the {cell.title}: choose {' or '.join(cell.state_names)}."
            )

    def draft(self, onto: Interference, where: np.ndarray, cell: Cell[Any], layer: int) -> None:
        self.change(onto.states[cell.state_names.index(self.state)], where, layer)

    @abstractmethod
    def change(self, onto: StateChange, where: np.ndarray, layer: int) -> None:
        """Write this into `onto` at `where` (T, H) of layer number `layer` (from 1)."""


@dataclass(frozen=True)
class HoldGate(Intervention):
    """Hold a gate at a value: 0 is shut, 1 is open.

    Attributes:
        gate: its name, such as "forget_gate".
        value: 0…1.
    """

    gate: str
    value: float

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "value", OPENING.check("value", self.value))

    def check(self, experiment: Experiment, length: int | None = None) -> None:
        super().check(experiment, length)
        cell = CELLS[experiment.cell]
        if not cell.gate_blocks:
            raise ExperimentError(f"gate={quoted(self.gate)} can't be held: the {cell.title} has no gates.")
        if self.gate not in cell.gate_blocks:
            gates = ", ".join(cell.gate_blocks)
            raise ExperimentError(f"gate={quoted(self.gate)} is unknown to the {cell.title}: choose one of {gates}.")

    def draft(self, onto: Interference, where: np.ndarray, cell: Cell[Any], layer: int) -> None:
        onto.gates[:, cell.gate_blocks[self.gate]][where] = self.value


@dataclass(frozen=True, kw_only=True)
class Freeze(StateIntervention):
    """Keep the value that the unit had before the first step, h_0 if that is step 1."""

    def change(self, onto: StateChange, where: np.ndarray, layer: int) -> None:
        _replace(onto, where)
        onto.kept[where] = 1
        onto.source[where] = self.steps[0] - 1 if self.steps else 0


@dataclass(frozen=True, kw_only=True)
class Silence(StateIntervention):
    """Make the unit 0."""

    def change(self, onto: StateChange, where: np.ndarray, layer: int) -> None:
        _replace(onto, where)


@dataclass(frozen=True, kw_only=True)
class Flip(StateIntervention):
    """Turn the unit's sign."""

    def change(self, onto: StateChange, where: np.ndarray, layer: int) -> None:
        onto.own[where] *= -1
        onto.kept[where] *= -1
        onto.added.swapaxes(0, 1)[:, where] *= -1


@dataclass(frozen=True)
class AddNoise(StateIntervention):
    """Add normal noise, other noise for every layer, sequence, step and unit, but the same each time.

    Attributes:
        deviation: its standard deviation.
        seed: another one, other noise.
    """

    deviation: float
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "deviation", DEVIATION.check("deviation", self.deviation))
        object.__setattr__(self, "seed", SEED.check("seed", self.seed))

    def change(self, onto: StateChange, where: np.ndarray, layer: int) -> None:
        steps, batch, units = onto.added.shape
        noise = np.random.default_rng([self.seed, layer]).standard_normal((batch, steps, units))
        onto.added[...] += self.deviation * np.where(where[:, np.newaxis], noise.swapaxes(0, 1), 0)


@dataclass(frozen=True, kw_only=True)
class Reset(StateIntervention):
    """Let each step begin with the state at 0, as if nothing had been before: the state itself stays as it was."""

    def check(self, experiment: Experiment, length: int | None = None) -> None:
        super().check(experiment, length)
        if not CELLS[experiment.cell].states:
            raise ExperimentError(f"The {CELLS[experiment.cell].title} network carries no state that could be reset.")

    def change(self, onto: StateChange, where: np.ndarray, layer: int) -> None:
        onto.received[:-1][where] = 0


@dataclass(frozen=True)
class Edit:
    """Another value for one input of a displayed sequence; what is learned from stays as it is.

    Attributes:
        sequence: its number, from 1.
        step: the time step, from 1.
        channel: number of the input channel, from 1.
        value: any finite number.
    """

    sequence: int
    step: int
    channel: int
    value: float

    def __post_init__(self) -> None:
        for name in ("sequence", "step", "channel"):
            object.__setattr__(self, name, COUNT.check(name, getattr(self, name)))
        object.__setattr__(self, "value", VALUE.check("value", self.value))

    def check(self, batch: Batch) -> None:
        """Raise ExperimentError if there is no such place in `batch`."""
        steps, sequences, channels = batch.inputs.shape
        for name, most in (("sequence", sequences), ("step", steps), ("channel", channels)):
            if getattr(self, name) > most:
                raise ExperimentError(f"There is no {name} {getattr(self, name)}: there are {most}.")


def edited(task: Task, batch: Batch, edits: Sequence[Edit]) -> Batch:
    """`batch` with other inputs, and with the targets that follow from them if `task` can say which.

    Raises:
        ExperimentError: an edit is outside the batch.
    """
    if not edits:
        return batch
    inputs = batch.inputs.copy()
    for each in edits:
        each.check(batch)
        inputs[each.step - 1, each.sequence - 1, each.channel - 1] = each.value
    changed = replace(batch, inputs=inputs)
    return task.retarget(changed) or changed


def interferences_of(
    experiment: Experiment, interventions: Sequence[Intervention], length: int, batch: int
) -> tuple[Interference | None, ...]:
    """For each layer what `interventions` do to it on `batch` sequences of `length` steps; None for nothing.

    Raises:
        ExperimentError: one of them does not fit the network.
    """
    for each in interventions:
        each.check(experiment, length)
    return tuple(
        _interference(experiment, [each for each in interventions if each.layer in (None, layer)], length, batch, layer)
        for layer in range(1, experiment.layers + 1)
    )


def _interference(
    experiment: Experiment, interventions: Sequence[Intervention], length: int, batch: int, layer: int
) -> Interference | None:
    if not interventions:
        return None
    cell, units = CELLS[experiment.cell], sizes_of(experiment).free
    states = tuple(StateChange.nothing(length, batch, units) for _ in cell.state_names)
    drafted = Interference(np.full((length, cell.blocks, units), np.nan), states)
    for each in interventions:
        where = np.zeros((length, units), dtype=bool)
        first, last = each.steps or (1, length)
        where[first - 1 : last, _chosen(each.units)] = True
        each.draft(drafted, where, cell, layer)
    return drafted


def _chosen(units: tuple[int, ...] | None) -> slice | list[int]:
    return slice(None) if units is None else [unit - 1 for unit in units]


def _replace(onto: StateChange, where: np.ndarray) -> None:
    """Leave nothing of what the cell makes, nor of what was done to it before."""
    onto.own[where] = onto.kept[where] = 0
    onto.added.swapaxes(0, 1)[:, where] = 0


def _listed(name: str, values: object, wanted: str) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list, range)) or not values:
        raise ExperimentError(f"{name}={quoted(values)}: give {wanted}.")
    return tuple(int(COUNT.check(name, each) or 0) for each in values)
