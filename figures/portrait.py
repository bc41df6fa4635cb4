"""A phase portrait: how states move in the plane of their two strongest principal components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.analysis.dynamics import FixedPoint, Plane
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.look import Look

SIDE, HIGH = 330, 190  # pixels: the plane, both ways; the eigenvalues below it
BETWEEN = 60
PATHS = 4


def portrait_canvas(
    look: Look, portraits: Sequence[tuple[str, str, Plane, np.ndarray, np.ndarray, list[FixedPoint]]]
) -> Canvas:
    """For each network its states in a plane, and below it the eigenvalues at its fixed points.

    Args:
        portraits: title, colour, plane, states (T, B, H), answers (T, B) bool, and fixed points.
    """
    stacked = look.narrow
    count = len(portraits)
    width = 380 if stacked else 44 + count * (SIDE + BETWEEN)
    column = SIDE + HIGH + 2 * BETWEEN
    canvas = Canvas(look.theme, width, column * (count if stacked else 1))
    for number, (title, _, plane, states, answers, points) in enumerate(portraits):
        left, top = (GUTTER, number * column) if stacked else (GUTTER + number * (SIDE + BETWEEN), 0)
        box = Box(left, top + TITLE_HEIGHT + 2, min(SIDE, 380 - GUTTER - 6) if stacked else SIDE, SIDE)
        _portrait(canvas, box, title, plane, states, answers, points)
        below = Box(left, box.top + SIDE + BETWEEN + 4, box.width, HIGH)
        _eigenvalues(canvas, below, points)
    return canvas


def _eigenvalues(canvas: Canvas, box: Box, points: list[FixedPoint]) -> None:
    """All eigenvalues of the step Jacobian at each fixed point, and the circle within which a direction shrinks."""
    values = {stable: np.concatenate([np.empty(0, complex), *(
        point.eigenvalues for point in points if (point.unstable_directions == 0) == stable)])
        for stable in (True, False)}  # fmt: skip
    reach = 1.12 * max([1.0, *(float(np.abs(each).max()) for each in values.values() if len(each))])
    small: dict[str, Any] = {"font": {"size": 11}, "standoff": 2}
    panel = canvas.panel(
        box,
        f"<b>Eigenvalues there</b> {canvas.muted('inside the circle: that direction shrinks')}",
        x={"range": [-reach, reach], "nticks": 7, "zeroline": False, "title": small | {"text": "real part"}},
        y={"range": [-reach, reach], "nticks": 5, "zeroline": False, "title": small | {"text": "imaginary"}},
    )
    canvas.layout[f"yaxis{panel.axis}"]["scaleanchor"] = f"x{panel.axis}"  # so that a circle is one
    turn = np.linspace(0, 2 * np.pi, 90, dtype=np.float32)
    canvas.trace(
        panel, type="scatter", mode="lines", hoverinfo="skip", x=np.cos(turn), y=np.sin(turn),
        line={"color": canvas.theme.muted, "width": 1, "dash": "dot"},
    )  # fmt: skip
    for stable, symbol in ((True, "circle"), (False, "circle-open")):
        canvas.trace(
            panel, type="scatter", mode="markers",
            x=values[stable].real.astype(np.float32), y=values[stable].imag.astype(np.float32),
            marker={"color": canvas.theme.ink, "size": 6, "symbol": symbol},
            hovertemplate=f"%{{x:.2f}} + %{{y:.2f}}i, {'' if stable else 'un'}stable point<extra></extra>",
        )  # fmt: skip


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
    marks = f"{canvas.swatch(theme.negative)} even {canvas.swatch(theme.positive)} odd so far"
    shares = f"{plane.share:.0%} of the variance · {marks}"
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
