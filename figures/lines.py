"""Lines over many decades, that end where they are no longer known."""

from __future__ import annotations

from typing import Any

import numpy as np

from figures.canvas import Canvas, Label, Panel

MOST = 30.0  # decades on either side of 1 that are told apart; no axis goes so far


def until_lost(x: np.ndarray, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n,) and (n,) float32 of 10^logs; from where that is NaN the line stays at the last point known.

    A line that is not known at all is put where no axis reaches. Zero (−∞) and what is infinite end at ±MOST.
    """
    known = np.isfinite(logs) | np.isinf(logs)
    last = int(np.flatnonzero(known)[-1]) if known.any() else 0
    places = np.where(known, np.arange(len(logs)), last)
    y = np.where(known.any(), 10.0 ** np.clip(np.nan_to_num(logs[places], nan=-MOST), -MOST, MOST), 10**-MOST)
    return x[places].astype(np.float32), y.astype(np.float32)


def label_end(label: Label, x: np.ndarray, y: np.ndarray, low: float, high: float) -> None:
    """Put `label` at the right end of a line on a log axis from 10^low to 10^high, inside of it."""
    margin = 0.07 * (high - low)
    label.x, label.y = float(x[-1]), float(np.clip(y[-1], 10 ** (low + margin), 10 ** (high - margin)))


def keep_apart(labels: list[Label], panel: Panel, low: float, high: float, log: bool, gap: float = 13) -> None:
    """Shift labels at the ends of lines of one panel so that each has `gap` pixels."""
    taken: list[float] = []
    pixels = panel.box.height / (high - low)
    for label in sorted((each for each in labels if each.html), key=lambda each: -each.y):
        value = np.log10(max(label.y, 1e-300)) if log else label.y
        place = (high - value) * pixels
        free = place
        while any(abs(free - other) < gap for other in taken):
            free += 1
        room = panel.box.height - 4
        if free > room:
            free = place
            while any(abs(free - other) < gap for other in taken):
                free -= 1
        label.shift = float(free - place)
        taken.append(float(free))


def add_line(canvas: Canvas, panel: Panel, color: str, dash: str, width: float, hover: str) -> dict[str, Any]:
    """An empty line."""
    return canvas.trace(
        panel, type="scatter", mode="lines", line={"color": color, "width": width, "dash": dash},
        x=np.zeros(2, np.float32), y=np.full(2, 10**-MOST, np.float32), hovertemplate=f"{hover}<extra></extra>",
    )  # fmt: skip
