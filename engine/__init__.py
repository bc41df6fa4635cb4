"""Toy recurrent networks that train fast and show everything. Knows no screen.

In a notebook:

    from engine import Experiment, advance, initial_state, record

    experiment = Experiment(task="adding", cell="lstm", length=50, hidden_size=32)
    state, log = advance(experiment, initial_state(experiment), steps=1000)
    recording = record(experiment, state)      # recording.forget_gate is (T, B, H)
"""

from engine.cells import CELLS, Cell
from engine.errors import ExperimentError, SeriesError
from engine.experiment import Change, Experiment
from engine.recording import Recording, record
from engine.tasks import TASKS, Batch, Task, task_of
from engine.training import TrainingLog, TrainingState, advance, initial_state

__all__ = [
    "CELLS",
    "TASKS",
    "Batch",
    "Cell",
    "Change",
    "Experiment",
    "ExperimentError",
    "Recording",
    "SeriesError",
    "Task",
    "TrainingLog",
    "TrainingState",
    "advance",
    "initial_state",
    "record",
    "task_of",
]
