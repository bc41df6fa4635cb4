"""How the gradient flows back through each network: unit by unit, how far, by which way, and as training goes on."""

from __future__ import annotations

from collections.abc import Sequence

from engine.analysis.gradient_flow import FlowReport
from engine.cells import CELLS
from engine.runs import Lane
from figures.by_training import NormPanel, Radii, RadiusPanel
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.flow_panels import GradientMap, ReachPanel, WaysPanel
from figures.lanes import LaneStyle
from figures.look import Look

WIDE, NARROW = 1080, 380  # nominal widths in pixels
HEAD, AXIS, GAP = 20, 30, 18
MAPS, WAYS, REACH, TRAINING = 164, 84, 144, 88


class GradientFlowFigure:
    """One column a network: ∂L/∂(states), ways, reach, and two charts by training step."""

    def __init__(self, styles: tuple[LaneStyle, ...], look: Look) -> None:
        self.look = look
        height = HEAD + MAPS + WAYS + REACH + TRAINING + 5 * TITLE_HEIGHT + 3 * AXIS
        self.canvas = Canvas(look.theme, NARROW if look.narrow else WIDE, height)
        experiment = styles[0].experiment
        self.canvas.layout["uirevision"] = repr(("flow", experiment.task, experiment.length, len(styles)))
        width = (self.canvas.width - GAP * (len(styles) - 1)) / len(styles)
        self.columns = [
            FlowColumn(self.canvas, look, style, number * (width + GAP), width - 4)
            for number, style in enumerate(styles)
        ]

    def show(
        self,
        lanes: Sequence[Lane],
        reports: Sequence[FlowReport | None],
        radii: Sequence[Radii],
        horizon: int,
    ) -> Canvas:
        """Fill in where the shown `lanes` stand, what is known of their gradient, and of their recurrent weights."""
        for column, lane, report, own in zip(self.columns, lanes, reports, radii, strict=True):
            column.show(lane, report, own, horizon)
        return self.canvas


class FlowColumn:
    """The panels of one network."""

    def __init__(self, canvas: Canvas, look: Look, style: LaneStyle, left: float, width: float) -> None:
        self.style = style
        self._canvas, self._look = canvas, look
        self._left, self._width, self._y = left, width, float(HEAD)
        self._recurrent = CELLS[style.experiment.cell].states > 0
        self._head = canvas.text(left + GUTTER, 0, "", size=15, color=style.hue)
        fields = [("hidden_state_grad", "h")]
        if style.experiment.cell == "lstm":
            fields.append(("cell_state_grad", "c"))
        each = (MAPS - TITLE_HEIGHT * (len(fields) - 1)) / len(fields)
        self._maps = [GradientMap(canvas, self._next(each), style, field, symbol) for field, symbol in fields]
        self._ways = WaysPanel(canvas, self._next(WAYS), style)
        self._y += AXIS
        self._reach = ReachPanel(canvas, self._next(REACH), style)
        self._y += AXIS
        box = self._next(TRAINING)
        half = (box.width - GUTTER) / 2
        self._norm = NormPanel(canvas, Box(box.left, box.top, half, box.height), style)
        self._radius = RadiusPanel(canvas, Box(box.left + half + GUTTER, box.top, half, box.height), style)

    def show(self, lane: Lane, report: FlowReport | None, radii: Radii, horizon: int) -> None:
        """Fill in a moment."""
        layer = min(self._look.layer, len(lane.recording.layers) - 1)
        of_layer = f" · layer {layer + 1}" if self.style.experiment.layers > 1 else ""
        says = "" if self._recurrent else " · no recurrence: nothing flows back through time"
        small = self._canvas.muted(f"sequence {self._look.sequence + 1}{of_layer}{says}")
        self._head.html = f"<b>{self.style.title}</b> <span style='font-size:12px'>{small}</span>"
        for each in self._maps:
            each.show(lane.recording, layer, self._look.sequence)
        self._ways.show(report.ways if report else None)
        self._reach.show(report.reach if report else None)
        self._norm.show(lane, horizon)
        self._radius.show(radii, horizon)

    def _next(self, height: float) -> Box:
        self._y += TITLE_HEIGHT
        box = Box(self._left + GUTTER, self._y, self._width - GUTTER, height)
        self._y += height
        return box
