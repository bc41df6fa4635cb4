"""What one network does, panel below panel: its sequence, states, gates, and the gradient that flows back."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

import numpy as np

from engine.cells import CELLS, Cell
from engine.cells.base import Panel as CellPanel
from engine.lane import Lane
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.lanes import LaneStyle
from figures.look import Look
from figures.rows import GateMaps, GradientNow, GradientReach, Part, UnitMap, View
from figures.sequence import SequencePanel

HEAD_HEIGHT = 20  # pixels


class Row(StrEnum):
    """A row of panels, from top to bottom."""

    SEQUENCE = "sequence"
    HIDDEN = "hidden state"
    GATES = "gates"
    CELL = "cell state"
    NOW = "gradient now"
    REACH = "gradient reach"


EVERYTHING = tuple(Row)
HEIGHTS = {Row.SEQUENCE: 60, Row.HIDDEN: 84, Row.GATES: 80, Row.CELL: 80, Row.NOW: 58, Row.REACH: 86}  # pixels


def rows_of(style: LaneStyle, rows: tuple[Row, ...]) -> list[Row]:
    """Which of `rows` the network has anything to show in; one entry for each state besides the hidden one."""
    cell: Cell[Any] = CELLS[style.experiment.cell]
    gates = sum(panel.is_gate for panel in cell.panels)
    counts = {Row.GATES: min(gates, 1), Row.CELL: len(cell.panels) - gates}
    return [row for row in rows for _ in range(counts.get(row, 1))]


def height_of(rows: list[Row]) -> int:
    """Pixels that a column of `rows` takes."""
    return HEAD_HEIGHT + sum(HEIGHTS[row] + TITLE_HEIGHT for row in rows)


class Column:
    """The panels of one network.

    Args:
        style: the network.
        rows: from `rows_of`.
        place: in pixels; height that the rows don't need goes to the hidden states.
        equation: whether the head says the cell's equation.
    """

    def __init__(
        self,
        canvas: Canvas,
        look: Look,
        style: LaneStyle,
        rows: list[Row],
        place: Box,
        equation: bool = True,
    ) -> None:
        self.style = style
        self._canvas = canvas
        self._look = look
        self._cell: Cell[Any] = CELLS[style.experiment.cell]
        self._place = place
        self._equation = equation
        self._head = canvas.text(place.left + GUTTER, place.top, "", size=15, color=style.hue)
        self._y = place.top + HEAD_HEIGHT
        spare = place.height - height_of(rows)
        grows = Row.HIDDEN if Row.HIDDEN in rows else rows[0]
        states = iter(panel for panel in self._cell.panels if not panel.is_gate)
        self._parts: list[Part] = []
        for row in rows:
            box = self._next(HEIGHTS[row] + (spare if row is grows else 0))
            self._parts.append(self._part(row, box, row is rows[-1], next(states) if row is Row.CELL else None))

    def show(self, lane: Lane, horizon: int) -> None:
        """Fill in where `lane` stands, on axes that end at training step `horizon`."""
        layer = min(self._look.layer, len(lane.recording.layers) - 1)
        states = lane.recording.layers[layer].hidden_state[:, self._look.sequence]
        view = View(lane, layer, self._look.sequence, _unit_order(states, self._look.by_activity), horizon)
        equation = f" · {self._cell.equation(self.style.experiment.activation)}" if self._equation else ""
        room = self._place.width - GUTTER - 9 * len(self.style.title) - 110  # pixels beside the title and the count
        beside = equation if 6.5 * len(re.sub("<[^>]*>", "", equation)) < room else ""
        small = self._canvas.muted(f"{lane.parameter_count:,} parameters{beside}") if room > 0 else ""
        self._head.html = f"<b>{self.style.title}</b> <span style='font-size:12px'>{small}</span>"
        for part in self._parts:
            part.show(view)

    def _next(self, height: float) -> Box:
        """The next row, below a line for its title."""
        self._y += TITLE_HEIGHT
        row = Box(self._place.left + GUTTER, self._y, self._place.width - GUTTER, height)
        self._y += height
        return row

    def _part(self, row: Row, box: Box, last: bool, state: CellPanel | None) -> Part:
        canvas, style = self._canvas, self.style
        match row:
            case Row.SEQUENCE:
                return SequencePanel(canvas, box, style, last)
            case Row.HIDDEN:
                of_layer = f" of layer {self._look.layer + 1}" if style.experiment.layers > 1 else ""
                bounded = "activation" not in self._cell.own_settings or style.experiment.activation == "tanh"
                title = f"<b>Hidden state</b> h<sub>t</sub>{of_layer} &nbsp;{self._scale(bounded)}"
                return UnitMap(canvas, box, style, "hidden_state", title, False, last)
            case Row.GATES:
                return GateMaps(canvas, box, style, [panel for panel in self._cell.panels if panel.is_gate], last)
            case Row.CELL:
                assert state is not None
                title = f"<b>{state.title}</b> {state.symbol}<sub>t</sub> &nbsp;{self._scale(False)}"
                return UnitMap(canvas, box, style, state.field, title, False, last)
            case Row.NOW:
                return GradientNow(canvas, box, style, last)
            case Row.REACH:
                return GradientReach(canvas, box, style, last)

    def _scale(self, bounded: bool) -> str:
        """What the colours of a signed quantity say."""
        theme, swatch = self._canvas.theme, self._canvas.swatch
        low, high = ("", "") if bounded else ("≤ ", "≥ ")
        return self._canvas.muted(f"{swatch(theme.negative)} {low}−1 &nbsp;{swatch(theme.positive)} {high}+1")


def _unit_order(states: np.ndarray, by_activity: bool) -> np.ndarray:
    """Unit numbers from top to bottom, for states (T, H)."""
    if not by_activity:
        return np.arange(states.shape[1])
    return np.argsort(-np.abs(states).mean(axis=0), kind="stable")
