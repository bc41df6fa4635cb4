"""The playground's one figure: loss on top, and below it a column for each network.

`PlaygroundFigure(lanes, look)` lays it out; `show(views)` fills in a moment of training. Times run left to
right, training from top to bottom.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.cells import CELLS, Cell
from engine.cells.base import Panel as CellPanel
from engine.experiment import Experiment
from engine.parameters import parameter_count
from engine.runs import Lane, Run
from engine.tasks import task_of
from figures.canvas import TITLE_HEIGHT, Box, Canvas, Label, Panel
from figures.palette import LINE_STYLES, Theme
from figures.sequence import SequencePanel

WIDE, NARROW = 1080, 380  # nominal widths in pixels
GUTTER = 44  # pixels for tick labels left of a panel
ROOMY = 115  # pixels in which the full title of a gate fits
REACH_ROWS = 64
GRADIENT_RANGE = (-8.0, 2.0)  # decimal logarithm of ‖∂L/∂h_t‖ from “vanished” to “exploding”


@dataclass(frozen=True)
class Look:
    """How the viewer wants to see the run; none of it changes the run.

    Attributes:
        theme: the colours.
        narrow: True on a phone.
        sequence: which displayed sequence, from 0.
        layer: which recurrent layer, from 0.
        by_activity: units sorted by their mean |h|, most active on top; else by number.
    """

    theme: Theme
    narrow: bool = False
    sequence: int = 0
    layer: int = 0
    by_activity: bool = False


@dataclass(frozen=True)
class _Heights:
    """Pixels of each row of panels."""

    loss: int = 84
    head: int = 20
    sequence: int = 64
    hidden: int = 88
    gates: int = 82
    cell: int = 82
    gradient: int = 60
    reach: int = 90
    bottom: int = 30


class PlaygroundFigure:
    """The figure for a set of networks, laid out once and then filled frame by frame.

    Args:
        experiments: one a lane, on the same task.
        look: the viewer's choice.
    """

    def __init__(self, experiments: tuple[Experiment, ...], look: Look) -> None:
        self.experiments = experiments
        self.look = look
        self.task = task_of(experiments[0])
        self.chance = self.task.chance(experiments[0].length)
        heights = _Heights()
        extra = {each.cell: _extra_rows(CELLS[each.cell], heights) for each in experiments}
        below = max(sum(heights_of) + TITLE_HEIGHT * len(heights_of) for heights_of in extra.values())
        top = TITLE_HEIGHT + heights.loss + 24
        fixed = heights.head + heights.sequence + heights.hidden + heights.gradient + heights.reach + 4 * TITLE_HEIGHT
        self.canvas = Canvas(look.theme, NARROW if look.narrow else WIDE, top + fixed + below + heights.bottom)
        self.canvas.layout["uirevision"] = repr((experiments[0].task, experiments[0].length, len(experiments)))
        self._lay_out_loss(Box(GUTTER, TITLE_HEIGHT, self.canvas.width - GUTTER - 8, heights.loss))
        gap = 18
        width = (self.canvas.width - gap * (len(experiments) - 1)) / len(experiments)
        self.columns = []
        for number, experiment in enumerate(experiments):
            rows = extra[experiment.cell]
            spare = below - sum(rows) - TITLE_HEIGHT * len(rows)  # a cell with less to show has larger hidden states
            place = Box(number * (width + gap), top, width - 4, 0)
            self.columns.append(_Column(self, experiment, place, replace(heights, hidden=heights.hidden + spare)))

    def show(self, run: Run) -> Canvas:
        """Fill in where `run` stands."""
        lanes = [lane for lane in run.lanes if lane.experiment.cell in {each.cell for each in self.experiments}]
        horizon = _horizon(max(lane.step for lane in run.lanes), run.lanes[0].experiment.steps)
        self._show_loss(lanes, horizon)
        for column, lane in zip(self.columns, lanes, strict=True):
            column.show(lane, horizon)
        return self.canvas

    def _lay_out_loss(self, box: Box) -> None:
        canvas, theme = self.canvas, self.look.theme
        self._loss = canvas.panel(
            box,
            f"<b>Loss</b> {canvas.muted(f'{self.task.loss}, log · by training step')}",
            x={"range": [0, 250], "nticks": 8, "showgrid": False},
            y={"type": "log", "dtick": 1, "exponentformat": "power", "showgrid": True, "gridcolor": theme.grid,
               "title": {"text": "loss", "font": {"size": 10}, "standoff": 2}},
        )  # fmt: skip
        self._level(self.chance.loss, f"{self.chance.name} {self.chance.loss:.3g}", "top")
        metric = self.task.metric
        if not metric.is_share and metric.solved is not None:
            self._level(metric.solved, f"solved {metric.solved:g}", "bottom")
        self._lines: dict[str, tuple[dict[str, Any], dict[str, Any], Label]] = {}
        for experiment in self.experiments:
            hue, title = theme.hue(experiment.cell), CELLS[experiment.cell].title
            line = canvas.trace(
                self._loss,
                type="scatter",
                mode="lines",
                line={"color": hue, "width": 2, "dash": LINE_STYLES.get(experiment.cell, "solid")},
                hovertemplate=f"{title}, step %{{x:,}}: loss %{{y:.4g}}<extra></extra>",
            )
            end = canvas.trace(
                self._loss, type="scatter", mode="markers", marker={"color": hue, "size": 7}, hoverinfo="skip",
                cliponaxis=False,
            )  # fmt: skip
            self._lines[experiment.cell] = (line, end, canvas.label_at(self._loss, f"<b>{title}</b>", hue))

    def _level(self, value: float, says: str, side: str) -> None:
        """A dashed line across the loss panel at `value`, with its words at the right end."""
        theme = self.look.theme
        self.canvas.layout["shapes"].append(
            {"type": "line", "xref": "paper", "x0": GUTTER / self.canvas.width, "x1": 1 - 12 / self.canvas.width,
             "yref": "y", "y0": value, "y1": value, "line": {"color": theme.muted, "width": 1, "dash": "dash"},
             "layer": "below"}
        )  # fmt: skip
        self.canvas.layout["annotations"].append(
            {"text": says, "xref": "paper", "x": 1 - 14 / self.canvas.width, "xanchor": "right", "yref": "y",
             "y": float(np.log10(value)), "yanchor": side if side == "bottom" else "bottom", "showarrow": False,
             "font": {"size": 11, "color": theme.muted}}
        )  # fmt: skip

    def _show_loss(self, lanes: list[Lane], horizon: int) -> None:
        low, high = self.chance.loss / 60, self.chance.loss * 2.5
        if self.task.metric.solved is not None and not self.task.metric.is_share:
            low = min(low, self.task.metric.solved / 2)
        for lane in lanes:
            line, end, label = self._lines[lane.experiment.cell]
            steps, losses = lane.losses.curve()
            line["x"], line["y"] = steps, losses
            end["x"], end["y"] = steps[-1:], losses[-1:]
            label.x, label.y = (float(steps[-1]), float(losses[-1])) if len(losses) else (0.0, self.chance.loss)
            label.html = f"<b>{CELLS[lane.experiment.cell].title}</b>" if len(losses) else ""
            if len(losses):
                low = min(low, float(losses.min()) / 1.5)
                high = max(high, min(1e12, float(np.nanmax(losses)) * 1.5))
        bounds = [_floor_half(np.log10(low)), -_floor_half(-np.log10(high))]
        self.canvas.set_axis("yaxis", range=bounds)
        self.canvas.set_axis("xaxis", range=[0, horizon * 1.06])
        self._keep_apart([self._lines[lane.experiment.cell][2] for lane in lanes], bounds, horizon)

    def _keep_apart(self, labels: list[Label], bounds: list[float], horizon: int) -> None:
        """Shift labels that would cover each other."""
        pixels = self._loss.box.height / (bounds[1] - bounds[0])
        taken: list[tuple[float, float]] = []
        for label in sorted(labels, key=lambda each: -each.y):
            place = -np.log10(max(label.y, 1e-30)) * pixels
            beside = [low for x, low in taken if abs(x - label.x) < 0.06 * horizon]
            label.shift = max([0.0, *(low + 13 - place for low in beside)])
            taken.append((label.x, place + label.shift))


def _extra_rows(cell: Cell[Any], heights: _Heights) -> list[int]:
    """Heights of the rows that only some cells have: gates side by side, and each further state."""
    gates = [heights.gates] if any(panel.is_gate for panel in cell.panels) else []
    return gates + [heights.cell for panel in cell.panels if not panel.is_gate]


class _Column:
    """The panels of one network."""

    def __init__(self, figure: PlaygroundFigure, experiment: Experiment, box: Box, heights: _Heights) -> None:
        self.figure = figure
        self.canvas = figure.canvas
        self.look = figure.look
        self.cell: Cell[Any] = CELLS[experiment.cell]
        self.hue = self.look.theme.hue(self.cell.name)
        self.experiment = experiment
        self._box = box
        self._y = box.top
        self._maps: list[tuple[str, dict[str, Any], Panel]] = []
        self._head = self.canvas.text(box.left + GUTTER, box.top, "", size=15, color=self.hue)
        self._y += heights.head
        self.sequence = SequencePanel(self.canvas, self._row(heights.sequence), figure.task, experiment, self.hue)
        self._first_axis = self.sequence.panel.axis
        theme, muted = self.look.theme, self.canvas.muted
        bounded = self.cell.name != "rnn" or experiment.activation == "tanh"
        signed, unbounded = (
            muted(f"{self.canvas.swatch(theme.negative)} {low}−1 &nbsp;{self.canvas.swatch(theme.positive)} {high}+1")
            for low, high in (("", ""), ("≤ ", "≥ "))
        )
        of_layer = f" of layer {self.look.layer + 1}" if experiment.layers > 1 else ""
        title = f"<b>Hidden state</b> h<sub>t</sub>{of_layer} &nbsp;{signed if bounded else unbounded}"
        self._add_map(self._row(heights.hidden), "hidden_state", title, False)
        gates = [panel for panel in self.cell.panels if panel.is_gate]
        if gates:
            self._add_gates(self._row(heights.gates), gates)
        for panel in self.cell.panels:
            if not panel.is_gate:
                title = f"<b>{panel.title}</b> {panel.symbol}<sub>t</sub> &nbsp;{unbounded}"
                self._add_map(self._row(heights.cell), panel.field, title, False)
        self._gradient_now = self._add_gradient_now(self._row(heights.gradient))
        self._reach = self._add_reach(self._row(heights.reach))

    def show(self, lane: Lane, horizon: int) -> None:
        """Fill in where `lane` stands."""
        recording, look = lane.recording, self.look
        trace = recording.layers[min(look.layer, len(recording.layers) - 1)]
        layer, sequence = min(look.layer, len(recording.layers) - 1), look.sequence
        count = parameter_count(lane.chunk.state.parameters)
        equation = "" if look.narrow or len(self.figure.experiments) > 2 else f" · {self.cell.equations[0]}"
        small = self.canvas.muted(f"{count:,} parameters{equation}")
        self._head.html = f"<b>{self.cell.title}</b> <span style='font-size:12px'>{small}</span>"
        self.sequence.show(recording, sequence)
        order = _unit_order(trace.hidden_state[:, sequence], look.by_activity)
        units = [str(number + 1) for number in order]
        steps = np.arange(1, recording.batch.length + 1, dtype=np.float32)
        for field, heatmap, panel in self._maps:
            values = getattr(trace, field)[:, sequence]  # (T, H)
            heatmap["z"], heatmap["x"], heatmap["y"] = np.ascontiguousarray(values.T[order]), steps, units
            self.canvas.set_axis(f"yaxis{panel.axis}", categoryarray=units)
        self._gradient_now["x"] = steps
        now = np.maximum(lane.gradients.latest(layer, sequence), np.float32(1e-40))
        self._gradient_now["y"] = now
        shrinks = np.log10(now[0]) - np.log10(now[-1])
        ratio = self.canvas.muted(f"log · first ÷ last = 10<sup>{_signed(shrinks)}</sup>")
        self._now_title.html = f"<b>Gradient now</b> ‖∂L/∂h<sub>t</sub>‖ {ratio}"
        rows = np.linspace(0, horizon, REACH_ROWS, dtype=np.float32)
        with np.errstate(divide="ignore"):
            logs = np.clip(np.log10(lane.gradients.on_grid(rows, layer, sequence)), -40, 40)
        self._reach["x"], self._reach["y"], self._reach["z"] = steps, rows, logs
        half = horizon / (REACH_ROWS - 1) / 2
        self.canvas.set_axis(f"yaxis{self._reach['yaxis'][1:]}", range=[horizon + half, -half])

    def _row(self, height: float) -> Box:
        """The next row of this column, below a line for its title."""
        self._y += TITLE_HEIGHT
        row = Box(self._box.left + GUTTER, self._y, self._box.width - GUTTER, height)
        self._y += height
        return row

    def _time_axis(self, last: bool = False) -> dict[str, Any]:
        """The x axis that all panels of all columns share."""
        length = self.experiment.length
        axis: dict[str, Any] = {"range": [0.5, length + 0.5], "showticklabels": last, "matches": "x2", "nticks": 8}
        if last:
            axis["title"] = {"text": "time step t", "font": {"size": 11}, "standoff": 2}
        return axis

    def _add_map(self, box: Box, field: str, title: str, is_gate: bool) -> None:
        theme = self.look.theme
        units = self.experiment.hidden_size
        panel = self.canvas.panel(
            box,
            title,
            x=self._time_axis(),
            y={"type": "category", "categoryorder": "array", "categoryarray": [], "range": [units - 0.5, -0.5],
               "showticklabels": False, "title": {"text": "units", "font": {"size": 10}, "standoff": 2}},
        )  # fmt: skip
        scale = theme.sequential(self.hue) if is_gate else theme.diverging
        name = title.split("</b>")[0].removeprefix("<b>")
        heatmap = self.canvas.heatmap(
            panel,
            scale,
            0 if is_gate else -1,
            1,
            hovertemplate=f"{name}, unit %{{y}}, t = %{{x}}: %{{z:.3f}}<extra></extra>",
        )
        self._maps.append((field, heatmap, panel))

    def _add_gates(self, row: Box, gates: list[CellPanel]) -> None:
        gap = 10
        width = (row.width - gap * (len(gates) - 1)) / len(gates)
        for number, gate in enumerate(gates):
            box = Box(row.left + number * (width + gap), row.top, width, row.height)
            name = gate.title if width > ROOMY else gate.title.removesuffix(" gate")
            opening = self.canvas.muted(f"0…1 {self.canvas.swatch(self.hue)}") if width > ROOMY else ""
            self._add_map(box, gate.field, f"<b>{name}</b> {gate.symbol}<sub>t</sub> {opening}", True)
            if number:
                del self.canvas.layout[f"yaxis{self._maps[-1][2].axis}"]["title"]

    def _add_gradient_now(self, box: Box) -> dict[str, Any]:
        theme = self.look.theme
        low, high = GRADIENT_RANGE
        panel = self.canvas.panel(
            box,
            "",
            x=self._time_axis(),
            y={"type": "log", "range": [low, high], "dtick": 4, "exponentformat": "power", "showgrid": True,
               "gridcolor": theme.grid, "title": {"text": "norm", "font": {"size": 10}, "standoff": 2}},
        )  # fmt: skip
        self._now_title = panel.title
        return self.canvas.trace(
            panel,
            type="scatter",
            mode="lines",
            line={"color": self.hue, "width": 2, "dash": LINE_STYLES.get(self.cell.name, "solid")},
            hovertemplate="t = %{x}: ‖∂L/∂h‖ = %{y:.2e}<extra></extra>",
        )

    def _add_reach(self, box: Box) -> dict[str, Any]:
        theme = self.look.theme
        low, high = GRADIENT_RANGE
        pale, full = self.canvas.swatch(str(theme.sequential(self.hue)[1][1])), self.canvas.swatch(self.hue)
        key = self.canvas.muted(f"{pale} 10<sup>−3</sup> {full} 10<sup>2</sup>")
        wide = box.width > 3 * ROOMY
        says = "log ‖∂L/∂h<sub>t</sub>‖ as training goes on ↓" if wide else "as training goes on ↓"
        panel = self.canvas.panel(
            box,
            f"<b>Gradient reach</b> {self.canvas.muted(says)} &nbsp;{key}",
            x=self._time_axis(last=True),
            y={"range": [250, 0], "nticks": 4, "title": {"text": "training step", "font": {"size": 10}, "standoff": 2}},
        )
        return self.canvas.heatmap(
            panel,
            theme.sequential(self.hue),
            low,
            high,
            hovertemplate="training step %{y:,}, t = %{x}: 10<sup>%{z:.1f}</sup><extra></extra>",
        )


def _unit_order(states: np.ndarray, by_activity: bool) -> np.ndarray:
    """Unit numbers from top to bottom, for states (T, H)."""
    if not by_activity:
        return np.arange(states.shape[1])
    return np.argsort(-np.abs(states).mean(axis=0), kind="stable")


def _horizon(step: int, budget: int) -> int:
    """The training step at which the axes end: it doubles now and then, so that nothing creeps."""
    horizon = 250
    while horizon < step:
        horizon *= 2
    return max(1, min(horizon, budget) if budget >= step else horizon)


def _floor_half(value: float) -> float:
    """`value` rounded down to a multiple of one half, so that an axis changes rarely."""
    return float(np.floor(value * 2) / 2)


def _signed(value: float) -> str:
    """One decimal, with a true minus sign."""
    return f"{value:.1f}".replace("-", "−")
