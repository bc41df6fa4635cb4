"""Settings in plain words, and where networks that stand side by side differ in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.cells import CELLS
from engine.experiment import RULES, Experiment
from engine.rules import Change


@dataclass(frozen=True)
class Wording:
    """How a field of Experiment is spoken of.

    Attributes:
        label: its name: "Learning rate".
        phrase: a value in a sentence, in place of {}: "learning rate {}".
        special: words for values that have words of their own.
    """

    label: str
    phrase: str = "{}"
    special: dict[object, str] = field(default_factory=dict)

    def value(self, value: object) -> str:
        """`value` by itself, as in a table."""
        if value in self.special:
            return self.special[value]
        if isinstance(value, tuple):
            if len(value) > 2:
                return f"changed {len(value)} times"
            return "; ".join(_change_in_words(each) for each in value)
        return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)

    def sentence(self, value: object) -> str:
        """`value` with what it is of, as in a title."""
        return self.special[value] if value in self.special else self.phrase.format(self.value(value))


def _change_in_words(change: Change) -> str:
    says = [f"from step {change.step:,}: {change.learning_rate:g}"]
    if change.batch_size is not None:
        says.append(WORDINGS["batch_size"].sentence(change.batch_size))
    if change.optimizer is not None:
        says.append(WORDINGS["optimizer"].sentence(change.optimizer))
    return ", ".join(says)


WORDINGS = {
    "task": Wording("Task"),
    "series": Wording("Series"),
    "cell": Wording("Network", special={name: cell.title for name, cell in CELLS.items()}),
    "activation": Wording("RNN’s activation", "{}", {"relu": "ReLU", "identity": "linear"}),
    "length": Wording("Length", "{} time steps"),
    "hidden_size": Wording("Units", "{} units", {1: "1 unit"}),
    "layers": Wording("Layers", "{} layers", {1: "1 layer"}),
    "batch_size": Wording("Batch", "batch {}"),
    "optimizer": Wording(
        "Optimiser", special={"sgd": "SGD", "momentum": "SGD with momentum", "rmsprop": "RMSprop", "adam": "Adam"}
    ),
    "learning_rate": Wording("Learning rate", "learning rate {}"),
    "clip_norm": Wording("Gradient clipping", "clipping at {}", {None: "no clipping"}),
    "changes": Wording("Changed in mid-run", "learning rate {}", {(): "no change in mid-run"}),
    "initialization": Wording("First weights", "{}", {"pytorch": "PyTorch’s first weights"}),
    "spectral_radius": Wording("Spectral radius", "spectral radius {}"),
    "forget_bias": Wording("Forget-gate bias", "forget-gate bias {}"),
    "window": Wording("Window", "window {}"),
    "input_way": Wording(
        "Input",
        special={"driven": "driven by the input", "initial": "input as initial state", "clamped": "clamped units"},
    ),
    "driven_units": Wording("Units driven", "{} units driven", {0: "all units driven"}),
    "initial_state": Wording("Initial state", "{} initial state"),
    "initial_units": Wording("Units with a learned start", "{} units with a learned start", {0: "all starts learned"}),
    "target_way": Wording("Target", special={"readout": "read-out", "units": "units as output"}),
    "read_units": Wording("Units read", "{} units read", {0: "all units read"}),
    "target_steps": Wording("Target steps", "target at the last {} steps", {0: "target where the task says"}),
    "seed": Wording("Seed", "seed {}"),
    "steps": Wording("Training steps at most", "{} training steps at most"),
}
"""Field → its words, in the order of `Experiment`."""


@dataclass(frozen=True)
class Setting:
    """One setting of one network, in words.

    Attributes:
        name: the field of Experiment.
        label: what it is: "Learning rate".
        value: "0.01".
        phrase: both, as they stand in a title: "learning rate 0.01".
    """

    name: str
    label: str
    value: str
    phrase: str

    @classmethod
    def of(cls, experiment: Experiment, name: str) -> Setting:
        """Setting `name` of `experiment`."""
        wording, value = WORDINGS[name], getattr(experiment, name)
        return cls(name, wording.label, wording.value(value), wording.sentence(value))


def differences(experiment: Experiment, reference: Experiment) -> tuple[Setting, ...]:
    """What of `experiment`, its cell apart, is not as in `reference`; only what has an effect on it."""
    names = [name for name in RULES if name not in ("cell", *experiment.idle_settings)]
    return tuple(
        Setting.of(experiment, name) for name in names if getattr(experiment, name) != getattr(reference, name)
    )


@dataclass(frozen=True)
class Row:
    """A line of a table of differences.

    Attributes:
        label: the setting.
        values: one a network; "–" where the setting has no effect on it.
    """

    label: str
    values: tuple[str, ...]


def table_of_differences(experiments: Sequence[Experiment]) -> list[Row]:
    """The settings in which `experiments` differ, their cells first."""
    rows = []
    for name in ("cell", *(each for each in RULES if each != "cell")):
        heed = [each for each in experiments if name not in each.idle_settings]
        if len({getattr(each, name) for each in heed}) > 1:
            values = tuple(Setting.of(each, name).value if each in heed else "–" for each in experiments)
            rows.append(Row(WORDINGS[name].label, values))
    return rows
