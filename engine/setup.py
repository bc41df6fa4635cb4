"""What the playground compares: one experiment, the cells it is run with, and what is pinned beside them.

It is what a link carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import urlencode

from engine.cells import CELLS
from engine.errors import ExperimentError, quoted
from engine.experiment import DEFAULT, RULES, Experiment
from engine.rules import STEPS
from engine.settings import Setting, differences

CELLS_NAME = "cells"
PIN_NAME = "pin"
MOST_LANES = 3
SHARED = ("task", "series", "length", "seed", "steps")
"""What a pinned experiment takes from the main one: they train on the same data, for the same number of steps."""
DEFAULT_CELLS = ("rnn", "lstm")
DEFAULT_EXPERIMENT = replace(DEFAULT, cell=DEFAULT_CELLS[0])
SAYS_NOTHING = {"embed", "embed_options", "utm_source", "utm_medium", "utm_campaign", "fbclid", "gclid"}
BETWEEN_PINS, BETWEEN_FIELDS = "~", ","
LONGEST_TITLE = 44  # characters
AT_LAST = int(STEPS.high) + 1  # a training step that comes after all others


@dataclass(frozen=True)
class Setup:
    """Networks on the same task: cells with the same settings, and others pinned beside them.

    Attributes:
        experiment: the settings; its own `cell` is that of the first lane.
        cells: names from `CELLS`, in their order there.
        pinned: experiments of any settings, but for those that are `SHARED` with `experiment`. One that is the same
            as another lane is left out.

    Raises:
        ExperimentError: a cell is unknown, a pinned experiment does not suit the task, or there are too many lanes.
    """

    experiment: Experiment = DEFAULT_EXPERIMENT
    cells: tuple[str, ...] = DEFAULT_CELLS
    pinned: tuple[Experiment, ...] = ()

    def __post_init__(self) -> None:
        if not self.cells or any(cell not in CELLS for cell in self.cells):
            raise ExperimentError(f"cells={quoted(','.join(self.cells))} is unknown: choose among {', '.join(CELLS)}.")
        object.__setattr__(self, "cells", tuple(cell for cell in CELLS if cell in self.cells))
        object.__setattr__(self, "experiment", replace(self.experiment, cell=self.cells[0]))
        pinned: list[Experiment] = []
        for each in self.pinned:
            fitted = self.on_the_same_data(each)
            if not any(is_same_network(fitted, other) for other in (*self._of_cells, *pinned)):
                pinned.append(fitted)
        object.__setattr__(self, "pinned", tuple(pinned))
        if pinned and len(self.experiments) > MOST_LANES:
            raise ExperimentError(
                f"{len(self.experiments)} networks are too many side by side: choose at most {MOST_LANES}, "
                "pinned ones included."
            )

    @cached_property
    def experiments(self) -> tuple[Experiment, ...]:
        """One a lane: those of the cells, then the pinned ones."""
        return (*self._of_cells, *self.pinned)

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """A name for each lane, which says what is different about it."""
        titles: list[str] = []
        for experiment in self.experiments:
            title = self.title_of(experiment)
            alike = titles.count(title)
            titles.append(f"{title} ({alike + 1})" if alike else title)
        return tuple(titles)

    def title_of(self, experiment: Experiment) -> str:
        """The cell of `experiment`, which may be pinned, and what is different about it."""
        phrases = [each.phrase for each in differences(experiment, self.experiment) if each.name not in SHARED]
        return _title(CELLS[experiment.cell].title, phrases)

    def lane_of(self, experiment: Experiment) -> int | None:
        """Number of the lane that is `experiment` on this setup's data; None if there is none."""
        with suppress(ExperimentError):
            fitted = self.on_the_same_data(experiment)
            same = (number for number, each in enumerate(self.experiments) if is_same_network(fitted, each))
            return next(same, None)
        return None

    def differences(self) -> tuple[tuple[Setting, ...], ...]:
        """For each lane the settings, its cell apart, that are not those of `experiment`."""
        return tuple(differences(each, self.experiment) for each in self.experiments)

    def query_items(self) -> dict[str, str]:
        """What a link has to carry, name by name; nothing for the default."""
        items = {name: text for name, text in self.experiment.query_items().items() if name != "cell"}
        items |= {CELLS_NAME: ",".join(self.cells)} if self.cells != DEFAULT_CELLS else {}
        return items | ({PIN_NAME: BETWEEN_PINS.join(map(self._written, self.pinned))} if self.pinned else {})

    def to_query(self) -> str:
        """The same as the query of a link."""
        return urlencode(self.query_items())

    @classmethod
    def from_query_leniently(cls, items: Mapping[str, str]) -> tuple[Setup, list[str]]:
        """The setup that a link describes; what can't be used is left at its default, and told in sentences."""
        other = {CELLS_NAME, PIN_NAME, *SAYS_NOTHING}
        fields = {name: text for name, text in items.items() if name not in other}
        cells: tuple[str, ...] = DEFAULT_CELLS
        if CELLS_NAME in items:
            cells = tuple(items[CELLS_NAME].split(","))
        elif "cell" in fields:  # a link to a single experiment, from a notebook
            cells = (fields.pop("cell"),)
        experiment, problems = Experiment.from_query_leniently(fields)
        try:
            setup = cls(experiment, cells)
        except ExperimentError as problem:
            setup, problems = cls(experiment), [*problems, str(problem)[:200]]
        if not items.get(PIN_NAME):
            return setup, problems
        pinned, more = setup._pinned_of(items[PIN_NAME])
        setup, unfit = setup.with_pinned(pinned)
        return setup, [*problems, *more, *unfit]

    def with_pinned(self, pinned: Sequence[Experiment]) -> tuple[Setup, list[str]]:
        """This setup with as many of `pinned` as fit beside its cells; what does not fit is told in sentences."""
        setup, problems = replace(self, pinned=()), []
        for each in pinned:
            try:
                setup = replace(setup, pinned=(*setup.pinned, each))
            except ExperimentError as problem:
                problems.append(f"A pinned network is left out: {problem}"[:300])
        return setup, list(dict.fromkeys(problems))

    @cached_property
    def _of_cells(self) -> tuple[Experiment, ...]:
        return tuple(replace(self.experiment, cell=cell) for cell in self.cells)

    def on_the_same_data(self, pinned: Experiment) -> Experiment:
        """`pinned` with what is `SHARED`; ExperimentError if it does not suit that."""
        return replace(pinned, **{name: getattr(self.experiment, name) for name in SHARED})

    def _written(self, pinned: Experiment) -> str:
        """What of `pinned` differs from the main experiment, as text for a link."""
        names = [name for name in RULES if getattr(pinned, name) != getattr(self.experiment, name)]
        return BETWEEN_FIELDS.join(f"{name}:{RULES[name].write(getattr(pinned, name))}" for name in names)

    def _pinned_of(self, text: str) -> tuple[list[Experiment], list[str]]:
        """The experiments written as `text` in a link, without those that can't be read, and a sentence on each."""
        pinned, problems = [], []
        for part in text.split(BETWEEN_PINS, MOST_LANES):
            try:
                pinned.append(self._pinned_one_of(part))
            except ExperimentError as problem:
                problems.append(f"A pinned network is left out: {problem}"[:300])
        return pinned, problems

    def _pinned_one_of(self, text: str) -> Experiment:
        values = {}
        for field in text.split(BETWEEN_FIELDS):
            name, colon, value = field.partition(":")
            if not colon or name not in RULES or name in values:
                raise ExperimentError(f"pin={quoted(field)} can't be read: write setting:value, each once.")
            values[name] = RULES[name].parse(name, value)
        return replace(self.experiment, **{name: value for name, value in values.items() if name not in SHARED})  # type: ignore[arg-type]


def is_same_network(one: Experiment, other: Experiment) -> bool:
    """Whether two experiments train to the same bytes, to whatever step."""
    return one.until(AT_LAST) == other.until(AT_LAST)


def _title(cell: str, phrases: Sequence[str]) -> str:
    """The cell and as many phrases as there is room for, and how many more there are."""
    for count in range(len(phrases), 0, -1):
        more = f" and {len(phrases) - count} more" if count < len(phrases) else ""
        title = f"{cell} · {', '.join(phrases[:count])}{more}"
        if len(title) <= LONGEST_TITLE or count == 1:
            return title
    return cell
