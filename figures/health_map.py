"""The map of vanishing, healthy and exploding gradients, over spectral radius × sequence length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.analysis.health import DECADES, Health, Spot, health_of
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.look import Look
from figures.palette import Color, Colorscale, Theme, mix

FULL = 8.0  # decades beyond the threshold at which the colour is full
ROW = 30  # pixels
WORDS: dict[str, Any] = {"font": {"size": 11}, "standoff": 4}


def health_canvas(
    look: Look, radii: Sequence[float], lengths: Sequence[int], spots: Sequence[Spot], chosen: Spot | None = None
) -> Canvas:
    """The map of `spots`, row by row as `engine.analysis.health.grid` gives them; blank where not measured yet."""
    width, height = (380 if look.narrow else 760), ROW * len(lengths)
    canvas = Canvas(look.theme, width, height + TITLE_HEIGHT + 44)
    theme = look.theme
    within = "" if look.narrow else f", within a factor of {10**DECADES:g}"
    key = (
        f"{canvas.swatch(theme.negative)} vanishing &nbsp;{canvas.swatch(_healthy(theme))} healthy{within} "
        f"&nbsp;{canvas.swatch(theme.positive)} exploding"
    )
    head = "" if look.narrow else "‖∂s<sub>T</sub>/∂s<sub>1</sub>‖ "
    panel = canvas.panel(
        Box(GUTTER + 8, TITLE_HEIGHT + 4, width - GUTTER - 12, height),
        f"<b>What arrives</b> {head}{canvas.muted(key)}",
        x={"type": "category", "title": WORDS | {"text": "spectral radius of U at the start"}},
        y={"type": "category", "title": WORDS | {"text": "length T"}},
    )
    heatmap = canvas.heatmap(
        panel, _scale(theme), -2.0, 3.0, xgap=2, ygap=2, textfont={"size": 12},
        hovertemplate="spectral radius %{x}, T = %{y}: %{text}<extra></extra>",
    )  # fmt: skip
    shape = (len(lengths), len(radii))
    heatmap["x"], heatmap["y"] = [f"{radius:g}" for radius in radii], [str(length) for length in lengths]
    heatmap["z"] = np.array([color_of(spot.decades) for spot in spots], np.float32).reshape(shape)
    heatmap["text"] = [
        [size_of(spot.decades) for spot in spots[at : at + len(radii)]] for at in range(0, len(spots), len(radii))
    ]
    if not look.narrow:
        heatmap["texttemplate"] = "%{text}"
    if chosen is not None:
        canvas.trace(
            panel, type="scatter", mode="markers", hoverinfo="skip", x=[f"{chosen.experiment.spectral_radius:g}"],
            y=[str(chosen.experiment.length)],
            marker={"symbol": "square-open", "size": ROW - 4, "color": theme.ink, "line": {"width": 2}},
        )  # fmt: skip
    return canvas


def color_of(decades: float | None) -> float:
    """Place on the colour scale: −2…−1 vanishing, 0 healthy, 1…2 exploding, 3 no number; NaN if not measured."""
    if decades is None:
        return math.nan
    if math.isnan(decades):
        return 3.0
    if health_of(decades) is Health.HEALTHY:
        return 0.0
    return math.copysign(1 + min(1.0, (abs(decades) - DECADES) / FULL), decades)


def size_of(decades: float | None) -> str:
    """A digit times a power of ten, in the few tags that Plotly knows."""
    if decades is None:
        return ""
    if not math.isfinite(decades):
        return "?" if math.isnan(decades) else "0" if decades < 0 else "∞"
    digit, exponent = f"{10 ** (decades % 1):.0e}".split("e")
    return f"{digit}·10<sup>{math.floor(decades) + int(exponent)}</sup>".replace("-", "−")


def _healthy(theme: Theme) -> Color:
    return mix(theme.background, theme.ink, 0.14)


def _scale(theme: Theme) -> Colorscale:
    """Colours from −2 to 3, see `color_of`."""
    stops = (
        (-2.0, theme.negative), (-1.0, mix(theme.background, theme.negative, 0.35)),
        (-0.9, _healthy(theme)), (0.9, _healthy(theme)),
        (1.0, mix(theme.background, theme.positive, 0.35)), (2.0, theme.positive), (2.1, theme.alarm),
        (3.0, theme.alarm),
    )  # fmt: skip
    return [[(place + 2) / 5, color] for place, color in stops]
