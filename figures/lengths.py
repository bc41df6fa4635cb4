"""A metric over the length of the sequences that a network is tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.look import Look
from figures.palette import Color


@dataclass(frozen=True)
class LengthCurve:
    """One network.

    Attributes:
        title: at the line's end.
        lengths: tested.
        values: the metric, 0…1, at each.
        color, dash: of the line.
    """

    title: str
    lengths: Sequence[int]
    values: np.ndarray
    color: Color
    dash: str = "solid"


def length_canvas(
    look: Look, title: str, curves: Sequence[LengthCurve], trained: int, chance: float, low: float
) -> Canvas:
    """The figure of `curves`.

    Args:
        trained: the length of the training sequences, marked.
        chance: what guessing reaches, marked.
        low: where the axis of the metric begins.
    """
    width, height = (380, 220) if look.narrow else (760, 240)
    canvas = Canvas(look.theme, width, height + TITLE_HEIGHT + 44)
    theme = look.theme
    words: dict[str, Any] = {"font": {"size": 11}, "standoff": 4}
    longest = max(max(curve.lengths) for curve in curves)
    panel = canvas.panel(
        Box(GUTTER + 8, TITLE_HEIGHT + 4, width - GUTTER - 12, height),
        title,
        x={"range": [0, longest * 1.2], "title": words | {"text": "length of the test sequences (steps)"}},
        y={"range": [low, 1.03], "tickformat": ".0%", "showgrid": True, "gridcolor": theme.grid,
           "title": words | {"text": "right"}},
    )  # fmt: skip
    line = {"color": theme.muted, "width": 1, "dash": "dash"}
    canvas.layout["shapes"] += [
        {"type": "line", "xref": "x", "yref": "y domain", "x0": trained, "x1": trained, "y0": 0, "y1": 1, "line": line},
        {"type": "line", "xref": "x domain", "yref": "y", "x0": 0, "x1": 1, "y0": chance, "y1": chance, "line": line},
    ]
    note = {"showarrow": False, "font": {"size": 11, "color": theme.muted}}
    canvas.layout["annotations"] += [
        {"text": f"trained at {trained}", "x": trained, "xanchor": "left", "y": 0.03, "yref": "y domain", **note},
        {"text": f"chance {chance:.0%}", "x": 1, "xref": "x domain", "xanchor": "right", "y": chance,
         "yanchor": "bottom", **note},
    ]  # fmt: skip
    for number, curve in enumerate(curves):
        lengths, values = np.array(curve.lengths, np.float32), curve.values.astype(np.float32)
        canvas.trace(
            panel, type="scatter", mode="lines+markers", x=lengths, y=values, marker={"size": 6},
            line={"color": curve.color, "width": 2, "dash": curve.dash},
            hovertemplate=f"{curve.title}, %{{x}} steps: %{{y:.1%}} right<extra></extra>",
        )  # fmt: skip
        label = canvas.label_at(panel, f"<b>{curve.title}</b>", curve.color)
        label.x, label.y, label.shift = float(lengths[-1]), float(values[-1]), 14.0 * number
    return canvas
