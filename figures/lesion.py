"""What is lost when units are switched off: a distributed code beside one with a unit for each item."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.analysis.lesions import LesionCurve
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.look import Look


def lesion_canvas(
    look: Look, hue: str, distributed: LesionCurve, localist: LesionCurve, mine: tuple[int, float]
) -> Canvas:
    """Accuracy over the share of units that are off.

    Args:
        distributed, localist: the two codes.
        mine: how many units of the distributed code the reader has switched off, and what it still gets right.
    """
    width, height = (380, 240) if look.narrow else (760, 260)
    canvas = Canvas(look.theme, width, height + TITLE_HEIGHT + 44)
    title: dict[str, Any] = {"font": {"size": 11}, "standoff": 4}
    panel = canvas.panel(
        Box(GUTTER + 8, TITLE_HEIGHT + 4, width - GUTTER - 12, height),
        f"<b>Bits right</b> {canvas.muted('by units off; band: worst to best choice')}",
        x={"range": [0, 1.16], "tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1],
           "title": title | {"text": "units off"}},
        y={"range": [0.4, 1.04], "tickformat": ".0%", "showgrid": True, "gridcolor": look.theme.grid,
           "title": title | {"text": "bits right"}},
    )  # fmt: skip
    for curve, color, name in ((localist, look.theme.muted, "one unit a bit"), (distributed, hue, "distributed")):
        share = (curve.removed / curve.removed[-1]).astype(np.float32)
        band = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        canvas.trace(panel, x=share, y=curve.worst.astype(np.float32), **band)
        canvas.trace(panel, x=share, y=curve.best.astype(np.float32), fill="tonexty", fillcolor=f"{color}33", **band)
        canvas.trace(
            panel, type="scatter", mode="lines+markers", x=share, y=curve.mean.astype(np.float32),
            line={"color": color, "width": 2}, marker={"size": 5},
            hovertemplate=f"{name}: %{{x:.0%}} off, %{{y:.1%}} right<extra></extra>",
        )  # fmt: skip
        at = len(share) // 3
        label = canvas.label_at(panel, f"<b>{name}</b>", color)
        label.x, label.y, label.shift = float(share[at]), float(curve.mean[at]), -10.0
    count, right = mine
    canvas.trace(
        panel, type="scatter", mode="markers", cliponaxis=False,
        x=np.array([count / distributed.removed[-1]], np.float32), y=np.array([right], np.float32),
        marker={"color": look.theme.ink, "size": 13, "symbol": "circle-open", "line": {"width": 2.5}},
        hovertemplate="your choice: %{y:.1%} right<extra></extra>",
    )  # fmt: skip
    return canvas
