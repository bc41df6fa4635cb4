"""Toy recurrent networks that train fast and show everything. Knows no screen.

In a notebook:

    from engine import Experiment, advance, initial_state, record

    experiment = Experiment(task="adding", cell="lstm", length=50, hidden_size=32)
    state, log = advance(experiment, initial_state(experiment), steps=1000)
    recording = record(experiment, state)      # recording.forget_gate is (T, B, H)

    shut = HoldGate("forget_gate", 0.0, steps=(10, 20))     # reach in while it runs: engine/intervention.py
    record(experiment, state, interventions=(shut,)).loss
"""

from engine.cells import CELLS, Cell
from engine.errors import ExperimentError, SeriesError
from engine.experiment import Experiment
from engine.intervention import AddNoise, Edit, Flip, Freeze, HoldGate, Intervention, Reset, Silence
from engine.network import Unrolled, unroll
from engine.recording import Recording, record
from engine.rules import Change
from engine.tasks import TASKS, Batch, Task, task_of
from engine.training import TrainingLog, TrainingState, advance, initial_state

__all__ = [
    "CELLS",
    "TASKS",
    "AddNoise",
    "Batch",
    "Cell",
    "Change",
    "Edit",
    "Experiment",
    "ExperimentError",
    "Flip",
    "Freeze",
    "HoldGate",
    "Intervention",
    "Recording",
    "Reset",
    "SeriesError",
    "Silence",
    "Task",
    "TrainingLog",
    "TrainingState",
    "Unrolled",
    "advance",
    "initial_state",
    "record",
    "task_of",
    "unroll",
]
