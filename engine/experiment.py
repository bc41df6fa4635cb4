"""The whole configuration of one network on one task: frozen, validated, to and from a link."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from engine.cells import CELLS
from engine.errors import ExperimentError
from engine.rules import BATCH, CLIP, OPTIMIZER, RATE, STEPS, Change, Changes, Choice, Number, Settings
from engine.series import SHIPPED, is_here, is_own
from engine.tasks import TASKS, task_named, task_of

INITIALIZATIONS = ("pytorch", "orthogonal", "identity")
ACTIVATIONS = ("tanh", "relu", "identity")
INPUT_WAYS = ("driven", "initial", "clamped")
TARGET_WAYS = ("readout", "units")
INITIAL_STATES = ("zero", "learned")


def _field(default: Any, rule: Choice | Number | Changes) -> Any:
    return field(default=default, metadata={"rule": rule})


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One network on one task. Two equal experiments train to the same bytes.

    Attributes:
        task: a name from `TASKS`.
        series: which series the task "series" forecasts: a shipped one's name or that of a registered upload.
        cell: a name from `CELLS`: "rnn", "gru" or "lstm".
        activation: of the vanilla RNN: "tanh", "relu", or "identity" for a linear one.
        length: T, steps of a sequence.
        hidden_size: H, units of each layer.
        layers: stacked recurrent layers, 1 to 3.
        batch_size: B, fresh sequences a training step.
        optimizer: "sgd", "momentum" (0.9), "rmsprop" or "adam", with PyTorch's defaults otherwise.
        learning_rate: of the optimiser, from the first step on.
        clip_norm: largest norm of the whole gradient; a longer one is scaled down. None: no clipping.
        changes: learning rate, clipping, batch size and optimiser changed at later steps.
        initialization: "pytorch" (uniform in ±1/√H), "orthogonal" (recurrent blocks are random rotations
            times `spectral_radius`) or "identity" (recurrent blocks are the identity times
            `spectral_radius`, biases zero; Le, Jaitly & Hinton 2015).
        spectral_radius: largest |eigenvalue| of each recurrent block at the start; not for "pytorch".
        forget_bias: the LSTM's forget-gate bias at the start (both its bias vectors together).
        window: w, how many of the last inputs the feed-forward network sees.
        input_way: how inputs are provided: "driven" (x_t drives units through W at every step), "initial" (the first
            input is the initial state of the first I units, and nothing more comes in) or "clamped" (the
            states of the last I units are x_t at every step; a GRU's reset gate does not act on them).
        driven_units: the first so many units of the first layer are driven; 0: all.
        initial_state: of what is not given by the inputs: "zero", or "learned" like the weights.
        initial_units: the first so many units of each layer have a learned initial state; 0: all.
        target_way: what is compared with the targets: "readout" (a linear function of the units) or "units" (the
            states of the first O units themselves).
        read_units: the read-out sees the last so many units; 0: all.
        target_steps: the last so many steps have the target; 0: those that the task says.
        seed: of everything random.
        steps: training steps after which a run ends at the latest.

    Raises:
        ExperimentError: a field is out of range; the message says what to choose.
    """

    task: str = _field("adding", Choice(tuple(TASKS)))
    series: str = _field(SHIPPED[0], Choice(SHIPPED, also=is_own))
    cell: str = _field("lstm", Choice(tuple(CELLS)))
    activation: str = _field("tanh", Choice(ACTIVATIONS))
    length: int = _field(50, Number(2, 200, whole=True))
    hidden_size: int = _field(32, Number(1, 128, whole=True))
    layers: int = _field(1, Number(1, 3, whole=True))
    batch_size: int = _field(32, BATCH)
    optimizer: str = _field("adam", OPTIMIZER)
    learning_rate: float = _field(0.003, RATE)
    clip_norm: float | None = _field(1.0, CLIP)
    changes: tuple[Change, ...] = _field((), Changes())
    initialization: str = _field("pytorch", Choice(INITIALIZATIONS))
    spectral_radius: float = _field(1.0, Number(0, 3))
    forget_bias: float = _field(1.0, Number(-10, 10))
    window: int = _field(1, Number(1, 50, whole=True))
    input_way: str = _field("driven", Choice(INPUT_WAYS))
    driven_units: int = _field(0, Number(0, 128, whole=True))
    initial_state: str = _field("zero", Choice(INITIAL_STATES))
    initial_units: int = _field(0, Number(0, 128, whole=True))
    target_way: str = _field("readout", Choice(TARGET_WAYS))
    read_units: int = _field(0, Number(0, 128, whole=True))
    target_steps: int = _field(0, Number(0, 200, whole=True))
    seed: int = _field(0, Number(0, 2**31 - 1, whole=True))
    steps: int = _field(3000, STEPS)

    def __post_init__(self) -> None:
        for name, rule in RULES.items():
            object.__setattr__(self, name, rule.check(name, getattr(self, name)))
        if self.task != "series" or is_here(self.series):
            task_of(self).check_length(self.length)
        self._check_ways()

    def _check_ways(self) -> None:
        """Raise ExperimentError if this task's inputs and targets can't be provided in the ways chosen."""
        task = TASKS[self.task]
        if self.input_way == "initial" and not task.told_at_start:
            raise ExperimentError(f"input_way=initial does not suit “{task.title}”, whose inputs come step by step.")
        if self.target_way == "units" and not task.targets_are_states:
            raise ExperimentError(f"target_way=units does not suit “{task.title}”: choose readout.")
        taken = len(task.inputs) if self.input_way != "driven" else 0
        wanted = len(task.outputs) if self.target_way == "units" else 0
        needed = taken + wanted if self.input_way == "clamped" else max(taken, wanted)
        needed += self.input_way == "clamped" and not wanted  # something has to be free
        if self.hidden_size < needed:
            raise ExperimentError(
                f"hidden_size={self.hidden_size} is too small for these units: choose {needed} or more."
            )
        if self.layers > 1 and (taken or wanted):
            raise ExperimentError("Inputs and targets that are states of units suit one layer: choose layers=1.")
        most = task.most_target_steps(self.length)
        if self.target_steps > most:
            says = f"choose 0 to {most}" if most else "choose 0, its own"
            raise ExperimentError(f"target_steps={self.target_steps} does not suit “{task.title}”: {says}.")

    def to_query(self) -> str:
        """This experiment as the query of a link, which opens it in the app. `from_query` is its inverse."""
        return urlencode(self.query_items())

    def query_items(self) -> dict[str, str]:
        """The cell, and the other fields that differ from their defaults, as text."""
        return {
            name: rule.write(getattr(self, name))
            for name, rule in RULES.items()
            if name == "cell" or getattr(self, name) != getattr(DEFAULT, name)
        }

    @classmethod
    def from_query(cls, query: str | Mapping[str, str]) -> Experiment:
        """The experiment that a link's query (or its decoded items) describes.

        Raises:
            ExperimentError: unknown or repeated names, or values out of range.
        """
        experiment, problems = cls.from_query_leniently(query)
        if problems:
            raise ExperimentError(problems[0])
        return experiment

    @classmethod
    def from_query_leniently(cls, query: str | Mapping[str, str]) -> tuple[Experiment, list[str]]:
        """Like `from_query`, but what can't be used is left at its default, and told in sentences."""
        items, problems = _items(query)
        values: dict[str, Any] = {}
        for name, text in items:
            if name not in RULES:
                problems.append(f"{name[:40]!r} is not a setting.")
            elif name in values:
                problems.append(f"{name} is set twice.")
            else:
                try:
                    values[name] = RULES[name].parse(name, text)
                except ExperimentError as problem:
                    problems.append(str(problem))
        try:
            return cls(**values), problems
        except ExperimentError as problem:  # each field is in its own range, but they don't suit each other
            problems = [*problems, str(problem)]
        ways: dict[str, Any] = {name: getattr(DEFAULT, name) for name in WAYS}
        for given_up in (*({name: value} for name, value in ways.items()), ways):  # no more of them than it takes
            with suppress(ExperimentError):
                return cls(**(values | given_up)), problems
        task = task_named(values.get("task", DEFAULT.task), values.get("series", DEFAULT.series))
        values["length"] = task.default_length
        try:
            return cls(**values), problems
        except ExperimentError as problem:
            return cls(**(values | ways)), [*problems, str(problem)]

    def settings_at(self, step: int) -> Settings:
        """What may change in mid-run, as it holds for training step number `step` (counted from 0)."""
        settings = Settings(self.learning_rate, self.clip_norm, self.batch_size, self.optimizer)
        for change in self.changes:
            if change.step <= step:
                settings = settings.after(change)
        return settings

    def changed_at(self, step: int, settings: Settings) -> Experiment:
        """This experiment with other settings from training step `step` on; what it says of later ones is dropped.

        Raises:
            ExperimentError: it would have more changes than an experiment can hold.
        """
        if step == 0:
            return replace(
                self,
                learning_rate=settings.learning_rate,
                clip_norm=settings.clip_norm,
                batch_size=settings.batch_size,
                optimizer=settings.optimizer,
                changes=(),
            )
        before = self.settings_at(step - 1)
        change = Change(
            step,
            settings.learning_rate,
            settings.clip_norm,
            None if settings.batch_size == before.batch_size else settings.batch_size,
            None if settings.optimizer == before.optimizer else settings.optimizer,
        )
        return replace(self, changes=(*(each for each in self.changes if each.step < step), change))

    def until(self, step: int) -> Experiment:
        """What of this experiment decides about the first `step` training steps.

        Everything else is at its default: the step budget, later changes, and settings of other cells.
        Experiments that agree in it have the same states up to there, to the byte.
        """
        unused: dict[str, Any] = {"steps": DEFAULT.steps}
        unused["changes"] = tuple(change for change in self.changes if change.step < step)
        return replace(self, **unused, **{name: getattr(DEFAULT, name) for name in self.idle_settings})

    @property
    def idle_settings(self) -> frozenset[str]:
        """Fields that, as the others stand, have no effect on this network."""
        cell = CELLS[self.cell]
        names = set().union(*(each.own_settings for each in CELLS.values())) - cell.own_settings
        if self.task != "series":
            names |= {"series"}
        if self.initialization == "pytorch":
            names |= {"spectral_radius"}
        if not cell.states:
            names |= {"initialization", "spectral_radius", "initial_state", "initial_units", "input_way"}
        if self.initial_state == "zero":
            names |= {"initial_units"}
        if self.input_way != "driven" and cell.states:  # without states, inputs always drive
            names |= {"driven_units"}
        if self.target_way != "readout":
            names |= {"read_units"}
        return frozenset(names)


RULES: dict[str, Choice | Number | Changes] = {each.name: each.metadata["rule"] for each in fields(Experiment)}
"""Field → its rule, which knows the range: for the checks here and for the sliders."""

DEFAULT = Experiment()

WAYS = ("target_steps", "layers", "target_way", "input_way")
"""Fields that have to suit each other and the task. Where a link's don't, the first ones are given up first."""


def _items(query: str | Mapping[str, str]) -> tuple[list[tuple[str, str]], list[str]]:
    if isinstance(query, Mapping):
        return [(str(name), str(text)) for name, text in query.items()], []
    try:
        return parse_qsl(query.removeprefix("?"), keep_blank_values=True, max_num_fields=100, errors="strict"), []
    except ValueError:
        return [], ["The link can't be read."]
