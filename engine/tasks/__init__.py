"""All tasks, found by themselves: each module of this folder that defines a `Task` adds one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.discovery import subclasses_in
from engine.errors import ExperimentError, quoted
from engine.tasks.base import Batch, Chance, Curve, Loss, Metric, Picture, Role, Shape, Task

if TYPE_CHECKING:
    from engine.experiment import Experiment

__all__ = ["TASKS", "Batch", "Chance", "Curve", "Loss", "Metric", "Picture", "Role", "Shape", "Task", "task_of"]


TASKS: dict[str, Task] = {task.name: task for task in subclasses_in(__name__, __path__, Task)}
"""Name → task, in the order of the menus."""


def task_named(name: str, series: str) -> Task:
    """The task called `name`, forecasting the series called `series` if it is one that forecasts.

    Raises:
        ExperimentError: no such task or series.
    """
    try:
        task = TASKS[name]
    except KeyError:
        raise ExperimentError(f"task={quoted(name)} is unknown: choose one of {', '.join(TASKS)}.") from None
    return task.bound_to(series)


def task_of(experiment: Experiment) -> Task:
    """The task of `experiment`."""
    return task_named(experiment.task, experiment.series)
