"""The rows of a network's column: heatmaps of units over time, and the gradient that flows back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.cells.base import Panel as CellPanel
from engine.lane import Lane
from engine.recording import Recording
from figures.canvas import Box, Canvas, Panel
from figures.lanes import LaneStyle

ROOMY = 115  # pixels in which the full title of a gate fits
SNUG = 250  # pixels of a panel in which only the shortest titles fit
REACH_ROWS = 64
GRADIENT_RANGE = (-8.0, 2.0)  # decimal logarithm of ‖∂L/∂h_t‖ from “vanished” to “exploding”


@dataclass(frozen=True)
class View:
    """A moment of a network, as far as it is shown.

    Attributes:
        lane: the network.
        layer, sequence: which of them, from 0.
        order: unit numbers from top to bottom, from 0.
        horizon: the training step at which axes end.
    """

    lane: Lane
    layer: int
    sequence: int
    order: np.ndarray
    horizon: int

    @property
    def recording(self) -> Recording:
        """The look inside."""
        return self.lane.recording

    @property
    def steps(self) -> np.ndarray:
        """(T,) time steps, from 1."""
        return np.arange(1, self.recording.batch.length + 1, dtype=np.float32)


class Part(Protocol):
    """A row of a column."""

    def show(self, view: View) -> None:
        """Fill in a moment."""


class UnitMap:
    """A heatmap of one quantity, units × time steps."""

    def __init__(
        self, canvas: Canvas, box: Box, style: LaneStyle, field: str, title: str, is_gate: bool, last: bool
    ) -> None:
        units, theme = style.experiment.hidden_size, canvas.theme
        self._canvas = canvas
        self._field = field
        self.panel: Panel = canvas.panel(
            box,
            title,
            x=canvas.time_axis(style.experiment.length, last),
            y={"type": "category", "categoryorder": "array", "categoryarray": [], "range": [units - 0.5, -0.5],
               "showticklabels": False, "title": {"text": "units", "font": {"size": 10}, "standoff": 2}},
        )  # fmt: skip
        name = title.split("</b>")[0].removeprefix("<b>")
        self._heatmap = canvas.heatmap(
            self.panel,
            theme.sequential(style.hue) if is_gate else theme.diverging,
            0 if is_gate else -1,
            1,
            hovertemplate=f"{name}, unit %{{y}}, t = %{{x}}: %{{z:.3f}}<extra></extra>",
            meta=style.number,  # so that a click tells whose unit it is
        )

    def show(self, view: View) -> None:
        """Fill in a moment."""
        values = getattr(view.recording.layers[view.layer], self._field)[:, view.sequence]  # (T, H)
        units = [str(number + 1) for number in view.order]
        self._heatmap["z"] = np.ascontiguousarray(values.T[view.order])
        self._heatmap["x"], self._heatmap["y"] = view.steps, units
        self._canvas.set_axis(f"yaxis{self.panel.axis}", categoryarray=units)


class GateMaps:
    """The openings of all gates, side by side."""

    def __init__(self, canvas: Canvas, row: Box, style: LaneStyle, gates: Sequence[CellPanel], last: bool) -> None:
        gap = 10
        width = (row.width - gap * (len(gates) - 1)) / len(gates)
        self._maps = []
        for number, gate in enumerate(gates):
            box = Box(row.left + number * (width + gap), row.top, width, row.height)
            name = gate.title if width > ROOMY else gate.title.removesuffix(" gate")
            opening = canvas.muted(f"0…1 {canvas.swatch(style.hue)}") if width > ROOMY else ""
            title = f"<b>{name}</b> {gate.symbol}<sub>t</sub> {opening}"
            self._maps.append(UnitMap(canvas, box, style, gate.field, title, True, last))
            if number:
                del canvas.layout[f"yaxis{self._maps[-1].panel.axis}"]["title"]

    def show(self, view: View) -> None:
        """Fill in a moment."""
        for each in self._maps:
            each.show(view)


class GradientNow:
    """‖∂L/∂h_t‖ over time, now."""

    def __init__(self, canvas: Canvas, box: Box, style: LaneStyle, last: bool) -> None:
        low, high = GRADIENT_RANGE
        self._canvas = canvas
        panel = canvas.panel(
            box,
            "",
            x=canvas.time_axis(style.experiment.length, last),
            y={"type": "log", "range": [low, high], "dtick": 4, "exponentformat": "power", "showgrid": True,
               "gridcolor": canvas.theme.grid, "title": {"text": "norm", "font": {"size": 10}, "standoff": 2}},
        )  # fmt: skip
        self._title, self._tight = panel.title, box.width < SNUG
        self._line = canvas.trace(
            panel,
            type="scatter",
            mode="lines",
            line={"color": style.hue, "width": 2, "dash": style.dash},
            hovertemplate="t = %{x}: ‖∂L/∂h‖ = %{y:.2e}<extra></extra>",
        )

    def show(self, view: View) -> None:
        """Fill in a moment."""
        found = view.lane.gradients.latest(view.layer, view.sequence)
        now = np.maximum(found, np.float32(1e-40))
        self._line["x"], self._line["y"] = view.steps, now
        shrinks = f"{np.log10(now[0]) - np.log10(now[-1]):.1f}".replace("-", "−")
        share = f"10<sup>{shrinks}</sup>" if found[0] else "0"
        ratio = self._canvas.muted(f"{'' if self._tight else 'log · '}first ÷ last = {share}")
        norm = "" if self._tight else "‖∂L/∂h<sub>t</sub>‖ "
        self._title.html = f"<b>Gradient now</b> {norm}{ratio}"


class GradientReach:
    """log ‖∂L/∂h_t‖ over time, a row for each of many moments of training."""

    def __init__(self, canvas: Canvas, box: Box, style: LaneStyle, last: bool) -> None:
        scale = canvas.theme.sequential(style.hue)
        low, high = GRADIENT_RANGE
        pale, full = canvas.swatch(str(scale[1][1])), canvas.swatch(style.hue)
        key = canvas.muted(f"{pale} 10<sup>−3</sup> {full} 10<sup>2</sup>")
        wide = box.width > 3 * ROOMY
        says = "log ‖∂L/∂h<sub>t</sub>‖ as training goes on ↓" if wide else "as training goes on ↓"
        if box.width < SNUG:
            says = "↓"
        self._canvas = canvas
        self._panel = canvas.panel(
            box,
            f"<b>Gradient reach</b> {canvas.muted(says)} &nbsp;{key}",
            x=canvas.time_axis(style.experiment.length, last),
            y={"range": [250, 0], "nticks": 4, "title": {"text": "training step", "font": {"size": 10}, "standoff": 2}},
        )
        self._heatmap = canvas.heatmap(
            self._panel,
            scale,
            low,
            high,
            hovertemplate="training step %{y:,}, t = %{x}: 10<sup>%{z:.1f}</sup><extra></extra>",
        )

    def show(self, view: View) -> None:
        """Fill in a moment."""
        rows = np.linspace(0, view.horizon, REACH_ROWS, dtype=np.float32)
        with np.errstate(divide="ignore"):
            logs = np.clip(np.log10(view.lane.gradients.on_grid(rows, view.layer, view.sequence)), -40, 40)
        self._heatmap["x"], self._heatmap["y"], self._heatmap["z"] = view.steps, rows, logs
        half = view.horizon / (REACH_ROWS - 1) / 2
        self._canvas.set_axis(f"yaxis{self._panel.axis}", range=[view.horizon + half, -half])
