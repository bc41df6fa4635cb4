"""Analyses of a network that take longer than a frame may: in the worker pool, and shared between viewers."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from engine.lane import Lane
from ui import session

W = TypeVar("W")
R = TypeVar("R")
_BEHIND = "analyses behind"


@dataclass
class Promised(Generic[W, R]):
    """What is being worked out.

    Attributes:
        asked: what it is about, and the promise of it.
    """

    asked: tuple[W, Future[R]] | None = None

    def taken(self) -> tuple[W, R] | None:
        """What has been promised, once, if it is there; if its worker has died, it can be asked for again."""
        if self.asked is None or not self.asked[1].done():
            return None
        about, future = self.asked
        self.asked = None
        return None if isinstance(future.exception(), BrokenExecutor) else (about, future.result())


@dataclass
class _Analysis(Promised[int, R]):
    """What is known, and what is being worked out.

    Attributes:
        latest: the training step that the newest result is about, and the result.
    """

    latest: tuple[int, R] | None = None

    def collect(self) -> None:
        """Take what has been promised, if it is there."""
        self.latest = self.taken() or self.latest


def analysed(
    name: str, lane: Lane, function: Callable[[Any], R], argument: Callable[[], Any], *choice: Hashable
) -> tuple[int, R] | None:
    """The training step and the value of the newest `function(argument())` of `lane`; None until there is one.

    Never waits. While one analysis is under way no other is asked for, so that a slow one lowers its own rate and
    nothing else. To be called while a frame is drawn: the browser goes on asking for frames until all is known.

    Args:
        name: of the place on the screen, one for each lane.
        function: pure, a top-level function of the engine; it runs in a worker.
        argument: gives all that it needs, as NumPy arrays and plain values; a worker knows no uploaded series.
        choice: what else the result depends on.
    """
    if lane.is_past:  # of what was, a film keeps what was seen; nobody waits for it to be worked out again
        fall_behind()
        return None
    kind = (function.__qualname__, lane.experiment.until(0), choice)
    analysis: _Analysis[R] = session.kept(f"analysis.{name}", kind, _Analysis)
    analysis.collect()
    known = analysis.latest is not None and analysis.latest[0] == lane.step
    if analysis.asked is None and not known:
        key = (*kind, lane.experiment.until(lane.step), lane.step)
        analysis.asked = lane.step, session.results().request(key, function, argument())
        analysis.collect()
    if analysis.latest is None or analysis.latest[0] != lane.step:
        fall_behind()
    return analysis.latest


def begin_frame() -> None:
    """Nothing is behind, until `analysed` says so."""
    session.remember(_BEHIND, False)


def fall_behind() -> None:
    """Say that something the frame shows is not worked out yet, so that the browser goes on asking for frames."""
    session.remember(_BEHIND, True)


def is_behind() -> bool:
    """Whether anything that the frame shows is about an earlier training step than the frame."""
    return bool(session.remembered(_BEHIND))
