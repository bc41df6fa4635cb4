"""Panels by training step: the whole gradient's norm with what was clipped, and the recurrent weights' radius."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.analysis.clipping import clip_norms, clipped, share_by_block
from engine.lane import Lane
from figures.canvas import Box, Canvas, Label
from figures.lanes import LaneStyle
from figures.lines import MOST, add_line, keep_apart, until_lost
from figures.palette import mix

STRIP = 8  # pixels
BLOCKS = 80
POINTS = 200
ROOMY = 190  # pixels of a panel's width in which a long title fits
NORM_RANGE = (-4.0, 2.0)
RADIUS_TOP = 1.5
BLOCK_NAMES = {"rnn": ("U",), "gru": ("U<sub>r</sub>", "U<sub>z</sub>", "U<sub>n</sub>"),
               "lstm": ("U<sub>i</sub>", "U<sub>f</sub>", "U<sub>g</sub>", "U<sub>o</sub>")}  # fmt: skip

Radii = Mapping[int, np.ndarray]
"""Training step → (G,) spectral radius of each block of recurrent weights."""


class NormPanel:
    """Norm of the whole gradient at each training step, the norm at which it is clipped, and what was clipped."""

    def __init__(self, canvas: Canvas, box: Box, style: LaneStyle, decades: tuple[float, float] = NORM_RANGE) -> None:
        theme = canvas.theme
        self._canvas = canvas
        upper = Box(box.left, box.top, box.width, box.height - STRIP - 2)
        self._panel = canvas.panel(
            upper,
            "",
            x={"range": [0, 250], "showticklabels": False},
            y={"type": "log", "range": list(decades), "nticks": 4, "exponentformat": "power", "showgrid": True,
               "gridcolor": theme.grid, "title": {"text": "norm, log", "font": {"size": 10}, "standoff": 2}},
        )  # fmt: skip
        self._line = add_line(canvas, self._panel, style.hue, "solid", 1.5, "step %{x:,}: gradient norm %{y:.2e}")
        self._level = add_line(canvas, self._panel, theme.muted, "dash", 1.5, "clipped at %{y:.3g}")
        self._strip_panel = canvas.panel(
            Box(box.left, box.top + box.height - STRIP, box.width, STRIP),
            "",
            x={"range": [0, 250], "nticks": 4, "title": {"text": "training step", "font": {"size": 11}, "standoff": 2}},
            y={"showticklabels": False, "range": [-0.5, 0.5]},
        )
        self._strip = canvas.heatmap(
            self._strip_panel, theme.sequential(theme.ink), 0, 1,
            hovertemplate="about step %{x:,.0f}: %{z:.0%} of the steps clipped<extra></extra>",
        )  # fmt: skip
        self._strip["y"] = np.zeros(1, np.float32)

    def show(self, lane: Lane, horizon: int) -> None:
        """Fill in the steps made so far."""
        norms = lane.norms.values
        first = lane.step - len(norms)
        steps, means = lane.norms.curve(POINTS)
        if len(means):
            with np.errstate(all="ignore"):
                self._line["x"], self._line["y"] = until_lost(steps + first, np.log10(means))
        clips = clip_norms(lane.experiment, 0, max(2, horizon))
        at = np.linspace(0, len(clips) - 1, POINTS).astype(int)
        self._level["x"] = at.astype(np.float32)
        self._level["y"] = np.minimum(clips[at], 10.0**MOST).astype(np.float32)
        edges = np.linspace(0, horizon, BLOCKS + 1)
        events = clipped(lane.experiment, norms, first)
        self._strip["x"] = ((edges[1:] + edges[:-1]) / 2).astype(np.float32)
        self._strip["z"] = share_by_block(events, first, edges)[np.newaxis].astype(np.float32)
        for panel in (self._panel, self._strip_panel):
            self._canvas.set_axis(f"xaxis{panel.axis}", range=[0, horizon])
        says = clipped_in_words(lane, events)
        head = "<b>Gradient norm</b>" if self._panel.box.width > ROOMY else "<b>Gradient</b>"
        self._panel.title.html = f"{head} {self._canvas.muted(says)}"


def clipped_in_words(lane: Lane, events: np.ndarray) -> str:
    """How many of the training steps were clipped."""
    if lane.experiment.clip_norm is None and not any(change.clip_norm for change in lane.experiment.changes):
        return "no clipping"
    return f"{events.mean():.0%} of steps clipped" if len(events) else "strip: clipped"


class RadiusPanel:
    """Spectral radius of each block of recurrent weights by training step."""

    def __init__(self, canvas: Canvas, box: Box, style: LaneStyle) -> None:
        theme = canvas.theme
        self._canvas = canvas
        self._panel = canvas.panel(
            box,
            f"<b>Spectral radius</b> {canvas.muted('of U' if style.experiment.cell == 'rnn' else 'by gate')}",
            x={"range": [0, 250], "nticks": 4, "title": {"text": "training step", "font": {"size": 11}, "standoff": 2}},
            y={"range": [0, RADIUS_TOP], "nticks": 4, "showgrid": True, "gridcolor": theme.grid,
               "title": {"text": "ρ", "font": {"size": 10}, "standoff": 2}},
        )  # fmt: skip
        self._one = add_line(canvas, self._panel, theme.muted, "dash", 1, "1: neither grows nor fades")
        names = BLOCK_NAMES.get(style.experiment.cell, ())
        shades = [mix(theme.ink, style.hue, share) for share in np.linspace(1, 0.35, max(1, len(names)))]
        dashes = ("solid", "dot", "dash", "dashdot")
        self._lines = [
            (add_line(canvas, self._panel, shade, dash, 2, f"{name}, step %{{x:,}}: ρ = %{{y:.3f}}"), name,
             canvas.label_at(self._panel, "", shade))
            for name, shade, dash in zip(names, shades, dashes, strict=False)
        ]  # fmt: skip

    def show(self, radii: Radii, horizon: int) -> None:
        """Fill in what is known, on an axis that ends at training step `horizon`."""
        steps = np.array(sorted(radii), np.float32)
        self._one["x"], self._one["y"] = np.array([0, horizon], np.float32), np.ones(2, np.float32)
        top = RADIUS_TOP
        labels: list[Label] = []
        for block, (line, name, label) in enumerate(self._lines):
            values = np.array([radii[int(step)][block] for step in steps], np.float32)
            known = np.isfinite(values)
            if not known.any():
                continue
            line["x"], line["y"] = steps[known], values[known]
            label.html, label.x, label.y = f"<b>{name}</b>", float(steps[known][-1]), float(values[known][-1])
            labels.append(label)
            top = max(top, float(values[known].max()) * 1.1)
        top = float(np.ceil(top * 2) / 2)
        self._canvas.set_axis(f"yaxis{self._panel.axis}", range=[0, top])
        self._canvas.set_axis(f"xaxis{self._panel.axis}", range=[0, horizon * 1.2])
        keep_apart(labels, self._panel, 0, top, log=False, gap=12)
