"""A network of a run: where it stands, and what it remembers of its past."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from engine.chunks import Chunk, Ending, chunk_at, first_chunk
from engine.experiment import Experiment
from engine.film import Still
from engine.history import GradientHistory, LossHistory, Moments, NormHistory
from engine.parameters import parameter_count
from engine.recording import Recording
from engine.tasks import Task, task_of
from engine.training import TrainingState, initial_state


class Lane:
    """One network of a run.

    Attributes:
        experiment: its configuration.
        chunk: where it stands, and the look inside there.
        losses: of all steps so far.
        gradients: ‖∂L/∂h_t‖ of each displayed sequence, at many moments of training.
        norms: of the whole gradient before clipping, of all steps so far.
        moments: the parameters, at many moments of training.
        ending: why it trains no further, or None.
        is_past: whether it is looked at as it was, and has gone on since.
    """

    is_past = False

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.losses = LossHistory()
        self.gradients = GradientHistory()
        self.norms = NormHistory()
        self.moments = Moments()
        self.ending: Ending | None = None
        self.chunk = first_chunk(experiment, initial_state(experiment))
        self.show(self.chunk)

    @property
    def step(self) -> int:
        """Training steps made."""
        return self.chunk.state.step

    @property
    def recording(self) -> Recording:
        """The look inside, now."""
        return self.chunk.recording

    @property
    def solved(self) -> bool:
        """Whether it has solved its task."""
        return self.ending is Ending.SOLVED

    @property
    def diverged(self) -> bool:
        """Whether its loss or gradient has stopped being a number."""
        return self.ending is Ending.DIVERGED

    @property
    def gradient_ratio(self) -> float:
        """‖∂L/∂h_1‖ ÷ ‖∂L/∂h_T‖ of the last layer, the median over the displayed sequences."""
        norms = gradient_norms(self.recording)[-1]  # (T, B)
        with np.errstate(all="ignore"):
            return float(np.median(norms[0] / norms[-1]))

    @property
    def parameter_count(self) -> int:
        """How many numbers it learns."""
        return parameter_count(self.chunk.state.parameters)

    @property
    def task(self) -> Task:
        """What it learns."""
        return task_of(self.experiment)

    def show(self, chunk: Chunk) -> None:
        """Stand at the end of `chunk`."""
        self.losses.extend(chunk.log.loss)
        self.norms.extend(chunk.log.gradient_norm)
        self.moments.append(chunk.state.step, chunk.state.parameters)
        self.gradients.append(chunk.state.step, gradient_norms(chunk.recording))
        self.chunk = chunk
        self.ending = chunk.ending or (Ending.BUDGET if self.step >= self.experiment.steps else None)

    def seen_as(self, recording: Recording) -> Lane:
        """A copy to look at, inside which one sees `recording`; its past is shared."""
        seen = copy(self)
        seen.chunk = replace(self.chunk, recording=recording)
        seen.gradients = self.gradients.seen_as(gradient_norms(recording))
        return seen

    def could_become(self, experiment: Experiment) -> bool:
        """Whether `experiment` has the same past up to here, so that this lane can go on as it."""
        return self.shares(experiment, self.step)

    @property
    def still(self) -> Still:
        """How it stands, for the film."""
        return Still(self.chunk.state, self.chunk.score, self.ending)

    def as_of(self, still: Still, experiment: Experiment | None = None) -> Lane:
        """This lane as it was in `still`, a moment of its own past; to go on as `experiment`, which shares that."""
        experiment = experiment or self.experiment
        step = still.state.step
        lane = Lane.__new__(Lane)
        lane.experiment = experiment
        lane.chunk = self.chunk if step == self.step else chunk_at(experiment, still.state, still.score)
        lane.losses, lane.norms = self.losses.until(step), self.norms.until(step)
        lane.moments = self.moments.until(step)
        lane.gradients = self.gradients.until(step, gradient_norms(lane.recording))
        goes_on = still.ending is Ending.BUDGET or not self.shares(experiment, step + 1)
        lane.ending = None if goes_on else still.ending
        if lane.ending is None and step >= experiment.steps:
            lane.ending = Ending.BUDGET
        lane.chunk = replace(lane.chunk, ending=None if lane.ending is Ending.BUDGET else lane.ending)
        return lane

    def shares(self, experiment: Experiment, step: int) -> bool:
        """Whether the first `step` training steps of `experiment` are this lane's own."""
        return experiment.until(step) == self.experiment.until(step)

    def become(self, experiment: Experiment) -> None:
        """Go on as `experiment`, which has the same past up to here."""
        self.experiment = experiment
        if self.ending in (None, Ending.BUDGET):
            self.ending = Ending.BUDGET if self.step >= experiment.steps else None


@dataclass(frozen=True)
class Snapshot:
    """Networks as they stand, which train no further.

    Attributes:
        lanes: one a network.
    """

    lanes: tuple[Lane, ...]

    @property
    def step(self) -> int:
        """Training steps made by the lane that is furthest."""
        return max(lane.step for lane in self.lanes)

    @classmethod
    def of(cls, experiment: Experiment, *states: TrainingState) -> Snapshot:
        """The network of `experiment` in each of `states`."""
        lanes = tuple(Lane(experiment) for _ in states)
        for lane, state in zip(lanes, states, strict=True):
            lane.show(first_chunk(experiment, state))
        return cls(lanes)


def gradient_norms(recording: Recording) -> np.ndarray:
    """‖∂L_b/∂h_t‖ of each layer, step and displayed sequence, (layers, T, B), where L_b is sequence b's own loss.

    A recording's L is the mean over its B sequences, so that ∂L_b/∂h_t is B times its gradient.
    """
    grads = np.stack([layer.hidden_state_grad for layer in recording.layers]).astype(np.float64)
    with np.errstate(all="ignore"):
        norms: np.ndarray = recording.batch.size * np.linalg.norm(grads, axis=-1)
        return norms
