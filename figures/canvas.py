"""A canvas of panels placed to the pixel: the vocabulary that the figures of the app are written in.

A `Canvas` gathers panels (axes with a title above) and traces. What never changes in a run is stated once;
`Canvas.spec` then is a plain Plotly figure, and the arrays in its traces can be exchanged frame by frame
without building anything anew, which is forty times faster than making the figure again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from figures.palette import Theme

TITLE_HEIGHT = 17  # pixels above a panel
FONT = "Source Sans, Source Sans Pro, sans-serif"


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; y runs downwards from the top of the canvas."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Panel:
    """A pair of axes and the number of the annotation that is its title."""

    box: Box
    axis: str  # "" for the first pair of axes, "2" for the second …
    title: int


class Canvas:
    """A figure under construction.

    Attributes:
        theme: the colours.
        width, height: nominal size in pixels; horizontally the figure stretches.
        data: Plotly traces.
        layout: the Plotly layout.
    """

    def __init__(self, theme: Theme, width: int, height: int) -> None:
        self.theme = theme
        self.width = width
        self.height = height
        self.data: list[dict[str, Any]] = []
        self.layout: dict[str, Any] = {
            "height": height,
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": theme.background,
            "font": {"family": FONT, "size": 11, "color": theme.muted},
            "hoverlabel": {"font": {"family": FONT, "size": 13}},
            "hovermode": "closest",
            "showlegend": False,
            "dragmode": "zoom",
            "annotations": [],
            "shapes": [],
        }
        self._axes = 0

    @property
    def spec(self) -> dict[str, Any]:
        """The figure as Plotly's plain data and layout, with NumPy arrays in it."""
        return {"data": self.data, "layout": self.layout}

    def panel(self, box: Box, title: str, x: dict[str, Any], y: dict[str, Any]) -> Panel:
        """Add a pair of axes at `box` with a title above; `x` and `y` override how they look."""
        self._axes += 1
        axis = "" if self._axes == 1 else str(self._axes)
        plain = {
            "showgrid": False,
            "zeroline": False,
            "showline": True,
            "linecolor": self.theme.grid,
            "ticks": "",
            "tickfont": {"size": 10},
            "mirror": True,
        }
        self.layout[f"xaxis{axis}"] = plain | {
            "domain": [self._x(box.left), self._x(box.left + box.width)],
            "anchor": f"y{axis}",
        } | x
        self.layout[f"yaxis{axis}"] = plain | {
            "domain": [self._y(box.top + box.height), self._y(box.top)],
            "anchor": f"x{axis}",
        } | y
        return Panel(box, axis, self.text(box.left, box.top - TITLE_HEIGHT + 1, title))

    def trace(self, panel: Panel, **trace: Any) -> dict[str, Any]:
        """Add a trace to `panel`; the dictionary returned is the one in the figure."""
        added = {"xaxis": f"x{panel.axis}", "yaxis": f"y{panel.axis}"} | trace
        self.data.append(added)
        return added

    def heatmap(self, panel: Panel, colorscale: list[list[float | str]], low: float, high: float, **more: Any) -> dict[str, Any]:
        """Add a heatmap with a fixed colour range."""
        return self.trace(
            panel,
            type="heatmap",
            z=np.zeros((1, 1), np.float32),
            colorscale=colorscale,
            zmin=low,
            zmax=high,
            zauto=False,
            showscale=False,
            hoverongaps=False,
            **more,
        )

    def text(self, left: float, top: float, text: str, **more: Any) -> int:
        """Put a line of text at a place in pixels; returns the number of its annotation."""
        annotation = {
            "text": text,
            "x": self._x(left),
            "y": self._y(top),
            "xref": "paper",
            "yref": "paper",
            "xanchor": "left",
            "yanchor": "top",
            "showarrow": False,
            "align": "left",
            "borderpad": 0,
            "font": {"size": 12, "color": self.theme.ink},
        }
        self.layout["annotations"].append(annotation | more)
        return len(self.layout["annotations"]) - 1

    def set_text(self, number: int, text: str) -> None:
        """Change the text of annotation `number`."""
        self.layout["annotations"][number]["text"] = text

    def muted(self, text: str) -> str:
        """`text` in the colour of secondary text."""
        return f"<span style='color:{self.theme.muted}'>{text}</span>"

    def swatch(self, color: str) -> str:
        """A small square of `color`, for a legend inside a line of text."""
        return f"<span style='color:{color}'>■</span>"

    def _x(self, left: float) -> float:
        return min(1.0, max(0.0, left / self.width))

    def _y(self, top: float) -> float:
        return min(1.0, max(0.0, 1 - top / self.height))
