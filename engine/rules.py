"""What a field of an experiment may hold: its range, what to say of anything else, and how it stands in a link."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from engine.errors import ExperimentError, quoted

OFF = "off"


@dataclass(frozen=True)
class Choice:
    """A field with a fixed set of values."""

    options: tuple[str, ...]
    also: Callable[[str], bool] = lambda value: False

    def check(self, name: str, value: object) -> str:
        """`value` if it is an option, else ExperimentError."""
        if isinstance(value, str) and (value in self.options or self.also(value)):
            return str(value)
        raise ExperimentError(f"{name}={quoted(value)} is unknown: choose one of {', '.join(self.options)}.")

    def parse(self, name: str, text: str) -> str:
        """The value written as `text` in a link."""
        return self.check(name, text)

    def write(self, value: Any) -> str:
        """`value` as text for a link."""
        return str(value)


@dataclass(frozen=True)
class Number:
    """A field with a range, ends included; whole, or real; `optional` ones may be None, "off" in a link."""

    low: float
    high: float
    whole: bool = False
    optional: bool = False

    def check(self, name: str, value: Any) -> float | int | None:
        """`value` as a number in range, else ExperimentError."""
        if value is None and self.optional:
            return None
        if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:  # a whole number of more than 308 digits
                number = math.inf
            if math.isfinite(number) and self.low <= number <= self.high and (not self.whole or number.is_integer()):
                return int(value) if self.whole else number
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            value = int(value)  # as a reader has written it
        raise ExperimentError(f"{name}={quoted(value)} is out of range: choose {self._range()}.")

    def parse(self, name: str, text: str) -> float | int | None:
        """The value written as `text` in a link."""
        if self.optional and text == OFF:
            return None
        try:
            if len(text) > 40 or "_" in text:
                raise ValueError
            number = float(text)
        except ValueError:
            raise ExperimentError(f"{name}={quoted(text)} is not a number: choose {self._range()}.") from None
        return self.check(name, number)

    def write(self, value: Any) -> str:
        """`value` as text for a link; every digit that matters, no more."""
        return OFF if value is None else str(int(value)) if float(value).is_integer() else repr(value)

    def _range(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.low:g} to {self.high:,g}" + (f", or {OFF}" if self.optional else "")


@dataclass(frozen=True)
class Change:
    """New settings from a given training step on, made while the run went on.

    Attributes:
        step: the first training step (counted from 0) made with them.
        learning_rate: as in Experiment.
        clip_norm: as in Experiment.
        batch_size: as in Experiment; None: as before.
        optimizer: as in Experiment; None: as before. Where it is another one, its moments start anew.
    """

    step: int
    learning_rate: float
    clip_norm: float | None
    batch_size: int | None = None
    optimizer: str | None = None


@dataclass(frozen=True)
class Settings:
    """What may change in mid-run, as it holds for one training step.

    Attributes:
        learning_rate, clip_norm, batch_size, optimizer: as in Experiment.
        optimizer_since: the step (counted from 0) from which on this optimiser gathers its moments.
    """

    learning_rate: float
    clip_norm: float | None
    batch_size: int
    optimizer: str
    optimizer_since: int = 0

    def after(self, change: Change) -> Settings:
        """The settings from `change` on."""
        optimizer = change.optimizer or self.optimizer
        since = self.optimizer_since if optimizer == self.optimizer else change.step
        batch_size = self.batch_size if change.batch_size is None else change.batch_size
        return Settings(change.learning_rate, change.clip_norm, batch_size, optimizer, since)


@dataclass(frozen=True)
class Changes:
    """The field of all `Change`s.

    In a link "1180:0.001:1;2000:0.0005:off"; with batch size and optimiser "1180:0.001:1:64:sgd", each of which may
    be left out, "1180:0.001:1::sgd".
    """

    most: int = 50

    def check(self, name: str, value: Any) -> tuple[Change, ...]:
        """`value` as a tuple of changes in order of their steps, else ExperimentError."""
        if not isinstance(value, (tuple, list)) or len(value) > self.most:
            raise ExperimentError(f"{name} has to be a sequence of at most {self.most} changes.")
        if not all(isinstance(change, Change) for change in value):
            raise ExperimentError(f"{name} has to hold nothing but objects of the class Change.")
        checked = tuple(
            Change(
                STEPS.check(name, change.step),  # type: ignore[arg-type]
                RATE.check(name, change.learning_rate),  # type: ignore[arg-type]
                CLIP.check(name, change.clip_norm),
                None if change.batch_size is None else BATCH.check(name, change.batch_size),  # type: ignore[arg-type]
                None if change.optimizer is None else OPTIMIZER.check(name, change.optimizer),
            )
            for change in value
        )
        if any(later.step <= earlier.step for earlier, later in pairwise(checked)):
            raise ExperimentError(f"{name}: the steps of the changes have to increase.")
        return checked

    def parse(self, name: str, text: str) -> tuple[Change, ...]:
        """The value written as `text` in a link."""
        return self.check(name, tuple(self._parse_one(name, part) for part in text.split(";") if text))

    def write(self, value: Any) -> str:
        """`value` as text for a link."""
        return ";".join(self._write_one(each) for each in value)

    def _parse_one(self, name: str, text: str) -> Change:
        pieces = text.split(":")
        if not 3 <= len(pieces) <= 5:
            raise ExperimentError(
                f"{name}={quoted(text)} can't be read: write step:learning rate:clipping, or more: "
                "step:learning rate:clipping:batch size:optimiser."
            )
        step, rate, clip = (rule.parse(name, each) for rule, each in zip((STEPS, RATE, CLIP), pieces, strict=False))
        batch, optimizer = [*pieces[3:], "", ""][:2]
        return Change(
            step,  # type: ignore[arg-type]
            rate,  # type: ignore[arg-type]
            clip,
            BATCH.parse(name, batch) if batch else None,  # type: ignore[arg-type]
            OPTIMIZER.parse(name, optimizer) if optimizer else None,
        )

    def _write_one(self, change: Change) -> str:
        batch = "" if change.batch_size is None else BATCH.write(change.batch_size)
        pieces = [STEPS.write(change.step), RATE.write(change.learning_rate), CLIP.write(change.clip_norm)]
        return ":".join([*pieces, batch, change.optimizer or ""]).rstrip(":")


STEPS = Number(1, 100_000, whole=True)
RATE = Number(1e-6, 10)
CLIP = Number(1e-3, 1000, optional=True)
BATCH = Number(1, 256, whole=True)
OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adam")
OPTIMIZER = Choice(OPTIMIZERS)
