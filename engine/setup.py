"""What the playground compares: one experiment, and the cells it is run with. It is what a link carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from engine.cells import CELLS
from engine.errors import ExperimentError, quoted
from engine.experiment import DEFAULT, Experiment

CELLS_NAME = "cells"
DEFAULT_CELLS = ("rnn", "lstm")
DEFAULT_EXPERIMENT = replace(DEFAULT, cell=DEFAULT_CELLS[0])
SAYS_NOTHING = {"embed", "embed_options", "utm_source", "utm_medium", "utm_campaign", "fbclid", "gclid"}


@dataclass(frozen=True)
class Setup:
    """One to three networks on the same task with the same settings.

    Attributes:
        experiment: the settings; its own `cell` is that of the first lane.
        cells: names from `CELLS`, in their order there.
    """

    experiment: Experiment = DEFAULT_EXPERIMENT
    cells: tuple[str, ...] = DEFAULT_CELLS

    def __post_init__(self) -> None:
        if not self.cells or any(cell not in CELLS for cell in self.cells):
            raise ExperimentError(f"cells={quoted(','.join(self.cells))} is unknown: choose among {', '.join(CELLS)}.")
        object.__setattr__(self, "cells", tuple(cell for cell in CELLS if cell in self.cells))
        object.__setattr__(self, "experiment", replace(self.experiment, cell=self.cells[0]))

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """One a lane."""
        return tuple(replace(self.experiment, cell=cell) for cell in self.cells)

    def query_items(self) -> dict[str, str]:
        """What a link has to carry, name by name; nothing for the default."""
        items = {name: text for name, text in self.experiment.query_items().items() if name != "cell"}
        return items | ({CELLS_NAME: ",".join(self.cells)} if self.cells != DEFAULT_CELLS else {})

    def to_query(self) -> str:
        """The same as the query of a link."""
        return urlencode(self.query_items())

    @classmethod
    def from_query_leniently(cls, items: Mapping[str, str]) -> tuple[Setup, list[str]]:
        """The setup that a link describes; what can't be used is left at its default, and told in sentences."""
        fields = {name: text for name, text in items.items() if name != CELLS_NAME and name not in SAYS_NOTHING}
        cells: tuple[str, ...] = DEFAULT_CELLS
        if CELLS_NAME in items:
            cells = tuple(items[CELLS_NAME].split(","))
        elif "cell" in fields:  # a link to a single experiment, from a notebook
            cells = (fields.pop("cell"),)
        experiment, problems = Experiment.from_query_leniently(fields)
        try:
            return cls(experiment, cells), problems
        except ExperimentError as problem:
            return cls(experiment), [*problems, str(problem)[:200]]
