"""A canvas of panels placed to the pixel: the vocabulary that the figures of the app are written in.

A `Canvas` gathers panels (axes with a title above), traces and labels. What never changes in a run is stated
once; then only arrays in the traces and words in the labels are exchanged, frame by frame. The browser draws
such a frame ten times as fast as a new figure, as long as `Canvas.version` stays the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.palette import Theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

TITLE_HEIGHT = 17  # pixels above a panel
GUTTER = 44  # pixels for tick labels left of a panel
_NUMBERS = count(1)
FONT = "Source Sans, Source Sans Pro, sans-serif"


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; y runs downwards from the top of the canvas."""

    left: float
    top: float
    width: float
    height: float


@dataclass
class Label:
    """Words at a fixed place on the canvas, or beside a point of the data.

    Attributes:
        html: the words, in the few tags that Plotly also knows (b, i, sub, sup, br, span).
        x: share of the canvas' width, or a value on the x axis `axis`.
        y: pixels from the top, or a value on the y axis `axis`.
        axis: None for a place on the canvas; else the number of the pair of axes.
        size: of the font in pixels.
        color: of the words.
        shift: pixels downwards, for labels that would cover each other.
    """

    html: str
    x: float
    y: float
    axis: str | None
    size: int
    color: str
    shift: float = 0.0


@dataclass(frozen=True)
class Panel:
    """A pair of axes and the number of the annotation that is its title."""

    box: Box
    axis: str  # "" for the first pair of axes, "2" for the second …
    title: Label


class Canvas:
    """A figure under construction.

    Attributes:
        theme: the colours.
        width, height: nominal size in pixels; horizontally the figure stretches.
        data: Plotly traces.
        layout: the Plotly layout; change it by `set_axis` once the figure is drawn.
        labels: words on the canvas, titles of panels among them.
        number: of this canvas; no other has the same.
        version: another number, another layout.
    """

    def __init__(self, theme: Theme, width: int, height: int) -> None:
        self.theme = theme
        self.width = width
        self.height = height
        self.data: list[dict[str, Any]] = []
        self.labels: list[Label] = []
        self.number = next(_NUMBERS)
        self.version = 0
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
            "modebar": {"bgcolor": theme.background, "color": theme.muted, "activecolor": theme.ink},
            "annotations": [],
            "shapes": [],
        }
        self._axes = 0
        self._time_axis: str | None = None

    def figure(self) -> go.Figure:
        """The canvas as it stands, as a figure of its own, with its labels as annotations."""
        import plotly.graph_objects as go  # takes half a second, and the live chart does without it

        layout = dict(self.layout)
        layout["annotations"] = [*layout["annotations"], *(self._annotation(label) for label in self.labels)]
        return go.Figure({"data": self.data, "layout": layout})

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
        across = {"domain": [self._x(box.left), self._x(box.left + box.width)], "anchor": f"y{axis}"}
        upwards = {"domain": [self._y(box.top + box.height), self._y(box.top)], "anchor": f"x{axis}"}
        self.layout[f"xaxis{axis}"] = plain | across | x
        self.layout[f"yaxis{axis}"] = plain | upwards | y
        return Panel(box, axis, self.text(box.left, box.top - TITLE_HEIGHT + 1, title))

    def time_axis(self, length: int, last: bool) -> dict[str, Any]:
        """The x axis of a panel over time steps 1…`length`; all such panels of a canvas are zoomed together.

        Args:
            last: whether it is the lowest of its column, which has the numbers.
        """
        axis: dict[str, Any] = {"range": [0.5, length + 0.5], "showticklabels": last, "nticks": 8}
        if self._time_axis is None:
            self._time_axis = f"x{self._axes + 1 if self._axes else ''}"
        else:
            axis["matches"] = self._time_axis
        if last:
            axis["title"] = {"text": "time step t", "font": {"size": 11}, "standoff": 2}
        return axis

    def trace(self, panel: Panel, **trace: Any) -> dict[str, Any]:
        """Add a trace to `panel`; the dictionary returned is the one in the figure."""
        added = {"xaxis": f"x{panel.axis}", "yaxis": f"y{panel.axis}"} | trace
        self.data.append(added)
        return added

    def heatmap(
        self, panel: Panel, colorscale: list[list[float | str]], low: float, high: float, **more: Any
    ) -> dict[str, Any]:
        """Add a heatmap with a fixed colour range."""
        return self.trace(
            panel,
            type="heatmap",
            z=np.zeros((1, 1), np.float32),
            x=np.zeros(1, np.float32),
            y=np.zeros(1, np.float32),
            colorscale=colorscale,
            zmin=low,
            zmax=high,
            zauto=False,
            showscale=False,
            hoverongaps=False,
            **more,
        )

    def text(self, left: float, top: float, html: str, size: int = 12, color: str | None = None) -> Label:
        """Put a line of text at a place in pixels."""
        label = Label(html, self._x(left), top, None, size, color or self.theme.ink)
        self.labels.append(label)
        return label

    def label_at(self, panel: Panel, html: str, color: str) -> Label:
        """Put a label beside a point of `panel`'s data; set its x and y later."""
        label = Label(html, 0.0, 1.0, panel.axis, 12, color)
        self.labels.append(label)
        return label

    def set_axis(self, name: str, **settings: Any) -> None:
        """Change settings of the axis called `name` ("xaxis3"), if they are new."""
        axis = self.layout[name]
        if any(axis.get(key) != value for key, value in settings.items()):
            axis.update(settings)
            self.version += 1

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

    def _annotation(self, label: Label) -> dict[str, Any]:
        common = {
            "text": label.html,
            "showarrow": False,
            "borderpad": 0,
            "align": "left",
            "xanchor": "left",
            "font": {"size": label.size, "color": label.color},
        }
        if label.axis is None:
            return common | {"x": label.x, "y": self._y(label.y), "xref": "paper", "yref": "paper", "yanchor": "top"}
        y = math.log10(max(label.y, 1e-300)) if self.layout[f"yaxis{label.axis}"].get("type") == "log" else label.y
        return common | {
            "x": label.x,
            "y": y,
            "xref": f"x{label.axis}",
            "yref": f"y{label.axis}",
            "xshift": 6,
            "yshift": -label.shift,
            "yanchor": "middle",
        }
