"""What a task is: sequences to learn from, and how to tell learning from guessing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from engine.errors import ExperimentError

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Shape(StrEnum):
    """Which steps carry an input and which a target."""

    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"


class Loss(StrEnum):
    """How outputs are compared with targets; always the mean over all steps that have a target."""

    MSE = "mean squared error"
    BINARY = "binary cross-entropy"
    CATEGORICAL = "cross-entropy"


class Picture(StrEnum):
    """How a sequence of the task is drawn: as curves, or as a strip of cells."""

    CURVES = "curves"
    STRIP = "strip"


class Role(StrEnum):
    """What a curve of a displayed sequence is."""

    INPUT = "input"
    MARK = "mark"
    TARGET = "target"
    PREDICTION = "prediction"
    NAIVE = "naive"


@dataclass(frozen=True)
class Curve:
    """A line or a set of points to draw.

    Attributes:
        name: for its label.
        role: what it is.
        steps: (n,) positions on the time axis, counted from 1.
        values: (n,) in the task's own unit.
    """

    name: str
    role: Role
    steps: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Batch:
    """B sequences of T steps, time-major.

    Attributes:
        inputs: (T, B, I) float32.
        targets: (T, B, O) float32; for `Loss.CATEGORICAL` (T, B) int64 class numbers.
        target_mask: (T, B) bool, True where the target counts.
    """

    inputs: np.ndarray
    targets: np.ndarray
    target_mask: np.ndarray

    @property
    def length(self) -> int:
        """T, the number of steps."""
        return len(self.inputs)

    @property
    def size(self) -> int:
        """B, the number of sequences."""
        return int(self.inputs.shape[1])


@dataclass(frozen=True)
class Metric:
    """How well a task is done, in the task's own words.

    Attributes:
        name: what is measured, as it stands in a sentence ("MSE", "symbols right").
        solved: the value at which the task counts as solved; None if it never does.
        is_share: True for a share 0…1 where more is better; False for an error where less is better.
        unit: the error's unit ("°C"); empty for a pure number.
    """

    name: str
    solved: float | None
    is_share: bool
    unit: str = ""

    def is_solved(self, value: float) -> bool:
        """Whether `value` reaches the threshold `solved`."""
        if self.solved is None or not np.isfinite(value):
            return False
        return value >= self.solved if self.is_share else value < self.solved

    def is_better(self, value: float, than: float) -> bool:
        """Whether `value` is better than the value `than`."""
        return value > than if self.is_share else value < than

    def quantity(self, value: float) -> str:
        """`value` as a reader wants it: "98.4%", "0.0093", "5.2·10⁻⁶", "0.35 °C"."""
        if not np.isfinite(value):
            return "not a number"
        if self.is_share:
            if value <= 0.98:
                return f"{100 * value:.0f}%"
            return f"{np.floor(round(1000 * value, 6)) / 10:.1f}%"  # rounded down: not solved must not read as solved
        solved = self.is_solved(value)
        digits = 3 if solved else 2
        while digits < 9 and self.is_solved(float(f"{value:.{digits}g}")) != solved:
            digits += 1  # 0.009998 is solved, and must not read 0.01
        number, e, exponent = f"{value:.{digits}g}".partition("e")
        power = f"·10{str(int(exponent)).translate(RAISED)}" if e else ""
        return f"{number}{power}{' ' + self.unit if self.unit else ''}"

    def phrase(self, value: float) -> str:
        """`value` with its name: "98.4% of symbols right", "MSE 0.0093"."""
        if self.is_share:
            return f"{self.quantity(value)} of {self.name}"
        return f"{self.name} {self.quantity(value)}"


@dataclass(frozen=True)
class Chance:
    """What the best guess reaches that does not look at the inputs.

    Attributes:
        loss: its expected loss.
        metric: its expected metric.
        says: what that guess is ("always answering 1"), for the screen.
        name: what its level is called.
    """

    loss: float
    metric: float
    says: str
    name: str = "chance"


class Task(ABC):
    """A supply of sequences with targets. One subclass, one file, one entry in every menu.

    Attributes:
        name: identifier, as in a URL.
        title: as in a menu.
        description: one sentence for a newcomer.
        source: where the task comes from.
        shape: which steps carry input and target.
        loss: how outputs are compared with targets.
        metric: how success is told.
        picture: how one sequence is drawn.
        inputs: names of the I input channels.
        outputs: names of the O outputs (of the classes, for `Loss.CATEGORICAL`).
        told_at_start: whether all that has to be known comes in at the first step.
        targets_are_states: whether targets are numbers in −1…1 that units themselves can be asked to take.
        default_length, min_length, max_length: number of steps T.
    """

    name: str
    title: str
    description: str
    source: str
    shape: Shape
    loss: Loss
    metric: Metric
    picture: Picture
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    told_at_start: bool = False
    targets_are_states: bool = False
    order: int = 100
    default_length: int = 20
    min_length: int = 2
    max_length: int = 200

    @abstractmethod
    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        """Draw `batch_size` fresh sequences of `length` steps from which to learn."""

    @abstractmethod
    def chance(self, length: int) -> Chance:
        """What guessing reaches on sequences of `length` steps."""

    def display(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        """Draw sequences to look at. Nothing is learned from them."""
        return self.sample(generator, length, batch_size)

    def held_out(self, length: int) -> Batch | None:
        """All that is kept back to judge by, or None where every sequence is fresh anyway."""
        return None

    def bound_to(self, series: str) -> Task:
        """This task on the measured series of that name, if it is about one."""
        return self

    def known_after(self, length: int) -> int:
        """After how many of `length` steps the answer at the end is sure to be known, in a many-to-one task."""
        return length

    def most_target_steps(self, length: int) -> int:
        """At how many steps, counted from the end, the target can be asked for; 0 where there is no choice."""
        return length - self.known_after(length) + 1 if self.shape is Shape.MANY_TO_ONE else 0

    def at_last_steps(self, batch: Batch, steps: int) -> Batch:
        """`batch`, whose answer is wanted at the end, with it wanted at each of the last `steps` steps."""
        targets, mask = batch.targets.copy(), batch.target_mask.copy()
        targets[-steps:], mask[-steps:] = batch.targets[-1], True
        return Batch(batch.inputs, targets, mask)

    def retarget(self, batch: Batch) -> Batch | None:
        """`batch`, whose inputs have been edited, with the targets that follow from them; None if that can't be said.

        Where its targets are asked for stays as it is.
        """
        return None

    def measure(self, outputs: np.ndarray, batch: Batch) -> float:
        """The metric of `outputs` (T, B, O) on `batch`: the share of targets met, or the mean squared error."""
        mask = batch.target_mask
        return self.score(outputs[mask], batch.targets[mask])

    def score(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        """The metric of outputs (n, O) on targets (n, O), or (n,) for classes."""
        match self.loss:
            case Loss.CATEGORICAL:
                return float(np.mean(outputs.argmax(axis=-1) == targets))
            case Loss.BINARY:
                return float(np.mean((outputs > 0) == (targets > 0.5)))
            case Loss.MSE:
                return float(np.mean(np.square(outputs - targets)))

    def curves(self, batch: Batch, outputs: np.ndarray, sequence: int) -> list[Curve]:
        """What to draw of displayed sequence number `sequence` where `picture` is CURVES.

        Args:
            batch: from `display`.
            outputs: (T, B, O) of the network for it.
        """
        steps = np.arange(1, batch.length + 1)
        at = batch.target_mask[:, sequence]
        return [
            *(Curve(name, Role.INPUT, steps, batch.inputs[:, sequence, i]) for i, name in enumerate(self.inputs)),
            Curve("target", Role.TARGET, steps[at], batch.targets[at, sequence, 0]),
            Curve("prediction", Role.PREDICTION, steps[at], outputs[at, sequence, 0]),
        ]

    def span(self, batch: Batch, sequence: int) -> str:
        """From when to when the displayed sequence reaches, where its steps have dates; else empty."""
        return ""

    def check_length(self, length: int) -> None:
        """Raise ExperimentError if sequences of `length` steps can't be made."""
        if not self.min_length <= length <= self.max_length:
            raise ExperimentError(
                f"length={length} does not suit “{self.title}”: choose {self.min_length} to {self.max_length} steps."
            )


def every_step(length: int, batch_size: int) -> np.ndarray:
    """Target mask (T, B): a target at every step."""
    return np.ones((length, batch_size), dtype=bool)


def last_step(length: int, batch_size: int) -> np.ndarray:
    """Target mask (T, B): a target at the last step only."""
    mask = np.zeros((length, batch_size), dtype=bool)
    mask[-1] = True
    return mask


def one_hot(classes: np.ndarray, count: int) -> np.ndarray:
    """Class numbers (...,) as float32 indicator vectors (..., count)."""
    vectors: np.ndarray = np.eye(count, dtype=np.float32)[classes]
    return vectors
