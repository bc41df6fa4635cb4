"""Hold a gate of a trained network, and see what breaks."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from engine.analysis.held_gates import BLOCKS, error, hold
from engine.cells import CELLS
from engine.experiment import Experiment
from engine.runs import Snapshot
from engine.tasks import task_of
from engine.training import TrainingState
from figures.column import Row
from figures.lanes import lane_styles
from figures.training import TrainingFigure
from ui import lesson
from ui.live_chart import still_chart
from ui.navigation import Lesson
from ui.training import look

ROWS = (Row.SEQUENCE, Row.HIDDEN, Row.GATES, Row.CELL)


def hold_a_gate(page: Lesson, experiment: Experiment, state: TrainingState) -> tuple[str, float, float, float]:
    """Choose a gate and its opening; the network as learned beside the same one with the gate held.

    Returns:
        The gate's title, the opening, and the error before and after.
    """
    titles = {
        panel.field: panel.title for panel in CELLS[experiment.cell].panels if panel.field in BLOCKS[experiment.cell]
    }
    with lesson.controls():
        gate = lesson.choose("Hold the", titles, f"{page.name}.gate")
        opening = st.slider("at", 0.0, 1.0, 0.0, 0.05, key=f"{page.name}.opening", width=300)
    held = replace(state, parameters=hold(experiment, state.parameters, {gate: opening}))
    before, after = (error(experiment, each.parameters) for each in (state, held))
    seen = look()
    styles = lane_styles((experiment, experiment), seen.theme, ("As it learned", f"{titles[gate]} held at {opening:g}"))
    figure = TrainingFigure(styles, seen, ROWS, stacked=seen.narrow, loss=False)
    metric = task_of(experiment).metric
    still_chart(
        f"{page.name}.held",
        figure.show(Snapshot.of(experiment, state, held)),
        f"{titles[gate]} held at {opening:g}: {metric.name} {before:.2g} before, {after:.2g} after.",
    )
    return titles[gate], opening, before, after


def table_of_gates(experiment: Experiment, state: TrainingState) -> None:
    """Each gate held shut and held open, and what that costs."""
    metric = task_of(experiment).metric
    learned = metric.quantity(error(experiment, state.parameters))
    lines = [f"| {metric.name} | as learned | held shut (0) | held open (1) |", "|---|---|---|---|"]
    for panel in CELLS[experiment.cell].panels:
        if panel.field in BLOCKS[experiment.cell]:
            shut, opened = (
                metric.quantity(error(experiment, hold(experiment, state.parameters, {panel.field: value})))
                for value in (0.0, 1.0)
            )
            lines.append(f"| {panel.title} | {learned} | {shut} | {opened} |")
    lesson.text("\n".join(lines))
