"""A phase portrait: how states move in the plane of their two strongest principal components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.analysis.dynamics import FixedPoint, Plane
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.look import Look

SIDE = 330  # pixels
PATHS = 4


def portrait_canvas(
    look: Look, portraits: Sequence[tuple[str, str, Plane, np.ndarray, np.ndarray, list[FixedPoint]]]
) -> Canvas:
    """One panel for each network.

    Args:
        portraits: title, colour, plane, states (T, B, H), answers (T, B) bool, and fixed points.
    """
    stacked = look.narrow
    count = len(portraits)
    width = 380 if stacked else 44 + count * (SIDE + 60)
    canvas = Canvas(look.theme, width, (SIDE + 60) * (count if stacked else 1) + 10)
    for number, (title, _, plane, states, answers, points) in enumerate(portraits):
        left, top = (GUTTER, number * (SIDE + 60)) if stacked else (GUTTER + number * (SIDE + 60), 0)
        box = Box(left, top + TITLE_HEIGHT + 2, min(SIDE, 380 - GUTTER - 6) if stacked else SIDE, SIDE)
        _portrait(canvas, box, title, plane, states, answers, points)
    return canvas


def _portrait(
    canvas: Canvas,
    box: Box,
    title: str,
    plane: Plane,
    states: np.ndarray,
    answers: np.ndarray,
    points: list[FixedPoint],
) -> None:
    theme = canvas.theme
    placed = plane(states)  # (T, B, 2)
    reach = 1.1 * max(1e-3, float(np.abs(placed).max()))
    axis: dict[str, Any] = {"range": [-reach, reach], "nticks": 5, "zeroline": False}
    small = {"font": {"size": 11}, "standoff": 2}
    shares = f"{plane.share:.0%} of the variance"
    panel = canvas.panel(
        box,
        f"<b>{title}</b> {canvas.muted(shares)}",
        x=axis | {"title": small | {"text": "first principal component"}},
        y=axis | {"title": small | {"text": "second"}},
    )
    for sequence in range(min(PATHS, placed.shape[1])):
        canvas.trace(
            panel, type="scatter", mode="lines", hoverinfo="skip", line={"color": theme.grid, "width": 1.2},
            x=placed[:, sequence, 0].astype(np.float32), y=placed[:, sequence, 1].astype(np.float32),
        )  # fmt: skip
    for wanted, color, says in ((False, theme.negative, "even"), (True, theme.positive, "odd")):
        here = placed[answers == wanted].astype(np.float32)
        canvas.trace(
            panel, type="scatter", mode="markers", x=here[:, 0].copy(), y=here[:, 1].copy(),
            marker={"color": color, "size": 4, "opacity": 0.6}, hovertemplate=f"{says} so far<extra></extra>",
        )  # fmt: skip
    for stable, symbol in ((True, "circle"), (False, "circle-open")):
        chosen = [point for point in points if (point.unstable_directions == 0) == stable]
        if chosen:
            at = plane(np.stack([point.state for point in chosen])).astype(np.float32)
            largest = [f"{abs(point.eigenvalues[0]):.2f}" for point in chosen]
            canvas.trace(
                panel, type="scatter", mode="markers", x=at[:, 0].copy(), y=at[:, 1].copy(), text=largest,
                marker={"color": theme.ink, "size": 12, "symbol": symbol, "line": {"width": 2}},
                hovertemplate=f"{'stable' if stable else 'unstable'} fixed point, largest |λ| %{{text}}<extra></extra>",
            )  # fmt: skip
