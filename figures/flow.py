"""How far back a gradient reaches: norms of ∂h_T/∂h_k over the distance T − k, on a log axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.look import Look
from figures.palette import Color

FLOOR, CEILING = -12.0, 6.0  # decimal logarithms at the ends of the axis


@dataclass(frozen=True)
class Curve:
    """One line.

    Attributes:
        title: at its end.
        norms: (T,) for k = 1 … T.
        color, dash: how it is drawn.
    """

    title: str
    norms: np.ndarray
    color: Color
    dash: str = "solid"


def flow_canvas(look: Look, title: str, curves: list[Curve]) -> Canvas:
    """The figure of `curves`; the distance runs from left to right."""
    width, height = (380, 260) if look.narrow else (760, 300)
    canvas = Canvas(look.theme, width, height + TITLE_HEIGHT + 40)
    steps = len(curves[0].norms)
    axis: dict[str, Any] = {"font": {"size": 11}, "standoff": 4}
    panel = canvas.panel(
        Box(GUTTER + 8, TITLE_HEIGHT + 4, width - GUTTER - 12, height),
        title,
        x={"range": [0, (steps - 1) * (1.3 if look.narrow else 1.2)], "title": axis | {"text": "steps back, T − k"}},
        y={"type": "log", "range": [FLOOR, CEILING], "dtick": 3, "exponentformat": "power", "showgrid": True,
           "gridcolor": look.theme.grid, "title": axis | {"text": "norm, log"}},
    )  # fmt: skip
    distance = np.arange(steps, dtype=np.float32)
    taken: list[float] = []
    for curve in curves:
        norms = np.clip(np.nan_to_num(curve.norms[::-1], posinf=1e30), 1e-30, 1e30)
        canvas.trace(
            panel, type="scatter", mode="lines", x=distance, y=norms,
            line={"color": curve.color, "width": 2, "dash": curve.dash},
            hovertemplate=f"{curve.title}: %{{x}} steps back %{{y:.2e}}<extra></extra>",
        )  # fmt: skip
        label = canvas.label_at(panel, f"<b>{curve.title}</b>", curve.color)
        label.x, label.y = float(distance[-1]), float(np.clip(norms[-1], 10**FLOOR * 2, 10**CEILING / 2))
        place = -np.log10(label.y) * height / (CEILING - FLOOR)
        label.shift = _free(place, taken) - place
        taken.append(place + label.shift)
    return canvas


def _free(place: float, taken: list[float]) -> float:
    """The place nearest to `place` that keeps 14 pixels from all that is taken."""
    tries = sorted((place + offset for offset in range(-90, 91, 2)), key=lambda each: abs(each - place))
    return next((each for each in tries if all(abs(each - other) >= 14 for other in taken)), place)
