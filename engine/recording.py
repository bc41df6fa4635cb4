"""A look inside a network: everything it does on a few fixed sequences, and the gradient that flows back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from engine.cells import Trace
from engine.experiment import Experiment
from engine.intervention import Edit, Intervention, edited
from engine.losses import loss_of_batch
from engine.network import carry_back, unroll
from engine.supply import displayed_batch
from engine.tasks import Batch, task_of
from engine.training import TrainingState


@dataclass(frozen=True)
class Recording:
    """A network's states, gates and gradients on B displayed sequences of T steps.

    The names of the last layer's `Trace` are also names here: `recording.hidden_state` is
    `recording.layers[-1].hidden_state`, `recording.forget_gate` the LSTM's, and so on.

    Attributes:
        step: training steps made before.
        batch: inputs (T, B, I), targets and target mask.
        outputs: (T, B, O) float32, before any sigmoid or softmax.
        loss: the task's loss L on this batch, a mean over sequences and steps that have a target.
        metric: the task's metric on this batch.
        layers: one `Trace` a layer, float32; gradients are ∂L/∂(state).
    """

    step: int
    batch: Batch
    outputs: np.ndarray
    loss: float
    metric: float
    layers: tuple[Trace, ...]

    @property
    def inputs(self) -> np.ndarray:
        """(T, B, I) float32."""
        return self.batch.inputs

    @property
    def targets(self) -> np.ndarray:
        """(T, B, O) float32, or (T, B) int64 for classes."""
        return self.batch.targets

    @property
    def target_mask(self) -> np.ndarray:
        """(T, B) bool, True where the target counts."""
        return self.batch.target_mask

    @property
    def nbytes(self) -> int:
        """Size of the arrays."""
        arrays = [self.outputs, *(array for layer in self.layers for array in vars(layer).values())]
        return sum(array.nbytes for array in arrays)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "layers":
            raise AttributeError(name)
        return getattr(self.layers[-1], name)


def record(
    experiment: Experiment,
    state: TrainingState,
    interventions: Sequence[Intervention] = (),
    edits: Sequence[Edit] = (),
) -> Recording:
    """Run the network of `state` on the experiment's displayed sequences, forward and backward.

    Computed in float64 and given in float32. The sequences depend on task, length and seed only, so networks
    that are compared are seen on the same ones.

    Args:
        interventions: what is done to the network meanwhile, in this order.
        edits: of the sequences' inputs, in this order.

    Raises:
        ExperimentError: an intervention or an edit does not fit the experiment.
    """
    task = task_of(experiment)
    batch = edited(task, displayed_batch(experiment), edits)
    unrolled = unroll(experiment, state.parameters, batch.inputs, interventions=interventions)
    with np.errstate(all="ignore"):  # a network about to diverge may overflow; what is not finite shows
        loss, output_grad = loss_of_batch(task.loss, unrolled.outputs, batch)
        traces = carry_back(experiment, state.parameters, unrolled, output_grad)
        return Recording(
            step=state.step,
            batch=batch,
            outputs=unrolled.outputs.astype(np.float32),
            loss=loss,
            metric=task.measure(unrolled.outputs, batch),
            layers=tuple(_single_precision(trace) for trace in traces),
        )


def held_out_metric(experiment: Experiment, state: TrainingState) -> float | None:
    """The task's metric on all that it keeps back, or None if it keeps nothing back."""
    task = task_of(experiment)
    batch = task.held_out(experiment.length)
    return None if batch is None else task.measure(unroll(experiment, state.parameters, batch.inputs).outputs, batch)


def _single_precision(trace: Trace) -> Trace:
    return replace(trace, **{each.name: getattr(trace, each.name).astype(np.float32) for each in fields(trace)})
