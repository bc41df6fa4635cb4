"""One unit of a network: its state and gates over time, and its weights as training goes on."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.analysis.unit import Place, heard, incoming_at
from engine.analysis.weights import blocks_of, free_units, incoming, outgoing
from engine.cells import CELLS
from engine.experiment import Experiment
from engine.lane import Lane
from engine.parameters import Parameters, initial_parameters
from engine.runs import Run
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas, Panel
from figures.lanes import LaneStyle
from figures.look import Look
from figures.palette import Color
from figures.training import NARROW, WIDE, horizon_of
from figures.weights import ScaleRange

MAP, LINES, GAP, HEAD, BOTTOM = 96, 66, 26, 22, 34  # pixels
GRID = 64  # columns of a map over training
DASHES, MARKS = ("solid", "dash", "dot"), ("━", "╍", "┅")


class UnitFigure:
    """All of one unit, but for the diagram of its cell.

    Args:
        style: the network.
        look: the viewer's choice.
        place: the unit and the time step that is marked.
    """

    def __init__(self, style: LaneStyle, look: Look, place: Place) -> None:
        self.style, self.place = style, place
        width = NARROW if look.narrow else WIDE
        half = width if look.narrow else (width - GAP) / 2
        tall = HEAD + 3 * TITLE_HEIGHT + MAP + 2 * LINES + BOTTOM
        self.canvas = Canvas(look.theme, width, 2 * tall - HEAD if look.narrow else tall)
        self.canvas.layout["uirevision"] = repr(("unit", style.number))
        title = f"<b>{style.title}</b> · unit {place.unit + 1} at step {place.step}"
        self.canvas.text(GUTTER, 0, title, size=15, color=style.hue)
        left = Box(GUTTER, HEAD, half - GUTTER - 4, tall - HEAD)
        self._states = AllUnits(self.canvas, left, style, place)
        self._lines = OverTime(self.canvas, left, style, place)
        right = Box(GUTTER, tall, left.width, 0) if look.narrow else Box(half + GAP + GUTTER, HEAD, left.width, 0)
        height = (MAP + 2 * LINES - TITLE_HEIGHT) / 2
        top = right.top + 2 * TITLE_HEIGHT
        below = top + height + 2 * TITLE_HEIGHT
        self._incoming = WeightsOverTraining(self.canvas, Box(right.left, top, right.width, height), style, place, INTO)
        self._outgoing = WeightsOverTraining(
            self.canvas, Box(right.left, below, right.width, height), style, place, OUT_OF
        )

    def show(self, run: Run) -> Canvas:
        """Fill in where `run` stands."""
        lane = run.lanes[self.style.number]
        self._states.show(lane)
        self._lines.show(lane)
        for each in (self._incoming, self._outgoing):
            each.show(lane, horizon_of(run))
        return self.canvas


class AllUnits:
    """The hidden state of all units; a click chooses one, and a step."""

    def __init__(self, canvas: Canvas, left: Box, style: LaneStyle, place: Place) -> None:
        units, theme = style.experiment.hidden_size, canvas.theme
        self._place = place
        scale = canvas.muted(f"{canvas.swatch(theme.negative)} −1 &nbsp;{canvas.swatch(theme.positive)} +1")
        panel = canvas.panel(
            Box(left.left, left.top + TITLE_HEIGHT, left.width, MAP),
            f"<b>Hidden state</b> of all units {scale} {canvas.muted('· click to choose')}",
            x=canvas.time_axis(style.experiment.length, False),
            y={
                "range": [units + 0.5, 0.5],
                "nticks": 5,
                "title": {"text": "unit", "font": {"size": 10}, "standoff": 2},
            },
        )
        self._heatmap = canvas.heatmap(
            panel, theme.diverging, -1, 1, hovertemplate="unit %{y}, t = %{x}: %{z:.3f}<extra></extra>"
        )
        self._heatmap["meta"] = style.number
        self._heatmap["y"] = np.arange(1, units + 1, dtype=np.float32)
        length = style.experiment.length
        row, column = place.unit + 1, place.step
        frame = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "line": {"color": theme.ink, "width": 1}}
        for x, y in (
            ([0.5, length + 0.5, length + 0.5, 0.5, 0.5], [row - 0.5, row - 0.5, row + 0.5, row + 0.5, row - 0.5]),
            ([column - 0.5, column - 0.5, column + 0.5, column + 0.5], [0.5, units + 0.5, units + 0.5, 0.5]),
        ):
            canvas.trace(panel, x=np.array(x, np.float32), y=np.array(y, np.float32), **frame)

    def show(self, lane: Lane) -> None:
        """Fill in where `lane` stands."""
        states = lane.recording.layers[self._place.layer].hidden_state[:, self._place.sequence]
        self._heatmap["z"] = np.ascontiguousarray(states.T)
        self._heatmap["x"] = np.arange(1, len(states) + 1, dtype=np.float32)


class OverTime:
    """The unit's states, and its gates; where it has none, what it hears."""

    def __init__(self, canvas: Canvas, left: Box, style: LaneStyle, place: Place) -> None:
        self._canvas, self._style, self._place = canvas, style, place
        theme, panels = canvas.theme, CELLS[style.experiment.cell].panels
        self._states = ["hidden_state", *(each.field for each in panels if not each.is_gate)]
        self._gates = [each.field for each in panels if each.is_gate]
        top = left.top + 2 * TITLE_HEIGHT + MAP
        self._range = ScaleRange(1.0)
        says = "<b>Its state</b> h<sub>t</sub>" + (" and cell state c<sub>t</sub>" if len(self._states) > 1 else "")
        self._upper = self._panel(Box(left.left, top, left.width, LINES), says, [-1.05, 1.05], False)
        below = Box(left.left, top + TITLE_HEIGHT + LINES, left.width, LINES)
        hears = "<b>What it hears</b> before the activation"
        bounds = [-0.03, 1.05] if self._gates else [-2.1, 2.1]
        lower = self._panel(below, "<b>Its gates</b> 0 shut, 1 open" if self._gates else hears, bounds, True)
        self._hears, self._lower = ScaleRange(2.0), lower
        names = ("h", *(each.symbol for each in panels if not each.is_gate))
        second = [each.symbol for each in panels if each.is_gate] or ["W x", "U h"]
        colors = (style.hue, theme.muted, theme.ink)
        self._lines = [self._line(self._upper, name, colors[number], number) for number, name in enumerate(names)]
        self._others = [self._line(lower, name, colors[number], number) for number, name in enumerate(second)]

    def show(self, lane: Lane) -> None:
        """Fill in where `lane` stands."""
        trace, at = lane.recording.layers[self._place.layer], np.s_[:, self._place.sequence, self._place.unit]
        states = [getattr(trace, field)[at] for field in self._states]
        self._fit(self._upper, self._range, states)
        self._fill(self._lines, states)
        if self._gates:
            self._fill(self._others, [getattr(trace, field)[at] for field in self._gates])
            return
        weights = incoming_at(lane.experiment, lane.chunk.state.parameters, self._place)
        if weights is not None:
            both = [each[:, 0] for each in heard(lane.experiment, lane.recording, self._place, weights)]
            self._fit(self._lower, self._hears, both)
            self._fill(self._others, both)

    def _panel(self, box: Box, title: str, bounds: list[float], last: bool) -> Panel:
        """A pair of axes over time with the chosen step marked."""
        canvas, length = self._canvas, self._style.experiment.length
        axis = canvas.time_axis(length, last)
        y = {"range": bounds, "showgrid": True, "gridcolor": canvas.theme.grid, "nticks": 4}
        panel = canvas.panel(box, title, x=axis, y=y)
        canvas.layout["shapes"].append(
            {"type": "line", "xref": f"x{panel.axis}", "yref": f"y{panel.axis} domain", "x0": self._place.step,
             "x1": self._place.step, "y0": 0, "y1": 1, "line": {"color": canvas.theme.ink, "width": 1}}
        )  # fmt: skip
        return panel

    def _line(self, panel: Panel, name: str, color: Color, number: int) -> dict[str, Any]:
        """A curve over time, named in the panel's title."""
        trace = {
            "xaxis": f"x{panel.axis}", "yaxis": f"y{panel.axis}", "type": "scatter", "mode": "lines",
            "line": {"color": color, "width": 2, "dash": DASHES[number % 3]},
            "hovertemplate": f"{name}, t = %{{x}}: %{{y:.3f}}<extra></extra>",
        }  # fmt: skip
        self._canvas.data.append(trace)
        panel.title.html += f" &nbsp;<span style='color:{color}'>{MARKS[number % 3]} {name}</span>"
        return trace

    def _fill(self, lines: list[dict[str, Any]], values: list[np.ndarray]) -> None:
        for line, each in zip(lines, values, strict=True):
            line["x"] = np.arange(1, len(each) + 1, dtype=np.float32)
            line["y"] = each.astype(np.float32)

    def _fit(self, panel: Panel, scale: ScaleRange, values: list[np.ndarray]) -> None:
        end = scale.holding(np.array([np.nanmax(np.abs(each), initial=0.0) for each in values]).max(keepdims=True))
        self._canvas.set_axis(f"yaxis{panel.axis}", range=[-1.05 * end, 1.05 * end])


INTO, OUT_OF = "Incoming weights", "Outgoing weights"


class WeightsOverTraining:
    """The weights into a unit, or out of it: a map for each block, training from left to right."""

    def __init__(self, canvas: Canvas, box: Box, style: LaneStyle, place: Place, name: str) -> None:
        self._canvas, self._style, self._place, self._name = canvas, style, place, name
        self._range = ScaleRange(0.25)
        self._known: dict[int, np.ndarray] = {}
        self._title = canvas.text(box.left, box.top - 2 * TITLE_HEIGHT + 1, "")
        blocks = blocks_of(style.experiment.cell)
        self._blocks = len(blocks)
        first = initial_parameters(style.experiment)
        rows, units = self._weights(style.experiment, first).shape[1], free_units(first, place.layer)
        names = self._names(rows, units if CELLS[style.experiment.cell].states else 0)
        width = (box.width - 8 * (len(blocks) - 1)) / len(blocks)
        self._maps = [
            self._map(Box(box.left + number * (width + 8), box.top, width, box.height), title, names, number == 0)
            for number, (_, title) in enumerate(blocks)
        ]

    def show(self, lane: Lane, horizon: int) -> None:
        """Fill in all moments of training that are remembered, and now."""
        steps, maps = self._history(lane)
        grid = np.linspace(0, horizon, GRID, dtype=np.float32)
        values = maps[np.searchsorted(steps, grid, side="right") - 1]  # (columns, blocks, rows)
        values[grid > lane.step] = np.nan
        values[np.flatnonzero(grid <= lane.step)[-1]] = maps[-1]
        scale = self._range.holding(values)
        for number, (axis, heatmap) in enumerate(self._maps):
            heatmap["z"] = np.ascontiguousarray(values[:, number].T, np.float32)
            heatmap["x"], heatmap["y"] = grid, np.arange(1, values.shape[2] + 1, dtype=np.float32)
            if heatmap["zmax"] != scale:
                heatmap["zmin"], heatmap["zmax"] = -scale, scale
                self._canvas.version += 1
            half = horizon / (GRID - 1) / 2
            self._canvas.set_axis(f"xaxis{axis}", range=[-half, horizon + half])
        theme, swatch = self._canvas.theme, self._canvas.swatch
        key = f"as training goes on → {swatch(theme.negative)} ≤ −{scale:g} &nbsp;{swatch(theme.positive)} ≥ +{scale:g}"
        self._title.html = f"<b>{self._name}</b> {self._canvas.muted(key)}"

    def _history(self, lane: Lane) -> tuple[np.ndarray, np.ndarray]:
        """Training steps (n,) and the weights (n, blocks, rows) there."""
        now = lane.step
        steps = sorted({*lane.moments.steps, now})
        self._known = {step: self._known[step] for step in steps if step in self._known and step != now}
        for step in steps:
            if step not in self._known:
                parameters = lane.chunk.state.parameters if step == now else lane.moments[step]
                self._known[step] = self._weights(lane.experiment, parameters)
        return np.array(steps), np.stack([self._known[step] for step in steps])

    def _weights(self, experiment: Experiment, parameters: Parameters) -> np.ndarray:
        """(blocks, rows): inputs or outputs first, a gap, then the units; one NaN for a unit that has no weights."""
        place = self._place
        if place.unit >= free_units(parameters, place.layer):
            return np.full((self._blocks, 1), np.nan)
        if self._name == INTO:
            rows = incoming(experiment, parameters, place.layer, place.unit)
            return _stacked(rows.input, rows.recurrent)
        away = outgoing(experiment, parameters, place.layer, place.unit)
        if away.above.size:
            return _stacked(away.above, away.recurrent)
        read = np.full((self._blocks, len(away.readout)), np.nan)
        read[0] = away.readout
        return _stacked(read, away.recurrent)

    def _map(self, box: Box, title: str, names: list[str], first: bool) -> tuple[str, dict[str, Any]]:
        canvas, rows = self._canvas, len(names)
        of = title.removesuffix(" gate") if self._blocks > 1 else ""
        to: dict[str, Any] = {"text": "from" if self._name == INTO else "to", "font": {"size": 10}, "standoff": 2}
        panel = canvas.panel(
            box,
            f"<span style='font-size:11px'>{canvas.muted(of)}</span>",
            x={"range": [0, 250], "nticks": 3, "showticklabels": self._name == OUT_OF and first},
            y={"range": [rows + 0.5, 0.5], "tickvals": list(range(1, rows + 1)), "ticktext": names,
               "showticklabels": False} | ({"title": to} if first else {}),
        )  # fmt: skip
        if self._name == OUT_OF and first:
            label = {"text": "training step", "font": {"size": 11}, "standoff": 2}
            canvas.layout[f"xaxis{panel.axis}"]["title"] = label
        into = f"{title}, " if of else ""
        hover = f"{into}{to['text']} %{{y}}, training step %{{x:,}}: %{{z:.3f}}<extra></extra>"
        return panel.axis, canvas.heatmap(panel, canvas.theme.diverging, -1, 1, hovertemplate=hover)

    def _names(self, rows: int, units: int) -> list[str]:
        """What the rows of a map are called, units below all others."""
        top = self._place.layer == self._style.experiment.layers - 1
        beside = "output" if top else "unit above"
        if self._name == INTO:
            beside = "unit below" if self._place.layer else "input"
        own = [f"unit {number + 1}" for number in range(units)]
        others = rows - units - (1 if rows > units > 0 else 0)
        return [*(f"{beside} {number + 1}" for number in range(others)), *([""] if rows > units > 0 else []), *own]


def _stacked(first: np.ndarray, units: np.ndarray) -> np.ndarray:
    """(G, rows): `first` (G, n), a gap, and `units` (G, H)."""
    gap = np.full((len(first), 1 if first.size and units.size else 0), np.nan)
    return np.concatenate([first, gap, units], axis=1)
