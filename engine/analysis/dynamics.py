"""How a vanilla RNN's state moves: the plane where it moves most, and the points where it would rest.

    plane = principal_plane(states)                       # states (..., H)
    points = fixed_points(experiment, state.parameters, states, inputs=np.zeros(1))

A fixed point under a constant input x is a state with h = φ(W x + U h + b). It is stable if all eigenvalues of the step
Jacobian there, diag(φ') U, are smaller than 1 in absolute value (Sussillo & Barak 2013, Opening the black box).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.cells.rnn import phi_numpy, slope_numpy
from engine.experiment import Experiment
from engine.network import layer_weights
from engine.parameters import Parameters

NEWTON_STEPS = 60
SLOW = 1e-9  # largest |φ(…) − h| of a unit at a point that counts as fixed
SAME = 1e-3
STARTS = 200
SETTLING = 100  # steps that a state is let go before it is a start of the search


@dataclass(frozen=True)
class Plane:
    """A plane through the middle of a cloud of states, along its two strongest principal components.

    Attributes:
        middle: (H,).
        axes: (2, H), of length 1.
        share: of the variance that lies in the plane, 0…1.
    """

    middle: np.ndarray
    axes: np.ndarray
    share: float

    def __call__(self, states: np.ndarray) -> np.ndarray:
        """(..., 2) coordinates of states (..., H)."""
        placed: np.ndarray = (states - self.middle) @ self.axes.T
        return placed


@dataclass(frozen=True)
class FixedPoint:
    """A state that maps onto itself.

    Attributes:
        state: (H,).
        eigenvalues: (H,) complex, of the step Jacobian, the largest first.
    """

    state: np.ndarray
    eigenvalues: np.ndarray

    @property
    def unstable_directions(self) -> int:
        """How many eigenvalues are at least 1 in absolute value; 0 for a stable point."""
        return int(np.sum(np.abs(self.eigenvalues) >= 1))


def principal_plane(states: np.ndarray) -> Plane:
    """The plane of the two strongest principal components of states (..., H), by singular value decomposition."""
    flat = states.reshape(-1, states.shape[-1]).astype(np.float64)
    middle = flat.mean(axis=0)
    _, strengths, axes = np.linalg.svd(flat - middle, full_matrices=False)
    signs = np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, np.newaxis]  # a sign that does not jump
    total = float(np.square(strengths).sum())
    return Plane(middle, signs * axes[:2], float(np.square(strengths[:2]).sum() / total) if total else 1.0)


def fixed_points(
    experiment: Experiment, parameters: Parameters, states: np.ndarray, inputs: np.ndarray
) -> list[FixedPoint]:
    """Fixed points of a one-layer vanilla RNN under the constant `inputs` (I,), the stable ones first.

    Newton's method from up to STARTS of the visited `states` (..., H), as they are and after SETTLING steps.
    """
    weights = layer_weights(experiment, parameters, 0)
    driven = weights.input @ inputs + weights.input_bias + weights.recurrent_bias
    phi = phi_numpy(experiment.activation)
    starts = states.reshape(-1, states.shape[-1]).astype(np.float64)
    starts = starts[:: max(1, len(starts) // STARTS)]
    settled = starts
    with np.errstate(all="ignore"):
        for _ in range(SETTLING):
            settled = phi(driven + settled @ weights.recurrent.T)
        found = _newton(np.concatenate([settled, starts]), driven, weights.recurrent, experiment.activation)
    points: list[FixedPoint] = []
    for state in found:
        if all(np.abs(state - known.state).max() > SAME for known in points):
            slope = slope_numpy(state, experiment.activation)
            values = np.linalg.eigvals(slope[:, np.newaxis] * weights.recurrent)
            points.append(FixedPoint(state, values[np.argsort(-np.abs(values))]))
    return sorted(points, key=lambda point: point.unstable_directions)


def _newton(h: np.ndarray, driven: np.ndarray, recurrent: np.ndarray, activation: str) -> np.ndarray:
    """Those of h (N, H) that converge to h = φ(driven + U h)."""
    phi, identity = phi_numpy(activation), np.eye(len(driven))
    for _ in range(NEWTON_STEPS):
        image = phi(driven + h @ recurrent.T)
        jacobians = slope_numpy(image, activation)[..., np.newaxis] * recurrent - identity
        usable = np.isfinite(jacobians).all(axis=(1, 2))
        h, image, jacobians = h[usable], image[usable], jacobians[usable]
        step = np.linalg.solve(jacobians + 1e-14 * identity, (h - image)[..., np.newaxis])[..., 0]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        h = h + step * np.minimum(1, 1 / np.maximum(length, 1e-12))  # no longer than 1, lest it leap away
    near = np.abs(phi(driven + h @ recurrent.T) - h).max(axis=1) < SLOW
    return np.asarray(h[near])
