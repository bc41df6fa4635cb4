"""What a view is: one way to look into the networks of the playground's run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Protocol

from engine.runs import Run
from engine.setup import Setup
from figures.canvas import Canvas
from figures.lanes import LaneStyle
from figures.look import Look
from ui.live_chart import FRAME_INTERVAL, Click


class RunFigure(Protocol):
    """A figure of a run, laid out once and then filled frame by frame."""

    def show(self, run: Run) -> Canvas:
        """Fill in where `run` stands."""


class View(ABC):
    """One subclass, one file, one entry in the playground's menu “Look inside”.

    Attributes:
        name: identifier.
        title: in the menu.
        idea: what one sees here, in one sentence; empty for the first look, which needs none.
        order: place in the menu.
        interval: milliseconds at least between two frames.
        clickable: whether a click on a point of the figure does something.
    """

    name: str
    title: str
    idea: str = ""
    order: int = 100
    interval: int = FRAME_INTERVAL
    clickable: bool = False

    @abstractmethod
    def figure(self, setup: Setup, styles: tuple[LaneStyle, ...], look: Look) -> RunFigure:
        """The figure of the networks `styles`, laid out anew whenever setup, look or `key` change."""

    @abstractmethod
    def guide(self, setup: Setup) -> Sequence[tuple[str, str]]:
        """(title, what to look for) for each chart, from top to bottom."""

    def controls(self, setup: Setup) -> None:  # noqa: B027  (most views have none)
        """The view's own widgets, in a row above the figure."""

    def key(self, setup: Setup) -> Hashable:
        """What the viewer has chosen in `controls`, as far as the figure's layout depends on it."""
        return None

    def on_click(self, setup: Setup, run: Run, click: Click) -> None:  # noqa: B027
        """What a click on a point of the figure does; it may rerun the page."""

    def beside(self, setup: Setup, run: Run) -> None:  # noqa: B027
        """What stands below the figure and changes with each frame."""
