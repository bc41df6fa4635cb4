"""Which training steps were clipped: those whose gradient was longer than the norm that was set for them."""

from __future__ import annotations

import numpy as np

from engine.experiment import Experiment


def clip_norms(experiment: Experiment, first: int, count: int) -> np.ndarray:
    """(count,) the norm at which each training step from number `first` on (counted from 0) clips; ∞: not at all."""
    norms = np.empty(count)
    for start in (0, *(change.step for change in experiment.changes)):
        clip = experiment.settings_at(start).clip_norm
        norms[max(0, start - first) :] = np.inf if clip is None else clip
    return norms


def clipped(experiment: Experiment, norms: np.ndarray, first: int = 0) -> np.ndarray:
    """(n,) bool: which training steps, from number `first` on, with gradients of `norms` (n,) were clipped."""
    return np.asarray(norms > clip_norms(experiment, first, len(norms)))


def share_by_block(events: np.ndarray, first: int, edges: np.ndarray) -> np.ndarray:
    """(blocks,) 0…1: how many of the steps between neighbouring `edges` were events; NaN where none has been made.

    Args:
        events: (n,) bool, of the training steps from number `first` on.
        edges: (blocks + 1,) step numbers, increasing.
    """
    sums = np.concatenate([[0], np.cumsum(events)])
    places = np.clip(np.ceil(edges).astype(int) - first, 0, len(events))
    made = np.diff(places)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.diff(sums[places]) / np.where(made > 0, made, np.nan))
