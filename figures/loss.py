"""The loss of a run's networks by training step, on a log axis, with the levels that matter."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from engine.lane import Lane
from engine.tasks import task_of
from figures.canvas import Box, Canvas, Label
from figures.lanes import LaneStyle

WORDS = 74  # pixels right of the panel, for what the levels are


class LossPanel:
    """A line for each network, its name at the line's end, and dashed lines at chance and at the goal.

    Args:
        box: place of the panel and of the words at its right.
    """

    def __init__(self, canvas: Canvas, box: Box, styles: tuple[LaneStyle, ...]) -> None:
        experiment = styles[0].experiment
        self._canvas = canvas
        self._styles = styles
        self._metric = task_of(experiment).metric
        self._chance = task_of(experiment).chance(experiment.length)
        theme = canvas.theme
        self._panel = canvas.panel(
            Box(box.left, box.top, box.width - WORDS, box.height),
            f"<b>Loss</b> {canvas.muted(f'{task_of(experiment).loss}, log · by training step')}",
            x={"range": [0, 250], "nticks": 8, "showgrid": False},
            y={"type": "log", "dtick": 1, "exponentformat": "power", "showgrid": True, "gridcolor": theme.grid,
               "title": {"text": "loss", "font": {"size": 10}, "standoff": 2}},
        )  # fmt: skip
        self._level(self._chance.loss, f"{self._chance.name} {self._chance.loss:.3g}")
        if not self._metric.is_share and self._metric.solved is not None:
            self._level(self._metric.solved, f"solved {self._metric.solved:g}")
        self._lines = [self._add_line(style) for style in styles]

    def show(self, lanes: list[Lane], horizon: int) -> None:
        """Draw where `lanes` stand, on an axis that ends at training step `horizon`."""
        low, high = self._chance.loss / 60, self._chance.loss * 2.5
        if self._metric.solved is not None and not self._metric.is_share:
            low = min(low, self._metric.solved / 2)
        for lane, style, (line, end, label) in zip(lanes, self._styles, self._lines, strict=True):
            steps, losses = lane.losses.curve()
            line["x"], line["y"] = steps, losses
            end["x"], end["y"] = steps[-1:], losses[-1:]
            label.x, label.y = (float(steps[-1]), float(losses[-1])) if len(losses) else (0.0, self._chance.loss)
            label.html = f"<b>{style.short}</b>" if len(losses) else ""
            if len(losses):
                low = min(low, float(losses.min()) / 1.5)
                high = max(high, min(1e12, float(np.nanmax(losses)) * 1.5))
        bounds = [_floor_half(np.log10(low)), -_floor_half(-np.log10(high))]
        decades = max(1, round((bounds[1] - bounds[0]) / 5))  # between ticks
        self._canvas.set_axis(f"yaxis{self._panel.axis}", range=bounds, dtick=decades)
        self._canvas.set_axis(f"xaxis{self._panel.axis}", range=[0, horizon * 1.06])
        self._keep_apart([label for _, _, label in self._lines], bounds, horizon)

    def _add_line(self, style: LaneStyle) -> tuple[dict[str, Any], dict[str, Any], Label]:
        line = self._canvas.trace(
            self._panel,
            type="scatter",
            mode="lines",
            line={"color": style.hue, "width": 2, "dash": style.dash},
            hovertemplate=f"{style.title}, step %{{x:,}}: loss %{{y:.4g}}<extra></extra>",
        )
        end = self._canvas.trace(
            self._panel, type="scatter", mode="markers", marker={"color": style.hue, "size": 7}, hoverinfo="skip",
            cliponaxis=False,
        )  # fmt: skip
        return line, end, self._canvas.label_at(self._panel, f"<b>{style.short}</b>", style.hue)

    def _level(self, value: float, says: str) -> None:
        """A dashed line across the panel at `value`, with its words beside the right end, on two lines if need be."""
        says = "<br>".join(textwrap.wrap(says, WORDS // 6))
        theme, box, canvas = self._canvas.theme, self._panel.box, self._canvas
        ends = {"x0": box.left / canvas.width, "x1": (box.left + box.width) / canvas.width, "y0": value, "y1": value}
        canvas.layout["shapes"].append(
            {"type": "line", "xref": "paper", "yref": f"y{self._panel.axis}", **ends,
             "line": {"color": theme.muted, "width": 1, "dash": "dash"}, "layer": "below"}
        )  # fmt: skip
        canvas.layout["annotations"].append(
            {"text": says, "xref": "paper", "x": (box.left + box.width + 5) / canvas.width, "xanchor": "left",
             "yref": f"y{self._panel.axis}", "y": float(np.log10(value)), "yanchor": "middle", "showarrow": False,
             "align": "left", "font": {"size": 11, "color": theme.muted}}
        )  # fmt: skip

    def _keep_apart(self, labels: list[Label], bounds: list[float], horizon: int) -> None:
        """Shift labels that would cover each other."""
        pixels = self._panel.box.height / (bounds[1] - bounds[0])
        taken: list[tuple[float, float]] = []
        for label in sorted(labels, key=lambda each: -each.y):
            place = -np.log10(max(label.y, 1e-30)) * pixels
            beside = [low for x, low in taken if abs(x - label.x) < 0.06 * horizon]
            label.shift = max([0.0, *(low + 13 - place for low in beside)])
            taken.append((label.x, place + label.shift))


def _floor_half(value: float) -> float:
    """`value` rounded down to a multiple of one half, so that an axis changes rarely."""
    return float(np.floor(value * 2) / 2)
