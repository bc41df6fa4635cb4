"""Panels of a gradient on its way back: unit by unit, by which way, and how far."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.analysis.gradient_flow import Reach, Ways
from engine.recording import Recording
from figures.canvas import Box, Canvas
from figures.lanes import LaneStyle
from figures.lines import MOST, add_line, keep_apart, label_end, until_lost
from figures.palette import mix
from figures.signed import DECADES, signed_heatmap, symmetric_log

STRIP = 8  # pixels of a strip below a panel
WAYS_RANGE = (-8.0, 2.0)  # decimal logarithms
REACH_RANGE = (-12.0, 4.0)
INNER = 6  # singular values drawn besides the largest
ROOMY = 400  # pixels of a panel's width in which a long title fits
MEMORY = {"lstm": "c", "gru": "h", "rnn": "h"}
WAY_NAMES = {"lstm": "along c alone", "gru": "along h alone"}
THEORY = {"rnn": "ρ(U)<sup>T−k</sup>", "lstm": "largest Π f", "gru": "largest Π z"}
BOUNDS = {"rnn": "(σ<sub>max</sub>(U) max|φ′|)<sup>T−k</sup>", "lstm": "Π ‖∂(h, c)<sub>t</sub>/∂(h, c)<sub>t−1</sub>‖",
          "gru": "Π ‖∂h<sub>t</sub>/∂h<sub>t−1</sub>‖"}  # fmt: skip


class GradientMap:
    """∂L/∂(a state), units × time steps, on a symmetric logarithmic scale."""

    def __init__(self, canvas: Canvas, box: Box, style: LaneStyle, field: str, symbol: str) -> None:
        units, theme = style.experiment.hidden_size, canvas.theme
        self._field = field
        scale = "symmetric log, full colour from 1" if box.width > ROOMY else "sym. log"
        key = f"{canvas.swatch(theme.negative)} − &nbsp;{canvas.swatch(theme.positive)} + · {scale}"
        panel = canvas.panel(
            box,
            f"<b>∂L/∂{symbol}<sub>t</sub></b> {canvas.muted(f'of each unit · {key}')}",
            x=canvas.time_axis(style.experiment.length, False),
            y={"range": [units + 0.5, 0.5], "showticklabels": False,
               "title": {"text": "units", "font": {"size": 10}, "standoff": 2}},
        )  # fmt: skip
        hover = f"∂L/∂{symbol}, unit %{{y}}, t = %{{x}}: sign × (8 + log₁₀|∂L/∂{symbol}|) = %{{z:.1f}}<extra></extra>"
        self._heatmap = signed_heatmap(canvas, panel, DECADES, hover)

    def show(self, recording: Recording, layer: int, sequence: int) -> None:
        """Fill in a moment: the gradient of the sequence's own loss; a recording's L is the mean over sequences."""
        grads = recording.batch.size * getattr(recording.layers[layer], self._field)[:, sequence].astype(np.float64)
        values = symmetric_log(grads.T)
        self._heatmap["z"] = np.ascontiguousarray(values)
        self._heatmap["x"] = np.arange(1, values.shape[1] + 1, dtype=np.float32)
        self._heatmap["y"] = np.arange(1, values.shape[0] + 1, dtype=np.float32)


class WaysPanel:
    """‖∂L/∂(memory)‖ over time: all ways, along the memory alone, through the gates; and the share of the second."""

    def __init__(self, canvas: Canvas, box: Box, style: LaneStyle) -> None:
        self._canvas, self._cell, self._wide = canvas, style.experiment.cell, box.width > ROOMY
        self._steps = np.arange(1, style.experiment.length + 1, dtype=np.float32)
        low, high = WAYS_RANGE
        has_highway = self._cell in WAY_NAMES
        panel = canvas.panel(
            Box(box.left, box.top, box.width, box.height - (STRIP + 2) * has_highway),
            "",
            x=canvas.time_axis(style.experiment.length, not has_highway),
            y={"type": "log", "range": [low, high], "dtick": 4, "exponentformat": "power", "showgrid": True,
               "gridcolor": canvas.theme.grid, "title": {"text": "norm, log", "font": {"size": 10}, "standoff": 2}},
        )  # fmt: skip
        self._title = panel.title
        self._lines = [add_line(canvas, panel, style.hue, "solid", 2.5, "all ways, k = %{x}: %{y:.2e}")]
        self._strip: dict[str, Any] | None = None
        if has_highway:
            alone = f"{WAY_NAMES[self._cell]}, k = %{{x}}: %{{y:.2e}}"
            self._lines += [
                add_line(canvas, panel, canvas.theme.ink, "dot", 2, alone),
                add_line(canvas, panel, canvas.theme.muted, "dash", 1.5, "by the gates, k = %{x}: %{y:.2e}"),
            ]
            self._strip = self._add_strip(Box(box.left, box.top + box.height - STRIP, box.width, STRIP), style)

    def show(self, ways: Ways | None) -> None:
        """Fill in what is known."""
        self._title.html = self._words(ways)
        if ways is None:
            return
        parts = (ways.all_ways, ways.highway, ways.gates)
        for line, part in zip(self._lines, parts, strict=False):
            if part is not None:
                with np.errstate(all="ignore"):
                    logs = np.log10(np.linalg.norm(part, axis=1))
                line["x"], line["y"] = until_lost(self._steps, logs)
        if ways.share is not None and self._strip is not None:
            self._strip["z"] = ways.share[np.newaxis].astype(np.float32)

    def _add_strip(self, box: Box, style: LaneStyle) -> dict[str, Any]:
        canvas, steps = self._canvas, self._steps
        x = canvas.time_axis(style.experiment.length, True)
        panel = canvas.panel(box, "", x=x, y={"showticklabels": False, "range": [-0.5, 0.5]})
        hover = "share along the memory alone, k = %{x}: %{z:.2f}<extra></extra>"
        strip = canvas.heatmap(panel, canvas.theme.sequential(style.hue), 0, 1, hovertemplate=hover)
        strip["x"], strip["y"] = steps, np.zeros(1, np.float32)
        strip["z"] = np.full((1, len(steps)), np.nan, np.float32)
        return strip

    def _words(self, ways: Ways | None) -> str:
        symbol = MEMORY.get(self._cell, "h")
        head = f"<b>Ways back</b> ‖∂L/∂{symbol}<sub>k</sub>‖"
        if self._cell not in WAY_NAMES:
            says = "no highway: all of it passes U" if self._cell == "rnn" else ""
            return f"{head} {self._canvas.muted(says)}"
        share = ""
        if ways is not None and ways.share is not None and np.isfinite(ways.share[0]):
            share = f", {ways.share[0]:.0%} at k = 1"
        if not self._wide:
            return f"{head} {self._canvas.muted(f'┈ {WAY_NAMES[self._cell]}{share}')}"
        says = f"━ all ┈ {WAY_NAMES[self._cell]} (strip: share{share}) ╌ by the gates"
        return f"{head} {self._canvas.muted(says)}"


class ReachPanel:
    """Singular values of ∂s_T/∂s_k over the distance T − k, with their bound and what theory expects."""

    def __init__(self, canvas: Canvas, box: Box, style: LaneStyle) -> None:
        cell, theme = style.experiment.cell, canvas.theme
        self._canvas, self._cell = canvas, cell
        self._distance = np.arange(style.experiment.length, dtype=np.float32)
        low, high = REACH_RANGE
        words = {"font": {"size": 11}, "standoff": 2}
        self._panel = canvas.panel(
            box,
            "",
            x={"range": [0, max(1, len(self._distance) - 1) * (1.42 if box.width < ROOMY else 1.28)], "nticks": 8,
               "title": words | {"text": "steps back, T − k"}},
            y={"type": "log", "range": [low, high], "dtick": 4, "exponentformat": "power", "showgrid": True,
               "gridcolor": theme.grid, "title": {"text": "log", "font": {"size": 10}, "standoff": 2}},
        )  # fmt: skip
        symbol = "(h, c)" if cell == "lstm" else "h"
        of = f"∂{symbol}<sub>T</sub>/∂{symbol}<sub>k</sub>"
        self._panel.title.html = f"<b>Reach</b> {of} {canvas.muted(self._says(box.width))}"
        pale = mix(theme.background, style.hue, 0.5)
        self._inner = [add_line(canvas, self._panel, pale, "solid", 1, "σ, %{x} back: %{y:.2e}") for _ in range(INNER)]
        self._main = [
            (add_line(canvas, self._panel, color, dash, wide, f"{name}, %{{x}} back: %{{y:.2e}}"), name,
             canvas.label_at(self._panel, "", color))
            for name, color, dash, wide in (
                ("norm", style.hue, "solid", 2.5),
                ("bound", theme.muted, "dash", 1.5),
                (THEORY.get(cell, ""), theme.ink, "dot", 1.5),
            )
        ]  # fmt: skip

    def _says(self, width: float) -> str:
        if self._cell not in BOUNDS or width < ROOMY:
            return "singular values"
        return f"singular values, the largest thick · bound {BOUNDS[self._cell]}"

    def show(self, reach: Reach | None) -> None:
        """Fill in what is known."""
        if reach is None:
            return
        low, high = REACH_RANGE
        count = reach.singular.shape[1]
        ranks = np.unique(np.linspace(1, count - 1, INNER).round().astype(int)) if count > 1 else np.empty(0, int)
        for line, rank in zip(self._inner, ranks, strict=False):
            line["x"], line["y"] = until_lost(
                self._distance[::-1][reach.at][::-1], reach.singular[reach.at, rank][::-1]
            )
        for (line, name, label), logs in zip(
            self._main, (reach.singular[:, 0], reach.bound, reach.theory), strict=True
        ):
            line["x"], line["y"] = until_lost(self._distance[::-1][reach.at][::-1], logs[reach.at][::-1])
            known = float(line["y"][-1]) > 10**-MOST or np.isneginf(logs[0])
            label.html = f"<b>{name}</b>" if known else ""
            label_end(label, line["x"], line["y"], low, high)
        keep_apart([label for _, _, label in self._main], self._panel, low, high, log=True)
