"""What interventions cost: the task's metric on fresh sequences, without them and with them.

effect = effect_of(Trial.of(experiment, state.parameters, (HoldGate("forget_gate", 0.0),)))
effect.before, effect.after
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine import series as library
from engine.experiment import Experiment
from engine.intervention import Intervention
from engine.network import unroll
from engine.parameters import Parameters
from engine.series import Series
from engine.supply import fresh_batch
from engine.tasks import task_of

SEQUENCES = 200


@dataclass(frozen=True)
class Trial:
    """A network, and what is to be done to it; it may travel to a worker.

    Attributes:
        experiment: what the network is.
        parameters: its own.
        interventions: what is done to it, in this order.
        own_series: the uploaded series that it learns from, if it does: a worker can't know it.
    """

    experiment: Experiment
    parameters: Parameters
    interventions: tuple[Intervention, ...]
    own_series: Series | None = None

    @classmethod
    def of(cls, experiment: Experiment, parameters: Parameters, interventions: Sequence[Intervention]) -> Trial:
        """The trial, with the series that it needs."""
        own = experiment.task == "series" and library.is_own(experiment.series)
        return cls(experiment, parameters, tuple(interventions), library.find(experiment.series) if own else None)


@dataclass(frozen=True)
class Effect:
    """What came out.

    Attributes:
        before, after: the metric without and with the interventions.
        sequences: on how many sequences.
    """

    before: float
    after: float
    sequences: int


def effect_of(trial: Trial) -> Effect:
    """The effect on SEQUENCES fresh sequences, or on all that the task keeps back."""
    if trial.own_series is not None and not library.is_here(trial.own_series.name):
        library.register(trial.own_series)
    experiment, task = trial.experiment, task_of(trial.experiment)
    batch = task.held_out(experiment.length) or fresh_batch(experiment, SEQUENCES)
    before, after = (
        task.measure(unroll(experiment, trial.parameters, batch.inputs, interventions=each).outputs, batch)
        for each in ((), trial.interventions)
    )
    return Effect(before, after, batch.size)
