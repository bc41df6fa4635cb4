"""Signed numbers of all sizes in one heatmap: colour by sign and decade, and an alarm where there is no number."""

from __future__ import annotations

from typing import Any

import numpy as np

from figures.canvas import Canvas, Panel
from figures.palette import Colorscale, Theme

FLOOR = -8  # decimal logarithm of what is as good as nothing
DECADES = 8.0  # above it, up to 1
ALARM = 10.0  # drawn for what is not a number


def symmetric_log(values: np.ndarray) -> np.ndarray:
    """sign(v) · (log₁₀|v| + 8), 0 below 10⁻⁸, at most ±DECADES; ALARM for what is not a finite number. float32."""
    with np.errstate(all="ignore"):
        decades = np.clip(np.log10(np.abs(values)) - FLOOR, 0, DECADES)
        return np.where(np.isfinite(values), np.sign(values) * decades, ALARM).astype(np.float32)


def normalised(values: np.ndarray) -> np.ndarray:
    """Rows (…, n) divided by their largest |value|, and 1.25 for what is not a finite number. float32."""
    with np.errstate(all="ignore"):
        finite = np.isfinite(values)
        largest = np.abs(np.where(finite, values, 0)).max(axis=-1, keepdims=True)
        return np.where(finite, values / np.where(largest > 0, largest, 1), ALARM / DECADES).astype(np.float32)


def alarmed(colors: Colorscale, theme: Theme) -> Colorscale:
    """A scale from −ALARM to ALARM that has the diverging `colors` up to DECADES, and the alarm beyond."""
    share = DECADES / ALARM
    inner: Colorscale = [[0.5 + (float(at) - 0.5) * share, color] for at, color in colors]
    edge = 0.5 + share / 2 + 0.02
    return [[0.0, colors[0][1]], *inner, [edge, theme.alarm], [1.0, theme.alarm]]


def signed_heatmap(canvas: Canvas, panel: Panel, reach: float, hover: str) -> dict[str, Any]:
    """A heatmap of values from −`reach` to `reach`, with an alarm at reach · ALARM ÷ DECADES."""
    limit = reach * ALARM / DECADES
    theme = canvas.theme
    return canvas.heatmap(panel, alarmed(theme.diverging, theme), -limit, limit, hovertemplate=hover)
