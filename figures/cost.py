"""What length costs: parameters, time, and what is no longer learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas, Panel
from figures.look import Look
from figures.palette import Color

WORDS: dict[str, Any] = {"font": {"size": 11}, "standoff": 4}


@dataclass(frozen=True)
class CostCurve:
    """One network.

    Attributes:
        title: at the line's end.
        values: (n,) at each length; NaN where not known yet.
        color, dash: of the line.
    """

    title: str
    values: np.ndarray
    color: Color
    dash: str = "solid"


def cost_canvas(
    look: Look,
    title: str,
    unit: str,
    lengths: Sequence[int],
    curves: Sequence[CostCurve],
    highest: float,
    log: bool = True,
) -> Canvas:
    """Lines over the length of the input, up to `highest` on an axis of `unit`, logarithmic or from zero."""
    width, height = (380, 220) if look.narrow else (760, 240)
    canvas = Canvas(look.theme, width, height + TITLE_HEIGHT + 44)
    low = min(
        [float(np.nanmin(curve.values)) for curve in curves if np.isfinite(curve.values).any()], default=highest / 100
    )
    bounds = [np.log10(low * 0.7), np.log10(highest * 1.3)] if log else [0, highest * 1.15]
    panel = canvas.panel(
        Box(GUTTER + 16, TITLE_HEIGHT + 4, width - GUTTER - 20, height),
        title,
        x={"range": [0, max(lengths) * 1.22], "title": WORDS | {"text": "length of the input, T"}},
        y={"type": "log" if log else "linear", "range": bounds, "showgrid": True, "gridcolor": look.theme.grid,
           "title": WORDS | {"text": unit}} | (_decades(*bounds) if log else {"nticks": 5, "tickformat": ","}),
    )  # fmt: skip
    for number, curve in enumerate(curves):
        values = curve.values.astype(np.float32)
        canvas.trace(
            panel, type="scatter", mode="lines+markers", x=np.array(lengths, np.float32), y=values, marker={"size": 6},
            line={"color": curve.color, "width": 2, "dash": curve.dash},
            hovertemplate=f"{curve.title}, T = %{{x}}: %{{y:.4g}} {unit}<extra></extra>",
        )  # fmt: skip
        if np.isfinite(values).any():
            _label(canvas, panel, curve, lengths, number)
    return canvas


def _decades(low: float, high: float) -> dict[str, Any]:
    """Ticks from 10^`low` to 10^`high`: at 1, 2 and 5 of each decade, or where there are many at 1 alone."""
    mantissas = (1, 2, 5) if high - low < 2.5 else (1,)
    exponents = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    return {"tickvals": [m * 10.0**e for e in exponents for m in mantissas if low <= np.log10(m) + e <= high]}


def horizon_canvas(
    look: Look, names: Sequence[str], lengths: Sequence[int], solved: np.ndarray, ended: np.ndarray, seeds: int
) -> Canvas:
    """Networks × lengths: how many seeds have learned it.

    Args:
        solved, ended: (names, lengths) of how many trials, of `seeds`.
    """
    width, height = (380, 170) if look.narrow else (760, 170)
    canvas = Canvas(look.theme, width, height + TITLE_HEIGHT + 44)
    box = Box(GUTTER + 8, TITLE_HEIGHT + 4, width - GUTTER - 12, height)
    panel = canvas.panel(
        box,
        f"<b>Seeds that have learned it</b> {canvas.muted(f'of {seeds}; blank: not known yet')}",
        x={
            "range": [-0.5, len(lengths) - 0.5],
            "tickvals": list(range(len(lengths))),
            "ticktext": [str(length) for length in lengths],
            "title": WORDS | {"text": "length of the sequences, T"},
        },
        y={"range": [len(names) - 0.5, -0.5], "tickvals": list(range(len(names))), "ticktext": list(names)},
    )
    share = np.where(ended > 0, solved / np.maximum(ended, 1), np.nan).astype(np.float32)
    heatmap = canvas.heatmap(
        panel, look.theme.sequential(look.theme.positive), 0, 1, hovertemplate="%{customdata}: %{text}<extra></extra>",
        texttemplate="%{text}", textfont={"size": 14}, xgap=3, ygap=3,
    )  # fmt: skip
    heatmap["x"], heatmap["y"] = (np.arange(count, dtype=np.float32) for count in (len(lengths), len(names)))
    heatmap["z"] = share
    heatmap["customdata"] = [[f"{name}, T = {length}" for length in lengths] for name in names]
    heatmap["text"] = [
        [
            f"{solved[row, column]} of {ended[row, column]}" if ended[row, column] else ""
            for column in range(len(lengths))
        ]
        for row in range(len(names))
    ]
    return canvas


def _label(canvas: Canvas, panel: Panel, curve: CostCurve, lengths: Sequence[int], number: int) -> None:
    last = int(np.flatnonzero(np.isfinite(curve.values))[-1])
    label = canvas.label_at(panel, f"<b>{curve.title}</b>", curve.color)
    label.x, label.y = float(lengths[last]), float(curve.values[last])
