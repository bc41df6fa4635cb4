"""Training: `advance` takes a state some steps further, and nothing else happens.

The state is NumPy arrays in a frozen dataclass; batch number n depends on the seed and n alone. So training
can stop, travel to another process and go on anywhere, and 100 steps equal ten times ten, to the byte.
PyTorch is loaded by the first call that trains, not by importing this module.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import ThreadpoolController

from engine.experiment import Experiment
from engine.losses import loss_and_gradient, told_at
from engine.parameters import initial_parameters
from engine.rules import Settings
from engine.supply import training_batch
from engine.tasks import Loss, task_of

if TYPE_CHECKING:
    from engine.fast.optimizer import FlatOptimizer

LARGEST = float(np.finfo(np.float32).max)
RECENT = 50  # training steps over which the metric is averaged to tell whether a task is solved


@dataclass(frozen=True)
class TrainingState:
    """All that training goes on from. Treat the arrays as read-only.

    Attributes:
        parameters: PyTorch's name → float32 array.
        optimizer: PyTorch's name of a moment ("exp_avg") → (parameter count,) float32, in the order of
            `parameters`, each of them flattened; empty at first.
        step: training steps made.
        recent: (≤ RECENT,) float32, the metric of the last training batches, oldest first.
    """

    parameters: Mapping[str, np.ndarray]
    optimizer: Mapping[str, np.ndarray]
    step: int
    recent: np.ndarray

    @property
    def score(self) -> float:
        """Mean metric over the last batches, each of them fresh; NaN before the first."""
        return float(self.recent.mean()) if len(self.recent) else math.nan

    @property
    def nbytes(self) -> int:
        """Size of the arrays."""
        return sum(array.nbytes for array in (*self.parameters.values(), *self.optimizer.values(), self.recent))


@dataclass(frozen=True)
class TrainingLog:
    """What happened in some training steps, one value a step.

    Attributes:
        loss: (n,) float32, on each step's fresh batch, before its update.
        metric: (n,) float32, the task's metric on that batch.
        gradient_norm: (n,) float32, Euclidean norm of the whole gradient before clipping.
        diverged: whether the step after the last one made the loss or the gradient infinite or NaN, or so large
            that its square is; that step was not made.
    """

    loss: np.ndarray
    metric: np.ndarray
    gradient_norm: np.ndarray
    diverged: bool


def initial_state(experiment: Experiment) -> TrainingState:
    """The state before the first training step."""
    return TrainingState(initial_parameters(experiment), {}, 0, np.empty(0, np.float32))


def advance(
    experiment: Experiment, state: TrainingState, steps: int | None = None, *, seconds: float | None = None
) -> tuple[TrainingState, TrainingLog]:
    """Train on from `state`.

    Pure: nothing is changed, and the same arguments give the same bytes on the same machine. The experiment's
    own step budget and the task's solution do not stop it; see `engine.chunks` for that.

    Args:
        steps: how many training steps to make.
        seconds: instead of, or beside, `steps`: stop at the first step that ends later than this.

    Returns:
        The new state, and a log with one value for each step made: fewer than `steps` if training diverged.

    Raises:
        ValueError: neither `steps` nor `seconds` is given, or one is negative.
    """
    if (steps is None and seconds is None) or (steps or 0) < 0 or (seconds or 0) < 0:
        raise ValueError("advance needs steps or seconds, neither of them negative.")
    end = math.inf if seconds is None else time.perf_counter() + seconds
    trainer = Trainer(experiment, state)
    with one_thread():
        while (steps is None or trainer.steps_made < steps) and not trainer.diverged:
            trainer.step()
            if time.perf_counter() >= end:
                break
    return trainer.state(), trainer.log()


@contextmanager
def one_thread() -> Iterator[None]:
    """NumPy and PyTorch on one thread: sums split among threads round differently, and small ones wait."""
    import torch

    count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _numpy_threads().limit(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(count)


@functools.cache
def _numpy_threads() -> ThreadpoolController:
    """The threads of the libraries that NumPy multiplies matrices with."""
    return ThreadpoolController()


class Trainer:
    """A network that trains step by step, from one `TrainingState` to a later one."""

    def __init__(self, experiment: Experiment, state: TrainingState) -> None:
        from engine.fast.network import FastNetwork

        self.experiment = experiment
        self.task = task_of(experiment)
        self.diverged = False
        self._start = state
        # One long vector holds all parameters, and another all gradients; what the network computes with are
        # views into them. So clipping and the optimiser each take one operation instead of one a parameter.
        self._flat = np.concatenate([value.ravel() for value in state.parameters.values()])
        self._gradient = np.zeros_like(self._flat)
        self._parameters, self._gradients = self._views_of(self._flat), self._views_of(self._gradient)
        self._network = FastNetwork(experiment, self._parameters)
        self._optimizer = self._make_optimizer(experiment.settings_at(max(0, state.step - 1)), state.optimizer)
        self._recent = state.recent
        self._loss: list[float] = []
        self._metric: list[float] = []
        self._gradient_norm: list[float] = []

    @property
    def steps_made(self) -> int:
        """Training steps made by this trainer."""
        return len(self._loss)

    @property
    def solved(self) -> bool:
        """Whether steps were made and the metric, averaged over the last RECENT batches, counts as a solution."""
        whole = self.steps_made > 0 and len(self._recent) == RECENT
        return whole and self.task.metric.is_solved(float(self._recent.mean()))

    def step(self) -> None:
        """Make one training step on a fresh batch, or none and set `diverged`."""
        number = self._start.step + self.steps_made
        batch = training_batch(self.experiment, number)
        settings = self.experiment.settings_at(number)
        at = told_at(batch)
        targets = batch.targets[at].reshape(-1, *batch.targets.shape[2:])
        with np.errstate(all="ignore"):  # what has overflowed shows in the norm
            forward = self._network.forward(batch.inputs)
            told = forward.states[at].reshape(len(targets), -1)
            outputs = self._network.outputs(told)
            loss, output_grad = loss_and_gradient(self.task.loss, outputs, targets)
            self._network.backward(forward, at, told, output_grad, into=self._gradients)
            norm = float(np.linalg.norm(self._gradient.astype(np.float64)))
        clipped = norm if settings.clip_norm is None else min(norm, settings.clip_norm)
        # whatever is compared with NaN is False; what is squared by an optimiser must not overflow either
        if not (math.isfinite(loss) and norm <= LARGEST and clipped**2 <= LARGEST):
            self.diverged = True
            return
        if clipped < norm:
            self._gradient *= clipped / norm
        if settings.optimizer_since != self._since:
            self._optimizer = self._make_optimizer(settings, {})
        self._optimizer.step(self._gradient, settings.learning_rate)
        self._loss.append(loss)
        self._gradient_norm.append(norm)
        self._metric.append(
            loss
            if self.task.loss is Loss.MSE and self.task.metric.solved is not None
            else self.task.score(outputs, targets)
        )
        newest = np.array(self._metric[-1:], np.float32)
        self._recent = np.concatenate([self._recent[-(RECENT - 1) :], newest])

    def state(self) -> TrainingState:
        """The state after the steps made so far."""
        parameters = {name: value.copy() for name, value in self._parameters.items()}
        return TrainingState(parameters, self._optimizer.moments, self._start.step + self.steps_made, self._recent)

    def log(self) -> TrainingLog:
        """What happened in the steps made so far."""
        loss, metric, norm = (np.array(each, np.float32) for each in (self._loss, self._metric, self._gradient_norm))
        return TrainingLog(loss, metric, norm, self.diverged)

    def _views_of(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """Parameter's name → its part of a long vector, which shares its memory."""
        views, start = {}, 0
        for name, value in self._start.parameters.items():
            views[name] = vector[start : start + value.size].reshape(value.shape)
            start += value.size
        return views

    def _make_optimizer(self, settings: Settings, moments: Mapping[str, np.ndarray]) -> FlatOptimizer:
        """The optimiser of `settings`, which goes on with `moments`."""
        from engine.fast.optimizer import FlatOptimizer

        self._since = settings.optimizer_since
        return FlatOptimizer(settings.optimizer, self._flat, moments, self._start.step - settings.optimizer_since)
