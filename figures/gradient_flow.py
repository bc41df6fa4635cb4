"""How the gradient flows back through each network: unit by unit, how far, by which way, and as training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from engine.analysis.gradient_flow import FlowReport
from engine.cells import CELLS
from engine.lane import Lane
from figures.by_training import NormPanel, Radii, RadiusPanel
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.flow_panels import GradientMap, ReachPanel, WaysPanel
from figures.lanes import LaneStyle
from figures.look import Look

WIDE, NARROW = 1080, 380  # nominal widths in pixels
HEAD, AXIS, GAP = 20, 30, 18


class Chart(StrEnum):
    """A part of a network's column, from top to bottom."""

    MAPS = "gradient of each unit"
    WAYS = "ways back"
    REACH = "reach"
    TRAINING = "by training step"


EVERYTHING = tuple(Chart)
HEIGHTS = {Chart.MAPS: 152, Chart.WAYS: 80, Chart.REACH: 130, Chart.TRAINING: 84}  # pixels
NUMBERED = {Chart.WAYS, Chart.REACH, Chart.TRAINING}
"""Charts with numbers and words on an axis below."""


def height_of(charts: tuple[Chart, ...]) -> int:
    """Pixels that a column of `charts` takes."""
    return HEAD + sum(HEIGHTS[chart] + TITLE_HEIGHT + (AXIS if chart in NUMBERED else 0) for chart in charts)


class GradientFlowFigure:
    """One column a network: ∂L/∂(states), ways, reach, and two charts by training step; stacked on a phone."""

    def __init__(self, styles: tuple[LaneStyle, ...], look: Look, charts: tuple[Chart, ...] = EVERYTHING) -> None:
        self.look = look
        down = len(styles) if look.narrow else 1
        across = len(styles) // down
        column = height_of(charts)
        self.canvas = Canvas(look.theme, NARROW if look.narrow else WIDE, column * down + GAP * (down - 1))
        experiment = styles[0].experiment
        self.canvas.layout["uirevision"] = repr(("flow", experiment.task, experiment.length, len(styles)))
        width = (self.canvas.width - GAP * (across - 1)) / across
        self.columns = []
        for number, style in enumerate(styles):
            left, top = (0.0, number * (column + GAP)) if look.narrow else (number * (width + GAP), 0.0)
            self.columns.append(FlowColumn(self.canvas, look, style, Box(left, top, width - 4, column), charts))

    def show(
        self,
        lanes: Sequence[Lane],
        reports: Sequence[FlowReport | None],
        radii: Sequence[Radii],
        horizon: int,
        notes: Sequence[str] = (),
    ) -> Canvas:
        """Fill in where the shown `lanes` stand, what is known of their gradient, and of their recurrent weights.

        Args:
            notes: for each network what else is to be said of it.
        """
        notes = notes or [""] * len(self.columns)
        for column, lane, report, own, note in zip(self.columns, lanes, reports, radii, notes, strict=True):
            column.show(lane, report, own, horizon, note)
        return self.canvas


class FlowColumn:
    """The panels of one network."""

    def __init__(self, canvas: Canvas, look: Look, style: LaneStyle, place: Box, charts: tuple[Chart, ...]) -> None:
        self.style = style
        self._canvas, self._look, self._place = canvas, look, place
        self._y = place.top + HEAD
        self._head = canvas.text(place.left + GUTTER, place.top, "", size=15, color=style.hue)
        self._maps: list[GradientMap] = []
        self._ways: WaysPanel | None = None
        self._reach: ReachPanel | None = None
        self._training: tuple[NormPanel, RadiusPanel] | None = None
        for chart in charts:
            self._add(chart)

    def show(self, lane: Lane, report: FlowReport | None, radii: Radii, horizon: int, note: str) -> None:
        """Fill in a moment."""
        layer = min(self._look.layer, len(lane.recording.layers) - 1)
        of_layer = f" · layer {layer + 1}" if self.style.experiment.layers > 1 else ""
        recurrent = CELLS[self.style.experiment.cell].states > 0
        says = "" if recurrent else " · no recurrence: nothing flows back through time"
        small = self._canvas.muted(f"sequence {self._look.sequence + 1}{of_layer}{says}{note}")
        self._head.html = f"<b>{self.style.title}</b> <span style='font-size:12px'>{small}</span>"
        for each in self._maps:
            each.show(lane.recording, layer, self._look.sequence)
        if self._ways:
            self._ways.show(report.ways if report else None)
        if self._reach:
            self._reach.show(report.reach if report else None)
        if self._training:
            norm, radius = self._training
            norm.show(lane, horizon)
            radius.show(radii, horizon)

    def _add(self, chart: Chart) -> None:
        box = self._next(HEIGHTS[chart])
        match chart:
            case Chart.MAPS:
                self._maps = list(self._add_maps(box))
            case Chart.WAYS:
                self._ways = WaysPanel(self._canvas, box, self.style)
            case Chart.REACH:
                self._reach = ReachPanel(self._canvas, box, self.style)
            case Chart.TRAINING:
                half = (box.width - GUTTER) / 2
                left, right = (Box(box.left + shift, box.top, half, box.height) for shift in (0, half + GUTTER))
                norm, radius = NormPanel(self._canvas, left, self.style), RadiusPanel(self._canvas, right, self.style)
                self._training = norm, radius
        self._y += AXIS if chart in NUMBERED else 0

    def _add_maps(self, box: Box) -> Sequence[GradientMap]:
        if self.style.experiment.cell != "lstm":
            return [GradientMap(self._canvas, box, self.style, "hidden_state_grad", "h")]
        height = (box.height - TITLE_HEIGHT) / 2
        upper = Box(box.left, box.top, box.width, height)
        lower = Box(box.left, box.top + height + TITLE_HEIGHT, box.width, height)
        return [
            GradientMap(self._canvas, upper, self.style, "hidden_state_grad", "h"),
            GradientMap(self._canvas, lower, self.style, "cell_state_grad", "c"),
        ]

    def _next(self, height: float) -> Box:
        self._y += TITLE_HEIGHT
        box = Box(self._place.left + GUTTER, self._y, self._place.width - GUTTER, height)
        self._y += height
        return box
