"""Which input step made an output: now, as training went on, and for every output step at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from engine.analysis.attribution import Attribution
from engine.lane import Lane
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.lanes import LaneStyle
from figures.lines import add_line
from figures.look import Look
from figures.palette import LINE_STYLES
from figures.rows import View
from figures.sequence import SequencePanel
from figures.signed import normalised, signed_heatmap

WIDE, NARROW = 1080, 380  # nominal widths in pixels
HEAD, AXIS, GAP = 20, 30, 18
SEQUENCE, NOW, ROWS = 62, 96, 236
MOST = 1e30  # of an attribution that is drawn
PAIR = 250  # pixels of the picture of all output steps
ROWS_SHOWN = 64  # moments of training
ROOMY, SNUG = 400, 240  # pixels of a panel's width in which a long title fits, or one not quite so long


class Measure(StrEnum):
    """How an input step is held responsible."""

    CONTRIBUTION = "contribution"
    STRENGTH = "strength"


@dataclass(frozen=True)
class Asked:
    """What the viewer wants explained.

    Attributes:
        at: the output step, from 1.
        name: of the output channel.
        measure: gradient × input, or the gradient's size.
        many: whether the task has targets at many steps, so that there is a picture of all of them.
    """

    at: int
    name: str
    measure: Measure
    many: bool = False

    @property
    def words(self) -> str:
        """What is shown, with y for the output."""
        if self.measure is Measure.STRENGTH:
            return "‖∂y/∂x<sub>t</sub>‖"
        return "Σ<sub>i</sub> x<sub>t,i</sub> ∂y/∂x<sub>t,i</sub>"

    def of(self, found: Attribution) -> np.ndarray:
        """(…, T) of an attribution."""
        return found.strength if self.measure is Measure.STRENGTH else found.contribution


@dataclass(frozen=True)
class Found:
    """What is known of a network by now.

    Attributes:
        rows: training step → (T, I) gradients of the output asked for.
        now: (T, I) of the same at the newest step known.
        steps: (n, T, I) at the output steps `at`, or None.
        at: output steps, from 1.
        inputs: (T, I).
    """

    rows: Mapping[int, np.ndarray]
    now: np.ndarray | None
    steps: np.ndarray | None
    at: tuple[int, ...]
    inputs: np.ndarray


class AttributionFigure:
    """One column a network."""

    def __init__(self, styles: tuple[LaneStyle, ...], look: Look, asked: Asked) -> None:
        self.look = look
        nominal = NARROW if look.narrow else WIDE
        beside = (nominal - GAP * (len(styles) - 1)) / len(styles) > ROOMY
        height = HEAD + SEQUENCE + NOW + ROWS + 3 * TITLE_HEIGHT + 2 * AXIS
        height += PAIR + TITLE_HEIGHT + AXIS if asked.many and not beside else 0
        self.canvas = Canvas(look.theme, nominal, height)
        experiment = styles[0].experiment
        self.canvas.layout["uirevision"] = repr(("attribution", experiment.task, experiment.length, len(styles)))
        width = (self.canvas.width - GAP * (len(styles) - 1)) / len(styles)
        self.columns = [
            AttributionColumn(self.canvas, look, style, number * (width + GAP), width - 4, asked)
            for number, style in enumerate(styles)
        ]

    def show(self, lanes: list[Lane], found: list[Found], horizon: int, notes: Sequence[str] = ()) -> Canvas:
        """Fill in where the shown `lanes` stand, and what has been found.

        Args:
            notes: for each network what else is to be said of it.
        """
        notes = notes or [""] * len(self.columns)
        for column, lane, own, note in zip(self.columns, lanes, found, notes, strict=True):
            column.show(lane, own, horizon, note)
        return self.canvas


class AttributionColumn:
    """The panels of one network."""

    def __init__(self, canvas: Canvas, look: Look, style: LaneStyle, left: float, width: float, asked: Asked) -> None:
        self.style = style
        self._canvas, self._look, self._asked = canvas, look, asked
        self._left, self._width, self._y = left, width, float(HEAD)
        self._head = canvas.text(left + GUTTER, 0, "", size=15, color=style.hue)
        self._sequence = SequencePanel(canvas, self._next(SEQUENCE), style, False)
        self._now = NowPanel(canvas, self._next(NOW), style, asked)
        self._y += AXIS
        box = self._next(ROWS)
        self._pair = None
        if asked.many and width > ROOMY:
            half = (box.width - GUTTER) / 2
            self._pair = PairPanel(canvas, Box(box.left + half + GUTTER, box.top, half, ROWS), style, asked)
            box = Box(box.left, box.top, half, ROWS)
        elif asked.many:
            self._y += AXIS
            self._pair = PairPanel(canvas, self._next(PAIR), style, asked)
        self._rows = RowsPanel(canvas, box, style, asked)

    def show(self, lane: Lane, found: Found, horizon: int, note: str) -> None:
        """Fill in a moment."""
        small = self._canvas.muted(f"y: {self._asked.name} at t = {self._asked.at}{note}")
        self._head.html = f"<b>{self.style.title}</b> <span style='font-size:12px'>{small}</span>"
        units = np.arange(lane.experiment.hidden_size)
        self._sequence.show(View(lane, len(lane.recording.layers) - 1, self._look.sequence, units, horizon))
        self._now.show(found)
        self._rows.show(found, lane.step, horizon)
        if self._pair:
            self._pair.show(found)

    def _next(self, height: float) -> Box:
        self._y += TITLE_HEIGHT
        box = Box(self._left + GUTTER, self._y, self._width - GUTTER, height)
        self._y += height
        return box


class NowPanel:
    """The attribution at this moment, over the input steps."""

    def __init__(self, canvas: Canvas, box: Box, style: LaneStyle, asked: Asked) -> None:
        self._canvas, self._asked, self._top = canvas, asked, 0.0
        self._steps = np.arange(1, style.experiment.length + 1, dtype=np.float32)
        self._panel = canvas.panel(
            box,
            "",
            x=canvas.time_axis(style.experiment.length, True),
            y={"range": [-1, 1], "nticks": 4, "showgrid": True, "gridcolor": canvas.theme.grid,
               "title": {"text": "in units of y", "font": {"size": 10}, "standoff": 2}},
        )  # fmt: skip
        self._zero = add_line(canvas, self._panel, canvas.theme.muted, "solid", 1, "0")
        self._zero["x"], self._zero["y"] = self._steps[[0, -1]], np.zeros(2, np.float32)
        dash = LINE_STYLES.get("lstm", "solid")
        self._line = add_line(canvas, self._panel, style.hue, dash, 2, "t = %{x}: %{y:.3g}")

    def show(self, found: Found) -> None:
        """Fill in what is known."""
        head = f"<b>Now</b> {self._asked.words}"
        self._panel.title.html = head
        if found.now is None:
            return
        values = self._asked.of(Attribution(found.now, found.inputs))
        finite = np.isfinite(values)
        if not finite.all():
            says = f"<span style='color:{self._canvas.theme.alarm}'>■ no numbers any more</span>"
            self._panel.title.html = f"{head} {says}"
        shown = np.clip(np.where(finite, values, 0), -MOST, MOST)
        self._line["x"], self._line["y"] = self._steps, shown.astype(np.float32)
        top = 10 ** (np.ceil(4 * np.log10(max(1e-6, float(np.abs(shown).max()) * 1.05))) / 4)
        if not self._top / 2 < top <= self._top:  # so that the axis changes rarely
            self._top = top
            low = -top if self._asked.measure is Measure.CONTRIBUTION else 0
            self._canvas.set_axis(f"yaxis{self._panel.axis}", range=[low, top])


class RowsPanel:
    """The attribution as training goes on: a row for each of many moments, coloured by its own largest value."""

    def __init__(self, canvas: Canvas, box: Box, style: LaneStyle, asked: Asked) -> None:
        says = "As training goes on" if box.width > SNUG else "Training"
        self._canvas, self._asked = canvas, asked
        self._panel = canvas.panel(
            box,
            f"<b>{says} ↓</b> {canvas.muted(scale_in_words(canvas, asked, box.width))}",
            x=canvas.time_axis(style.experiment.length, True),
            y={"range": [250, 0], "nticks": 5, "title": {"text": "training step", "font": {"size": 10}, "standoff": 2}},
        )
        hover = "training step %{y:,.0f}, t = %{x}: %{z:.2f} of the row's largest<extra></extra>"
        self._heatmap = signed_heatmap(canvas, self._panel, 1.0, hover)
        self._length = style.experiment.length

    def show(self, found: Found, step: int, horizon: int) -> None:
        """Fill in what is known; each row is the last moment known at or before it."""
        rows = np.linspace(0, horizon, ROWS_SHOWN)
        known = np.array(sorted(found.rows))
        z = np.full((ROWS_SHOWN, self._length), np.nan, np.float32)
        if len(known):
            values = self._asked.of(Attribution(np.stack([found.rows[each] for each in known]), found.inputs))
            scaled = normalised(values)
            place = np.searchsorted(known, rows, side="right") - 1
            last = known[-1] if len(known) < 2 else max(step if _is_newest(known, step) else 0, known[-1])
            seen = (place >= 0) & (rows <= last)
            z[seen] = scaled[place[seen]]
        half = horizon / (ROWS_SHOWN - 1) / 2
        self._heatmap["x"] = np.arange(1, self._length + 1, dtype=np.float32)
        self._heatmap["y"], self._heatmap["z"] = rows.astype(np.float32), z
        self._canvas.set_axis(f"yaxis{self._panel.axis}", range=[horizon + half, -half])


class PairPanel:
    """The attribution of every output step that has a target, now: output step × input step."""

    def __init__(self, canvas: Canvas, box: Box, style: LaneStyle, asked: Asked) -> None:
        says = "Every output step, now" if box.width > SNUG else "Every output, now"
        self._canvas, self._asked = canvas, asked
        length = style.experiment.length
        panel = canvas.panel(
            box,
            f"<b>{says}</b> {canvas.muted(scale_in_words(canvas, asked, box.width))}",
            x=canvas.time_axis(length, True),
            y={"range": [length + 0.5, 0.5], "nticks": 6,
               "title": {"text": "output step", "font": {"size": 10}, "standoff": 2}},
        )  # fmt: skip
        hover = "output at t = %{y}, input at t = %{x}: %{z:.2f} of the row's largest<extra></extra>"
        self._heatmap = signed_heatmap(canvas, panel, 1.0, hover)
        self._steps = np.arange(1, length + 1, dtype=np.float32)
        self._heatmap["x"] = self._heatmap["y"] = self._steps
        self._heatmap["z"] = np.full((length, length), np.nan, np.float32)

    def show(self, found: Found) -> None:
        """Fill in what is known."""
        if found.steps is None:
            return
        z = np.full((len(self._steps), len(self._steps)), np.nan, np.float32)
        z[np.array(found.at) - 1] = normalised(self._asked.of(Attribution(found.steps, found.inputs)))
        self._heatmap["z"] = z


def scale_in_words(canvas: Canvas, asked: Asked, width: float) -> str:
    """What the colours of a picture say whose rows are each divided by their largest value."""
    theme = canvas.theme
    row = "each row by its largest" if width > ROOMY else "by row"
    if asked.measure is Measure.STRENGTH:
        return f"{canvas.swatch(theme.positive)} large {row}"
    return f"{canvas.swatch(theme.negative)} − &nbsp;{canvas.swatch(theme.positive)} + {row}"


def _is_newest(known: np.ndarray, step: int) -> bool:
    """Whether no moment seems to be missing between the last one known and `step`: it is as near as its neighbours."""
    return bool(step - known[-1] <= 1.5 * (known[-1] - known[-2]))
