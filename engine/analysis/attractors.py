"""Where states of a network end when it runs on by itself: attractors, their basins, and pushes.

The plane is that of the first two units (or outputs), which the tasks "attractors" and "cycle" speak about.

    found = basins(experiment, state.parameters)
    found.places          # (n, 2): n places of rest
    path = path_from(experiment, state.parameters, np.array([[0.3, -0.8]]), steps=60)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.experiment import Experiment
from engine.network import unroll
from engine.parameters import Parameters
from engine.supply import fresh_batch
from engine.tasks.cycle import RADIUS

STILL = 0.15  # a state that moves less than this in each coordinate, over WATCHED steps, is at rest, or nearly so
WATCHED = 12
SAME = 0.1  # states at rest within this distance are one attractor
RUN = 150  # steps before a state is looked at
TOLERANCE = 0.2  # within which a state is where it should be

MOVES = -1  # the number of a place for states that do not come to rest


@dataclass(frozen=True)
class Basins:
    """The plane, divided by where its points end.

    Attributes:
        axis: (side,) the coordinates of the grid, the same for both axes.
        place: (side, side) number of the place, row y and column x; MOVES where the state goes on moving.
        places: (n, 2) where states come to rest, by how much of the plane ends there.
        shares: (n,) of the grid that ends at each.
    """

    axis: np.ndarray
    place: np.ndarray
    places: np.ndarray
    shares: np.ndarray

    @property
    def moving(self) -> float:
        """Share of the grid whose states do not come to rest."""
        return float(np.mean(self.place == MOVES))


def path_from(
    experiment: Experiment, parameters: Parameters, points: np.ndarray, steps: int, push: np.ndarray | None = None
) -> np.ndarray:
    """The way through the plane, (steps, N, 2), of states told to start at `points` (N, 2).

    Args:
        push: (N, H) added to all units' states after RUN steps, from where the way is then told; needs a vanilla RNN.
    """
    inputs = np.repeat(points[np.newaxis], RUN if push is not None else steps, axis=0)
    unrolled = unroll(experiment, parameters, inputs)
    if push is not None:
        states = unrolled.hidden_state[-1] + push
        unrolled = unroll(experiment, parameters, inputs[:1].repeat(steps, axis=0), start=[states[np.newaxis]])
        return np.concatenate([states[np.newaxis, :, :2], unrolled.outputs[:-1]])
    return unrolled.outputs[..., :2]


def basins(experiment: Experiment, parameters: Parameters, side: int = 25, reach: float = 1.0) -> Basins:
    """Start at each point of a grid over −reach…reach, run on for RUN steps, and see where the states are."""
    axis = np.linspace(-reach, reach, side)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)  # x runs fastest
    late = path_from(experiment, parameters, grid, RUN + WATCHED)[-WATCHED:]
    rests = np.isfinite(late).all(axis=(0, 2)) & (np.ptp(late, axis=0).max(axis=-1) < STILL)
    place = np.full(len(grid), MOVES)
    places: list[np.ndarray] = []
    for number in np.flatnonzero(rests):
        end = late[:, number].mean(axis=0)
        near = [which for which, known in enumerate(places) if np.abs(known - end).max() < SAME]
        if not near:
            places.append(end)
        place[number] = near[0] if near else len(places) - 1
    counts = np.array([np.sum(place == which) for which in range(len(places))], dtype=int)
    order = np.argsort(-counts, kind="stable")
    renumbered = np.full(len(places) + 1, MOVES)  # the last entry is for MOVES itself
    renumbered[order] = np.arange(len(places))
    found = np.array(places).reshape(-1, 2)[order]
    return Basins(axis, renumbered[place].reshape(side, side), found, counts[order] / len(grid))


def share_that_stays(experiment: Experiment, parameters: Parameters, size: int = 64) -> float:
    """Share of fresh starts whose state is where it should be at each of the WATCHED steps after RUN.

    A state is where it should be within 0.2: of its place or pattern, or of the circle in the task "cycle".
    """
    batch = fresh_batch(experiment, size)
    with np.errstate(all="ignore"):
        inputs = np.repeat(batch.inputs[:1], RUN + WATCHED, axis=0)
        late = unroll(experiment, parameters, inputs).outputs[-WATCHED:]
        if experiment.task == "cycle":
            away = np.abs(np.linalg.norm(late, axis=-1) - RADIUS)
            moves = np.ptp(late, axis=0).max(axis=-1) > RADIUS
            return float(np.mean((away < TOLERANCE).all(axis=0) & moves))
        away = np.abs(late - batch.targets[-1]).max(axis=-1)
        return float(np.mean((away < TOLERANCE).all(axis=0)))


def share_that_returns(experiment: Experiment, parameters: Parameters, push: float, size: int = 64) -> float:
    """Share of fresh starts that, once at rest, are pushed and get back to where they were.

    Each unit is pushed by `push` up or down, at random, after RUN steps; back is within 0.2 of the place at each of
    the WATCHED steps that begin RUN steps later, or of the circle in the task "cycle". Needs a vanilla RNN.
    """
    batch = fresh_batch(experiment, size)
    inputs = np.repeat(batch.inputs[:1], RUN + WATCHED, axis=0)
    with np.errstate(all="ignore"):
        before = unroll(experiment, parameters, inputs)
        pushed = before.hidden_state[-1] + signs((size, experiment.hidden_size)) * push
        free = unroll(experiment, parameters, inputs, start=[pushed[np.newaxis]]).outputs[-WATCHED:]
        if experiment.task == "cycle":
            away = np.abs(np.linalg.norm(free, axis=-1) - RADIUS)
        else:
            away = np.abs(free - before.outputs[-WATCHED:].mean(axis=0)).max(axis=-1)
        return float(np.mean((away < TOLERANCE).all(axis=0)))


def signs(shape: tuple[int, int]) -> np.ndarray:
    """Which way each unit is pushed: −1 or 1, the same at every call."""
    return np.random.default_rng(0).choice([-1.0, 1.0], shape)
