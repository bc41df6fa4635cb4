"""What can be read out of the hidden state, lag by lag, as training goes on."""

from __future__ import annotations

import numpy as np

from engine.analysis.decoding import LAGS, decode
from engine.lane import Lane
from engine.runs import Run
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.column import Column, Row, height_of, rows_of
from figures.lanes import LaneStyle
from figures.look import Look
from figures.loss import LossPanel
from figures.training import BOTTOM, LOSS_HEIGHT, NARROW, WIDE

ROWS = 48
HIGH, BARS = 150, 110  # pixels of the heatmap, and of the bars above it


class DecodingFigure:
    """Loss and hidden state of a network, beside the lags that can be read out of it.

    Args:
        styles: the network, alone.
        look: the viewer's choice.
        delay: the lag that the task asks for.
    """

    def __init__(self, styles: tuple[LaneStyle, ...], look: Look, delay: int) -> None:
        (style,) = styles
        rows = rows_of(style, (Row.SEQUENCE, Row.HIDDEN))
        top, column = TITLE_HEIGHT + LOSS_HEIGHT + 24, height_of(rows) + 20
        half = NARROW if look.narrow else WIDE // 2 - 10
        left = 0 if look.narrow else WIDE // 2 + 10
        begin = top + column + BOTTOM + 20 if look.narrow else TITLE_HEIGHT
        height = begin + BARS + TITLE_HEIGHT + 10 + HIGH + BOTTOM + 4
        self.canvas = Canvas(look.theme, NARROW if look.narrow else WIDE, max(height, top + column + BOTTOM))
        self.canvas.layout["uirevision"] = "decoding"
        self._loss = LossPanel(self.canvas, Box(GUTTER, TITLE_HEIGHT, half - GUTTER - 8, LOSS_HEIGHT), styles)
        place = Box(0, top, half - 4, column)
        self._column = Column(self.canvas, look, style, rows, place, equation=False)
        self._add_lags(Box(left + GUTTER, begin, half - GUTTER - 4, BARS), style, delay)
        self._known: dict[int, np.ndarray] = {}  # training step → R² by lag; the experiment is always the same

    def show(self, run: Run) -> Canvas:
        """Fill in where `run` stands."""
        (lane,) = run.lanes
        horizon = _horizon_of(run)
        self._loss.show([lane], horizon)
        self._column.show(lane, horizon)
        steps = self._decode(run, lane)
        now = self._known[lane.step].astype(np.float32)
        self._bars["y"] = now
        grid = np.linspace(0, horizon, ROWS, dtype=np.float32)
        nearest = np.abs(grid[:, np.newaxis] - np.array(steps)).argmin(axis=1)
        shown = np.stack([self._known[steps[place]] for place in nearest])
        shown[grid > lane.step] = np.nan
        self._map["z"], self._map["y"] = shown.astype(np.float32), grid
        half = horizon / (ROWS - 1) / 2
        self.canvas.set_axis(f"yaxis{self._map['yaxis'][1:]}", range=[horizon + half, -half])
        says = f"memory capacity {now.sum():.1f}, untrained {self._known[0].sum():.1f}"
        self._title.html = f"<b>Read out of h<sub>t</sub></b> {self.canvas.muted(f'R² by lag · {says}')}"
        return self.canvas

    def _decode(self, run: Run, lane: Lane) -> list[int]:
        """Read out what is new in the run's film, and where `lane` stands; the training steps known until then."""
        stills = [still for still in (run.film.at(step, 0) for step in run.film.steps) if still is not None]
        states = [lane.chunk.state, *(still.state for still in stills if still.state.step < lane.step)]
        for state in states:
            if state.step not in self._known:
                self._known[state.step] = decode(lane.experiment, state.parameters).by_lag
        return sorted(step for step in self._known if step <= lane.step)

    def _add_lags(self, box: Box, style: LaneStyle, delay: int) -> None:
        canvas, theme = self.canvas, self.canvas.theme
        lags = np.arange(LAGS + 1, dtype=np.float32)
        small = {"font": {"size": 10}, "standoff": 2}
        across = {"range": [-0.5, LAGS + 0.5], "showticklabels": False, "dtick": 1}
        bars = canvas.panel(box, "", x=across, y={"range": [0, 1.05], "nticks": 3, "title": small | {"text": "R²"}})
        self._title = bars.title
        colors = [style.hue if lag == delay else theme.muted for lag in range(LAGS + 1)]
        self._bars = canvas.trace(
            bars, type="bar", x=lags, y=np.zeros(LAGS + 1, np.float32), marker={"color": colors}, width=0.8,
            hovertemplate="bit of %{x} steps ago: R² %{y:.3f}<extra></extra>",
        )  # fmt: skip
        below = Box(box.left, box.top + box.height + TITLE_HEIGHT + 6, box.width, HIGH)
        words = canvas.muted(f"R² 0 {canvas.swatch(theme.background)} … 1 {canvas.swatch(style.hue)}")
        panel = canvas.panel(
            below,
            f"<b>The same as training goes on</b> ↓ &nbsp;{words}",
            x=across | {"showticklabels": True, "title": small | {"text": "lag: steps ago"}},
            y={"range": [250, 0], "nticks": 4, "title": small | {"text": "training step"}},
        )
        self._map = canvas.heatmap(
            panel, theme.sequential(style.hue), 0, 1,
            hovertemplate="training step %{y:,}, %{x} steps ago: R² %{z:.2f}<extra></extra>",
        )  # fmt: skip
        self._map["x"] = lags


def _horizon_of(run: Run) -> int:
    """The training step at which the axes end: soon at first, for the read-outs change most in the first steps."""
    horizon = 64
    while horizon < run.step:
        horizon *= 2
    return horizon
