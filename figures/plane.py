"""A run whose states are looked at in a plane: loss and hidden states beside the plane, its basins and paths."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.analysis.attractors import MOVES, Basins, basins, path_from, signs
from engine.runs import Run
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.column import Column, Row, height_of, rows_of
from figures.lanes import LaneStyle
from figures.look import Look
from figures.loss import LossPanel
from figures.palette import mix
from figures.training import BOTTOM, LOSS_HEIGHT, NARROW, WIDE, horizon_of

PLANE = 340  # pixels, both ways
PATH_STEPS = 60


class PlaneFigure:
    """The figure for one network, laid out once and then filled frame by frame.

    Args:
        styles: the network, alone.
        look: the viewer's choice.
        start: a point of the plane from which a path is drawn.
        push: how far all units are pushed once they are at rest; 0 for no push.
        targets: (n, 2) the points that the task wants.
    """

    def __init__(
        self,
        styles: tuple[LaneStyle, ...],
        look: Look,
        targets: np.ndarray,
        start: tuple[float, float] | None = None,
        push: float = 0.0,
    ) -> None:
        (style,) = styles
        self._experiment = style.experiment
        self._start, self._push = start, push
        rows = rows_of(style, (Row.HIDDEN, Row.REACH))
        top = TITLE_HEIGHT + LOSS_HEIGHT + 24
        column_height = height_of(rows) + 40
        left_width = NARROW if look.narrow else WIDE - PLANE - 90
        plane_left, plane_top = (GUTTER, top + column_height + 60) if look.narrow else (WIDE - PLANE - 10, TITLE_HEIGHT)
        side = min(PLANE, NARROW - GUTTER - 10) if look.narrow else PLANE
        height = max(top + column_height + BOTTOM, plane_top + side + 34)
        self.canvas = Canvas(look.theme, NARROW if look.narrow else WIDE, height)
        self.canvas.layout["uirevision"] = style.experiment.task
        self._loss = LossPanel(self.canvas, Box(GUTTER, TITLE_HEIGHT, left_width - GUTTER - 8, LOSS_HEIGHT), styles)
        self._column = Column(
            self.canvas, look, style, rows, Box(0, top, left_width - 4, column_height), not look.narrow
        )
        self._add_plane(Box(plane_left, plane_top, side, side), style, targets)

    def show(self, run: Run) -> Canvas:
        """Fill in where `run` stands."""
        (lane,) = run.lanes
        horizon = horizon_of(run)
        self._loss.show([lane], horizon)
        self._column.show(lane, horizon)
        parameters = lane.chunk.state.parameters
        with np.errstate(all="ignore"):
            self._show_basins(basins(self._experiment, parameters))
            self._show_paths(parameters, lane.recording.inputs[0])
        return self.canvas

    def _add_plane(self, box: Box, style: LaneStyle, targets: np.ndarray) -> None:
        canvas, theme = self.canvas, self.canvas.theme
        axis = {"range": [-1.08, 1.08], "tickvals": [-1, -0.5, 0, 0.5, 1], "showticklabels": True}
        title: dict[str, Any] = {"font": {"size": 11}, "standoff": 2}
        self._plane = canvas.panel(
            box,
            "",
            x=axis | {"title": title | {"text": "first unit"}},
            y=axis | {"title": title | {"text": "second unit"}},
        )
        hues = [style.hue, theme.positive, theme.negative, theme.muted, *theme.other_lanes]
        self._hues = [mix(theme.background, hue, 0.28) for hue in hues]
        edges: list[list[float | str]] = [
            [edge / len(self._hues), color] for number, color in enumerate(self._hues) for edge in (number, number + 1)
        ]
        self._basins = canvas.heatmap(
            self._plane, edges, 0, len(self._hues),
            hovertemplate="from (%{x:.2f}, %{y:.2f})<br>click to start there<extra></extra>",
        )  # fmt: skip
        self._ends = canvas.trace(
            self._plane, type="scatter", mode="markers", hovertemplate="ends at (%{x:.2f}, %{y:.2f})<extra></extra>",
            marker={"color": theme.ink, "size": 9, "symbol": "circle"}, cliponaxis=False,
        )  # fmt: skip
        canvas.trace(
            self._plane, type="scatter", mode="markers" if len(targets) < 9 else "lines", hoverinfo="skip",
            x=targets[:, 0].astype(np.float32), y=targets[:, 1].astype(np.float32),
            marker={"color": theme.ink, "size": 17, "symbol": "circle-open", "line": {"width": 1}},
            line={"color": theme.muted, "width": 1, "dash": "dot"},
        )  # fmt: skip
        self._paths = [
            canvas.trace(
                self._plane, type="scatter", mode="lines", hoverinfo="skip", line={"color": theme.ink, "width": width}
            )
            for width in (1, 1, 1, 1, 2.5)
        ]
        self._starts = canvas.trace(
            self._plane, type="scatter", mode="markers", hovertemplate="starts here<extra></extra>",
            marker={"color": theme.background, "size": 6, "line": {"color": theme.ink, "width": 1.5}},
        )  # fmt: skip

    def _show_basins(self, found: Basins) -> None:
        place = found.place.astype(np.float32) + 0.5
        place[found.place == MOVES] = np.nan
        axis = found.axis.astype(np.float32)
        self._basins["z"], self._basins["x"], self._basins["y"] = np.minimum(place, len(self._hues) - 0.5), axis, axis
        # a fixed number of points, so that the browser can move them instead of drawing anew
        ends = np.full((9, 2), np.nan, np.float32)
        ends[: min(9, len(found.places))] = found.places[:9]
        self._ends["x"], self._ends["y"] = ends[:, 0].copy(), ends[:, 1].copy()
        count = len(found.places)
        says = f"{count} basin{'' if count == 1 else 's'}"
        moving = f" · {found.moving:.0%} of the plane never comes to rest" if found.moving else ""
        self._plane.title.html = f"<b>Where states end</b> {self.canvas.muted(says + moving)}"

    def _show_paths(self, parameters: Any, starts: np.ndarray) -> None:
        points = np.concatenate([starts[:, :2], np.array([self._start or (np.nan, np.nan)])])
        push = None
        if self._push:
            push = self._push * signs((len(points), self._experiment.hidden_size))
        paths = path_from(self._experiment, parameters, points, PATH_STEPS, push).astype(np.float32)
        if push is None:
            paths = np.concatenate([points[np.newaxis].astype(np.float32), paths])
        self._starts["x"], self._starts["y"] = paths[0, :, 0].copy(), paths[0, :, 1].copy()
        for number, trace in enumerate(self._paths):
            trace["x"], trace["y"] = paths[:, number, 0].copy(), paths[:, number, 1].copy()
