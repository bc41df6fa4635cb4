"""The losses that tasks are trained on, with their gradients, in the precision of what they are given."""

from __future__ import annotations

import numpy as np

from engine.tasks import Batch, Loss

Told = slice | np.ndarray
"""Where of (T, B) there are targets: whole time steps, or where a mask is True."""


def told_at(batch: Batch) -> Told:
    """Where `batch` has its targets: from some step on, as in most tasks, or by its mask."""
    mask = batch.target_mask
    first = int(mask[:, 0].argmax())
    return slice(first, None) if mask[first:].all() and not mask[:first].any() else mask


def loss_and_gradient(loss: Loss, outputs: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss L of outputs (n, O), before any sigmoid or softmax, and ∂L/∂(outputs).

    Args:
        targets: (n, O), or for classes (n,) whole numbers.
    """
    gradient: np.ndarray
    if loss is Loss.CATEGORICAL:
        shifted = outputs - outputs.max(axis=-1, keepdims=True)
        log_share = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        chosen = np.arange(len(targets)), targets
        gradient = np.exp(log_share)
        gradient[chosen] -= 1
        return -float(log_share[chosen].mean()), gradient / len(targets)
    if loss is Loss.BINARY:
        each = np.maximum(outputs, 0) - outputs * targets + np.log1p(np.exp(-np.abs(outputs)))
        gradient = 0.5 + 0.5 * np.tanh(0.5 * outputs) - targets
    else:
        gradient = outputs - targets
        each = np.square(gradient)
        gradient *= 2
    return float(each.mean()), gradient / each.size


def loss_of_batch(loss: Loss, outputs: np.ndarray, batch: Batch) -> tuple[float, np.ndarray]:
    """The loss L of outputs (T, B, O) at the targets of `batch`, and ∂L/∂(outputs), 0 where there is no target."""
    at = batch.target_mask
    gradient = np.zeros_like(outputs)
    value, gradient[at] = loss_and_gradient(loss, outputs[at], batch.targets[at])
    return value, gradient
