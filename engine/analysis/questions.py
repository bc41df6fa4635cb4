"""What views ask of the workers: a network at a moment, and one sequence, in one argument that can travel.

report = answer_flow(FlowQuestion(subject, output_grad, layer))
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine import series as library
from engine.analysis.attribution import at_moments, by_output_step
from engine.analysis.gradient_flow import FlowReport, flow_report, recurrent_radii
from engine.experiment import Experiment
from engine.parameters import Parameters
from engine.series import Series


@dataclass(frozen=True)
class Subject:
    """A network, at one or more moments of training, and a sequence.

    Attributes:
        experiment: what it is.
        moments: its parameters.
        inputs: (T, I).
        own_series: the uploaded series that the experiment names, if it does: a worker can't know it.
    """

    experiment: Experiment
    moments: tuple[Parameters, ...]
    inputs: np.ndarray
    own_series: Series | None = None

    @classmethod
    def of(cls, experiment: Experiment, moments: tuple[Parameters, ...], inputs: np.ndarray) -> Subject:
        """With the uploaded series, if the experiment is about one."""
        own = experiment.task == "series" and library.is_own(experiment.series)
        return cls(experiment, moments, inputs, library.find(experiment.series) if own else None)

    def arrive(self) -> None:
        """Make what is needed known in this process."""
        if self.own_series is not None and not library.is_here(self.own_series.name):
            library.register(self.own_series)


@dataclass(frozen=True)
class FlowQuestion:
    """How the gradient flows back.

    Attributes:
        subject: at one moment.
        output_grad: (T, O), ∂L/∂(outputs).
        layer: which recurrent layer, from 0.
    """

    subject: Subject
    output_grad: np.ndarray
    layer: int


@dataclass(frozen=True)
class RadiiQuestion:
    """How large the recurrent weights are.

    Attributes:
        subject: at some moments.
        layer: which recurrent layer, from 0.
    """

    subject: Subject
    layer: int


@dataclass(frozen=True)
class AttributionQuestion:
    """Which inputs make some outputs.

    Attributes:
        subject: at some moments, of which only the first counts where it is asked for many output steps.
        steps: output steps, from 1, of which only the first counts where it is asked for many moments.
        channel: of the output, from 0.
    """

    subject: Subject
    steps: tuple[int, ...]
    channel: int


def answer_flow(question: FlowQuestion) -> FlowReport:
    """The gradient's reach and ways."""
    subject = question.subject
    subject.arrive()
    return flow_report(subject.experiment, subject.moments[0], subject.inputs, question.output_grad, question.layer)


def answer_radii(question: RadiiQuestion) -> np.ndarray:
    """(moments, G): the spectral radius of each block of recurrent weights."""
    subject = question.subject
    subject.arrive()
    return np.stack([recurrent_radii(subject.experiment, each, question.layer) for each in subject.moments])


def answer_moments(question: AttributionQuestion) -> np.ndarray:
    """(moments, T, I): ∂y/∂x_t of one output at many moments of training."""
    subject = question.subject
    subject.arrive()
    return at_moments(subject.experiment, subject.moments, subject.inputs, question.steps[0], question.channel)


def answer_steps(question: AttributionQuestion) -> np.ndarray:
    """(steps, T, I): ∂y/∂x_t of the outputs at many steps, now."""
    subject = question.subject
    subject.arrive()
    found = by_output_step(subject.experiment, subject.moments[0], subject.inputs, question.steps, question.channel)
    return found.gradient
