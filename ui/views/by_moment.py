"""Analyses by training step: one row for each moment that a lane remembers, worked out bit by bit in the workers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.lane import Lane
from ui import session
from ui.views.analysed import Promised, fall_behind

AT_ONCE = 8  # moments worked out by one request


@dataclass
class _Rows(Promised[tuple[int, ...], np.ndarray]):
    """What is known, and what is being worked out.

    Attributes:
        known: training step → row.
    """

    known: dict[int, np.ndarray] = field(default_factory=dict)

    def collect(self) -> None:
        """Take what has been promised, if it is there."""
        steps, rows = self.taken() or ((), ())
        self.known |= dict(zip(steps, rows, strict=True))


def by_moment(
    name: str,
    lane: Lane,
    function: Callable[[Any], np.ndarray],
    argument: Callable[[tuple[int, ...]], Any],
    *choice: Hashable,
) -> Mapping[int, np.ndarray]:
    """Training step → row of `function(argument(steps))`, for the moments of `lane` that are known by now.

    Never waits. To be called while a frame is drawn: the browser goes on asking for frames until all is known.

    Args:
        name: of the place on the screen, one for each lane.
        function: pure, a top-level function of the engine, with one row for each step; it runs in a worker.
        choice: what else the result depends on.
    """
    if lane.is_past:  # of what was, a film keeps what was seen; nobody waits for it to be worked out again
        fall_behind()
        return {}
    experiment = lane.experiment.until(lane.step)  # not the lane: what is looked at may be a copy of it
    rows: _Rows = session.kept(f"moments.{name}", (experiment, function.__qualname__, choice), _Rows)
    rows.collect()
    moments = lane.moments.steps
    missing = tuple(step for step in moments if step not in rows.known)[:AT_ONCE]
    if missing and rows.asked is None:
        key = ("moments", function.__qualname__, lane.experiment.until(missing[-1]), missing, choice)
        rows.asked = missing, session.results().request(key, function, argument(missing))
        rows.collect()
    if any(step not in rows.known for step in moments):
        fall_behind()
    return {step: rows.known[step] for step in moments if step in rows.known}
