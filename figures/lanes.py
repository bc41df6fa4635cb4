"""How the networks of a run are told apart: name, colour and line, the same in every chart and sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.cells import CELLS
from engine.experiment import Experiment
from figures.palette import LINE_STYLES, Color, Theme


@dataclass(frozen=True)
class LaneStyle:
    """One network of a run, as it is shown.

    Attributes:
        number: its place in the run, from 0.
        experiment: what it is.
        title: its name on the screen.
        hue: its colour.
        dash: how its lines are drawn.
    """

    number: int
    experiment: Experiment
    title: str
    hue: Color
    dash: str

    @property
    def short(self) -> str:
        """The title, cut short where it names several differences: for a line's end."""
        first, comma, _ = self.title.partition(", ")
        return f"{first}, …" if comma else self.title


def lane_styles(
    experiments: Sequence[Experiment], theme: Theme, titles: Sequence[str] | None = None
) -> tuple[LaneStyle, ...]:
    """The styles of a run's networks: a cell's own colour and line for the first of its kind, others for the rest.

    Args:
        titles: names for networks that differ in more than their cell.
    """
    styles: list[LaneStyle] = []
    for number, experiment in enumerate(experiments):
        hue = theme.hue(experiment.cell)
        if any(style.hue == hue for style in styles):
            hue = next(other for other in theme.other_lanes if all(style.hue != other for style in styles))
        title = titles[number] if titles else CELLS[experiment.cell].title
        dashes = (LINE_STYLES.get(experiment.cell, "solid"), *LINE_STYLES.values())
        dash = next(each for each in dashes if all(style.dash != each for style in styles))
        styles.append(LaneStyle(number, experiment, title, hue, dash))
    return tuple(styles)
