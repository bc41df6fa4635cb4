"""One displayed sequence: what goes in, what should come out, and what does."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.recording import Recording
from engine.tasks import Curve, Loss, Picture, Role, task_of
from figures.canvas import Box, Canvas
from figures.lanes import LaneStyle
from figures.rows import SNUG, View


class SequencePanel:
    """A panel that draws a sequence as its task wants: as curves, or as a strip of cells.

    Attributes:
        panel: its axes.
    """

    def __init__(self, canvas: Canvas, box: Box, style: LaneStyle, last: bool) -> None:
        self.canvas = canvas
        self.task = task = task_of(style.experiment)
        self.hue = style.hue
        self.is_strip = task.picture is Picture.STRIP
        self.panel = canvas.panel(
            box,
            "",
            x=canvas.time_axis(style.experiment.length, last),
            y={"type": "category", "tickfont": {"size": 9}}
            if self.is_strip
            else {"nticks": 3, "title": {"text": task.metric.unit or "value", "font": {"size": 10}, "standoff": 2}},
        )
        self._strip = self._add_strip() if self.is_strip else None
        self._curves = {} if self.is_strip else self._add_curves()

    def show(self, view: View) -> None:
        """Draw the displayed sequence."""
        if self.is_strip:
            self._show_strip(view.recording, view.sequence)
        else:
            self._show_curves(view.recording, view.sequence)

    def _add_strip(self) -> dict[str, Any]:
        return self.canvas.heatmap(
            self.panel,
            self.canvas.theme.sequential(self.canvas.theme.ink),
            0,
            1,
            hovertemplate="%{y}, t = %{x}: %{z:.2f}<extra></extra>",
        )

    def _show_strip(self, recording: Recording, sequence: int) -> None:
        batch = recording.batch
        rows = list(batch.inputs[:, sequence].T)
        names = [*self.task.inputs]
        title = f"<b>Sequence {sequence + 1}</b> "
        if self.task.loss is Loss.CATEGORICAL:
            shares = softmax(recording.outputs[-1, sequence])
            answer, wanted = int(shares.argmax()), int(batch.targets[-1, sequence])
            mark = "✓" if answer == wanted else "✗"
            wanted_name, answer_name = self.task.outputs[wanted], self.task.outputs[answer]
            title += self.canvas.muted(f"wanted {wanted_name} · answers {answer_name} ({shares[answer]:.0%}) {mark}")
        else:
            mask = batch.target_mask[:, sequence]
            output = 0.5 + 0.5 * np.tanh(0.5 * recording.outputs[:, sequence, 0])
            rows += [np.where(mask, batch.targets[:, sequence, 0], np.nan), np.where(mask, output, np.nan)]
            names += ["wanted", "answer"]
            right = np.mean((output > 0.5)[mask] == (batch.targets[:, sequence, 0] > 0.5)[mask])
            title += self.canvas.muted(f"{self.task.outputs[0]}: {right:.0%} of {mask.sum()} steps right")
        self.panel.title.html = title
        assert self._strip is not None
        self._strip["z"] = np.stack(rows).astype(np.float32)
        self._strip["x"] = np.arange(1, batch.length + 1, dtype=np.float32)
        self._strip["y"] = names
        self.canvas.set_axis(f"yaxis{self.panel.axis}", range=[len(names) - 0.5, -0.5], dtick=1)

    def _add_curves(self) -> dict[Role, dict[str, Any]]:
        theme = self.canvas.theme
        faint: dict[str, Any] = {"color": theme.muted, "width": 1}
        styles: dict[Role, dict[str, Any]] = {
            Role.INPUT: {"mode": "lines+markers", "line": faint, "marker": {"color": theme.muted, "size": 3}},
            Role.MARK: {
                "mode": "markers",
                "marker": {"color": theme.ink, "size": 9, "symbol": "circle-open", "line": {"width": 2}},
            },
            Role.NAIVE: {"mode": "lines", "line": faint | {"dash": "dot", "width": 1.5}},
            Role.TARGET: {"mode": "lines", "line": {"color": theme.ink, "width": 1.5}},
            Role.PREDICTION: {"mode": "lines", "line": {"color": self.hue, "width": 2}},
        }
        return {
            role: self.canvas.trace(
                self.panel,
                type="scatter",
                x=np.empty(0, np.float32),
                y=np.empty(0, np.float32),
                hovertemplate=f"{role}, t = %{{x}}: %{{y:.3g}}<extra></extra>",
                cliponaxis=False,
                **style,
                **self._draggable(role),
            )
            for role, style in styles.items()
        }

    def _draggable(self, role: Role) -> dict[str, Any]:
        """Which input channel a curve shows, from 1, and along what the viewer may drag its points."""
        along = {Role.INPUT: "value", Role.MARK: "step"}.get(role)
        return (
            {"meta": {"channel": 1 if role is Role.INPUT else len(self.task.inputs), "along": along}} if along else {}
        )

    def _show_curves(self, recording: Recording, sequence: int) -> None:
        curves = {curve.role: curve for curve in self.task.curves(recording.batch, recording.outputs, sequence)}
        nothing = np.empty(0, np.float32)
        for role, trace in self._curves.items():
            curve = curves.get(role)
            trace["x"] = curve.steps.astype(np.float32) if curve else nothing
            trace["y"] = curve.values.astype(np.float32) if curve else nothing
            if curve and role in (Role.TARGET, Role.PREDICTION):
                lone = len(curve.steps) == 1
                trace["mode"] = "markers" if lone else "lines"
                color = self.canvas.theme.ink if role is Role.TARGET else self.hue
                symbol = "diamond-open" if role is Role.TARGET else "diamond"
                trace["marker"] = {
                    "color": color,
                    "size": 11 if role is Role.TARGET else 7,
                    "symbol": symbol,
                    "line": {"width": 2, "color": color},
                }
        self.canvas.set_axis(f"yaxis{self.panel.axis}", range=_span(curves))
        self.panel.title.html = self._title(recording, sequence, curves)

    def _title(self, recording: Recording, sequence: int, curves: dict[Role, Curve]) -> str:
        ink = self.canvas.theme.ink
        target, prediction = curves[Role.TARGET], curves[Role.PREDICTION]
        if len(target.values) == 1:
            answers = " answers" if self.panel.box.width > SNUG else ""
            says = (
                f"<span style='color:{ink}'>◇</span> wanted {target.values[0]:.2f} · "
                f"<span style='color:{self.hue}'>◆</span>{answers} {prediction.values[0]:.2f}"
            )
        else:
            says = (
                f"<span style='color:{ink}'>━</span> {target.name} · "
                f"<span style='color:{self.hue}'>━</span> {prediction.name}"
            )
            if Role.NAIVE in curves:
                says += f" · ┄ {curves[Role.NAIVE].name}"
            if self.task.metric.unit:
                says += f" · {self.task.metric.unit}"
        span = self.task.span(recording.batch, sequence)
        return f"<b>{span or f'Sequence {sequence + 1}'}</b> {self.canvas.muted(says)}"


def softmax(values: np.ndarray) -> np.ndarray:
    """Shares that add up to 1, of (n,) outputs."""
    grown = np.exp(values - values.max())
    return np.asarray(grown / grown.sum())


def _span(curves: dict[Role, Curve]) -> list[float]:
    """A y range in which everything but the prediction lies, with a margin; it does not move while training."""
    values = np.concatenate([curve.values for role, curve in curves.items() if role is not Role.PREDICTION])
    low, high = float(values.min()), float(values.max())
    margin = 0.12 * (high - low) or 1.0
    return [low - margin, high + margin]
