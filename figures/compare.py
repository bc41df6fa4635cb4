"""Networks compared: where their settings differ, their loss, and one heatmap less another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.analysis.comparison import GRADIENT, Quantity, begin_equal, log_gradients, values_of, why_not
from engine.lane import Lane
from engine.runs import Run
from engine.settings import table_of_differences
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.lanes import LaneStyle
from figures.look import Look
from figures.loss import LossPanel
from figures.rows import REACH_ROWS
from figures.training import NARROW, WIDE, horizon_of

LINE, MOST_ROWS = 19, 5  # pixels a row of the table takes, and rows that it has at most
TOP, GAP, BOTTOM = 118, 22, 50  # pixels
MAP_HEIGHT = {False: 340, True: 150}
DECADES = 8.0  # of the gradient's norm, on both sides of 1


@dataclass(frozen=True)
class Pair:
    """Which networks are laid over each other, and what of them.

    Attributes:
        one, other: numbers of the lanes; A and B.
        quantity: what is shown of both.
    """

    one: int
    other: int
    quantity: Quantity


class CompareFigure:
    """Table and loss of all networks; below them A, B and A − B on one scale.

    Args:
        styles: all networks of the run.
        look: the viewer's choice.
        pair: A and B; None if there is but one network.
    """

    def __init__(self, styles: Sequence[LaneStyle], look: Look, pair: Pair | None) -> None:
        self._look, self._pair = look, pair
        width = NARROW if look.narrow else WIDE
        self._rows_of_table = table_of_differences([style.experiment for style in styles])
        table = (min(MOST_ROWS, len(self._rows_of_table)) + 2) * LINE
        below = TITLE_HEIGHT + table + TOP + 34 if look.narrow else TITLE_HEIGHT + TOP + 30
        maps = 3 * (MAP_HEIGHT[True] + 2 * TITLE_HEIGHT) if look.narrow else MAP_HEIGHT[False] + 2 * TITLE_HEIGHT
        self.canvas = Canvas(look.theme, width, below + maps + BOTTOM)
        self.canvas.layout["uirevision"] = repr(("compare", len(styles), pair))
        self._add_table(styles, 0.0 if look.narrow else 4.0, width if look.narrow else 0.44 * width)
        left, top = (GUTTER, table + TITLE_HEIGHT) if look.narrow else (0.5 * width, TITLE_HEIGHT)
        self._loss = LossPanel(self.canvas, Box(left, top, width - left - 8, TOP), tuple(styles))
        self._maps: list[DifferenceMap] = []
        reason = self._reason(styles)
        if reason:
            self.canvas.text(GUTTER, below + 20, reason.replace(": ", ":<br>") if look.narrow else reason, size=15)
        elif pair:
            self._add_maps(styles, pair, below)

    def show(self, run: Run) -> Canvas:
        """Fill in where `run` stands."""
        self._loss.show(list(run.lanes), horizon_of(run))
        if self._maps and self._pair:
            one, other = (self._values(run, run.lanes[number]) for number in (self._pair.one, self._pair.other))
            for each, values in zip(self._maps, (one, other, one - other), strict=True):
                each.show(values, self._rows(run))
            self._show_size(one - other)
        return self.canvas

    def _reason(self, styles: Sequence[LaneStyle]) -> str | None:
        """Why there is no difference to be seen."""
        if self._pair is None:
            return "There is one network only: choose a second one, or pin it and change a setting."
        if self._pair.one == self._pair.other:
            return "A and B are the same network: choose two different ones."
        one, other = (styles[number].experiment for number in (self._pair.one, self._pair.other))
        return why_not(one, other, self._pair.quantity)

    def _add_table(self, styles: Sequence[LaneStyle], left: float, width: float) -> None:
        canvas, rows = self.canvas, self._rows_of_table
        canvas.text(left, 0, "<b>What is different</b>" if rows else "<b>Nothing is different</b>")
        column = (width - 130) / max(1, len(styles))
        shown = rows if len(rows) <= MOST_ROWS else rows[: MOST_ROWS - 1]
        for number, row in enumerate(shown, start=1):
            canvas.text(left, number * LINE + 2, canvas.muted(row.label))
            for place, (style, value) in enumerate(zip(styles, row.values, strict=True)):
                room = int(column / 6.4)
                short = value if len(value) <= room else f"{value[: room - 1]}…"
                canvas.text(left + 130 + place * column, number * LINE + 2, f"<b>{short}</b>", color=style.hue)
        if len(rows) > len(shown):
            more = f"and {len(rows) - len(shown)} settings more"
            canvas.text(left, (len(shown) + 1) * LINE + 2, canvas.muted(more))

    def _add_maps(self, styles: Sequence[LaneStyle], pair: Pair, top: float) -> None:
        canvas, narrow = self.canvas, self._look.narrow
        one, other = styles[pair.one], styles[pair.other]
        end = DECADES if pair.quantity.field == GRADIENT else 1.0
        theme, swatch = canvas.theme, canvas.swatch
        scale = f"{swatch(theme.negative)} ≤ −{end:g} &nbsp;{swatch(theme.positive)} ≥ +{end:g}"
        says = f"<b>{pair.quantity.title}</b> {'log, ' if end > 1 else ''}{canvas.muted(scale)}"
        canvas.text(GUTTER, top - TITLE_HEIGHT, says, size=13)
        names = (f"<b>A</b> {one.title}", f"<b>B</b> {other.title}", "<b>A − B</b>")
        colors = (one.hue, other.hue, theme.ink)
        height = MAP_HEIGHT[narrow]
        width = canvas.width - GUTTER - 8 if narrow else (canvas.width - GUTTER - 8 - 2 * GAP) / 3
        for number, (name, color) in enumerate(zip(names, colors, strict=True)):
            left = GUTTER if narrow else GUTTER + number * (width + GAP)
            below = top + TITLE_HEIGHT + (number * (height + 2 * TITLE_HEIGHT) if narrow else 0)
            last = not narrow or number == 2
            each = DifferenceMap(
                canvas, Box(left, below, width, height), pair.quantity, end, one, last, number == 0 or narrow
            )
            each.name(name, color)
            self._maps.append(each)
        if pair.quantity.field == GRADIENT:
            return
        alike = begin_equal(one.experiment, other.experiment)
        canvas.text(GUTTER, canvas.height - 18, canvas.muted(_about_units(alike, narrow)))

    def _values(self, run: Run, lane: Lane) -> np.ndarray:
        assert self._pair
        if self._pair.quantity.field == GRADIENT:
            return log_gradients(lane, self._rows(run), self._look.layer, self._look.sequence)
        return values_of(lane, self._pair.quantity, self._look.layer, self._look.sequence)

    def _rows(self, run: Run) -> np.ndarray:
        """Units from 1, or training steps."""
        assert self._pair
        if self._pair.quantity.field == GRADIENT:
            return np.linspace(0, horizon_of(run), REACH_ROWS, dtype=np.float32)
        return np.arange(1, run.lanes[self._pair.one].experiment.hidden_size + 1, dtype=np.float32)

    def _show_size(self, difference: np.ndarray) -> None:
        finite = difference[np.isfinite(difference)].astype(np.float64)
        size = float(np.sqrt(np.mean(finite**2))) if finite.size else 0.0
        self._maps[2].name(f"<b>A − B</b> {self.canvas.muted(f'root mean square {size:.2g}')}", self.canvas.theme.ink)


class DifferenceMap:
    """One of the three heatmaps."""

    def __init__(
        self, canvas: Canvas, box: Box, quantity: Quantity, end: float, style: LaneStyle, last: bool, first: bool
    ) -> None:
        self._canvas = canvas
        by_training = quantity.field == GRADIENT
        axis: dict[str, Any] = {
            "range": [style.experiment.hidden_size + 0.5, 0.5],
            "showticklabels": first,
            "nticks": 6,
        }
        if first:
            axis["title"] = {
                "text": "training step" if by_training else "unit", "font": {"size": 10}, "standoff": 2,
            }  # fmt: skip
        self._panel = canvas.panel(box, "", x=canvas.time_axis(style.experiment.length, last), y=axis)
        row = "training step" if by_training else "unit"
        self._heatmap = canvas.heatmap(
            self._panel, canvas.theme.diverging, -end, end,
            hovertemplate=f"{row} %{{y}}, t = %{{x}}: %{{z:.3f}}<extra></extra>",
        )  # fmt: skip
        self._by_training = by_training

    def name(self, title: str, color: str) -> None:
        """Say which of the three it is."""
        self._panel.title.html, self._panel.title.color = title, color

    def show(self, values: np.ndarray, rows: np.ndarray) -> None:
        """Fill in values (rows, T)."""
        self._heatmap["z"] = np.ascontiguousarray(values, np.float32)
        self._heatmap["x"] = np.arange(1, values.shape[1] + 1, dtype=np.float32)
        self._heatmap["y"] = rows
        if self._by_training:
            half = float(rows[1] - rows[0]) / 2
            self._canvas.set_axis(f"yaxis{self._panel.axis}", range=[float(rows[-1]) + half, -half])


def _about_units(alike: bool, narrow: bool) -> str:
    if narrow:
        return "Units by number; " + ("both began with the same weights." if alike else "first weights differ.")
    if alike:
        return "Units are matched by number: both networks began with the same weights, so at first they correspond."
    return (
        "Units are matched by number, but these networks began with different weights: unit 1 of one is not unit 1 of "
        "the other."
    )
