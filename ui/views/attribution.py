"""Which input step made an output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from engine.analysis.questions import AttributionQuestion, Subject, answer_moments, answer_steps
from engine.lane import Lane
from engine.runs import Run
from engine.setup import Setup
from engine.supply import displayed_batch
from engine.tasks import Loss, task_of
from figures.attribution import Asked, AttributionFigure, Found, Measure
from figures.canvas import Canvas
from figures.lanes import LaneStyle
from figures.look import Look
from figures.training import horizon_of
from ui import intervened, session
from ui.live_chart import Click
from ui.views.analysed import analysed
from ui.views.base import View
from ui.views.by_moment import by_moment

WANTED = "what is wanted"
MEASURES = {Measure.CONTRIBUTION: "gradient × input", Measure.STRENGTH: "size of the gradient"}


class AttributionView(View):
    """Gradient × input of one output, and of all of them."""

    name = "attribution"
    title = "Attribution"
    idea = "Which input steps made one output: how it would change with each of them, times what came in there."
    order = 40
    interval = 150
    clickable = True

    def controls(self, setup: Setup) -> None:
        """The output step, the output channel, and the measure."""
        length = setup.experiment.length
        st.slider("Output step", 1, length, _last_target(setup), key=_step_key(setup), width=280)
        names = _channels(setup)
        if len(names) > 1:
            st.selectbox("Output", names, key=_channel_key(setup), width=180)
        st.segmented_control(
            "Measure", list(MEASURES), format_func=MEASURES.__getitem__, default=Measure.CONTRIBUTION,
            key="attribution.measure", required=True,
        )  # fmt: skip

    def key(self, setup: Setup) -> Asked:
        """What is to be explained."""
        names = _channels(setup)
        name = session.widget(_channel_key(setup))
        return Asked(
            at=int(session.widget(_step_key(setup)) or _last_target(setup)),
            name=name if name in names else names[0],
            measure=Measure(session.widget("attribution.measure") or Measure.CONTRIBUTION),
            many=len(_target_steps(setup)) > 1,
        )

    def figure(self, setup: Setup, styles: tuple[LaneStyle, ...], look: Look) -> AttributionOfRun:
        """A column for each network."""
        return AttributionOfRun(styles, look, self.key(setup))

    def guide(self, setup: Setup) -> Sequence[tuple[str, str]]:
        """A sentence for each chart."""
        return GUIDE if len(_target_steps(setup)) > 1 else GUIDE[:-1]

    def on_click(self, setup: Setup, run: Run, click: Click) -> None:
        """A click in the picture of all output steps chooses one of them."""
        figure = session.remembered("playground.figure")
        canvas = figure[1].canvas if figure else None
        if canvas is not None and "output at" in str(canvas.data[click.trace].get("hovertemplate", "")):
            session.set_widget(_step_key(setup), int(click.y))
            st.rerun()


GUIDE = (
    (
        "Now",
        "Gradient × input: how much of the output y is, where the network stands, linear in the input of each step. "
        "Peaks are the steps that it answers from. The size of the gradient alone also shows steps whose input was "
        "zero. y is taken before any sigmoid or softmax.",
    ),
    (
        "As training goes on",
        "The same, a row for each moment of training, first on top: at first only the latest steps count, "
        "and columns that grow downwards are inputs it learns to use. Each row is divided by its largest value.",
    ),
    (
        "Every output step",
        "Each row is an output, each column an input step: the diagonal is the present, what lies left of it is "
        "memory. Click on a row to choose that output.",
    ),
)


class AttributionOfRun:
    """The figure, filled from a run and from what the workers have found of it."""

    def __init__(self, styles: tuple[LaneStyle, ...], look: Look, asked: Asked) -> None:
        self._styles, self._look, self._asked = styles, look, asked
        self._figure = AttributionFigure(styles, look, asked)
        self.canvas = self._figure.canvas

    def show(self, run: Run) -> Canvas:
        """Fill in where `run` stands."""
        lanes = [run.lanes[style.number] for style in self._styles]
        found = [
            find(f"attribution.{style.number}", lane, self._asked, self._look.sequence)
            for style, lane in zip(self._styles, lanes, strict=True)
        ]
        notes = [" · of the network left alone" if intervened.done_to(lane) else "" for lane in lanes]
        return self._figure.show(lanes, found, horizon_of(run), notes)


def find(name: str, lane: Lane, asked: Asked, sequence: int) -> Found:
    """What the workers know by now of one output of `lane`."""
    batch = lane.recording.batch
    inputs = batch.inputs[:, sequence]
    channel = _channel_of(lane, asked, sequence)
    at = tuple(int(step) for step in np.flatnonzero(batch.target_mask[:, sequence]) + 1)

    def now(*steps: int) -> AttributionQuestion:
        subject = Subject.of(lane.experiment, (lane.chunk.state.parameters,), inputs)
        return AttributionQuestion(subject, steps, channel)

    def past(steps: tuple[int, ...]) -> AttributionQuestion:
        moments = tuple(lane.moments[step] for step in steps)
        return AttributionQuestion(Subject.of(lane.experiment, moments, inputs), (asked.at,), channel)

    latest = analysed(f"{name}.now", lane, answer_steps, lambda: now(asked.at), asked.at, channel, sequence)
    rows = by_moment(f"{name}.rows", lane, answer_moments, past, asked.at, channel, sequence)
    every = analysed(f"{name}.all", lane, answer_steps, lambda: now(*at), at, channel, sequence) if asked.many else None
    return Found(rows, latest[1][0] if latest else None, every[1] if every else None, at, inputs)


def _channel_of(lane: Lane, asked: Asked, sequence: int) -> int:
    """Number of the output channel asked for."""
    if asked.name == WANTED:
        return int(lane.recording.targets[asked.at - 1, sequence])
    return list(lane.task.outputs).index(asked.name)


def _channels(setup: Setup) -> list[str]:
    task = task_of(setup.experiment)
    return [WANTED, *task.outputs] if task.loss is Loss.CATEGORICAL else list(task.outputs)


def _target_steps(setup: Setup) -> list[int]:
    """Steps at which the first displayed sequence has a target."""
    return [int(step) for step in np.flatnonzero(displayed_batch(setup.experiment).target_mask[:, 0]) + 1]


def _last_target(setup: Setup) -> int:
    return _target_steps(setup)[-1]


def _step_key(setup: Setup) -> str:
    return f"attribution.at {setup.experiment.task} {setup.experiment.length}"


def _channel_key(setup: Setup) -> str:
    return f"attribution.output {setup.experiment.task}"
