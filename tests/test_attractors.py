"""Attractors and basins, against networks whose fixed points are known."""

from __future__ import annotations

import numpy as np
import pytest

from engine import Experiment, initial_state
from engine.analysis.attractors import RUN, basins, path_from, share_that_stays
from engine.chunks import train_chunk

TWO_UNITS = Experiment(task="attractors", cell="rnn", length=20, hidden_size=2, input_way="initial", target_way="units")


def two_units(recurrent: list[list[float]]) -> dict[str, np.ndarray]:
    """h_t = tanh(U h_{t−1})."""
    parameters = dict(initial_state(TWO_UNITS).parameters)
    parameters["rnn.weight_hh_l0"] = np.array(recurrent, np.float32)
    parameters["rnn.bias_ih_l0"] = parameters["rnn.bias_hh_l0"] = np.zeros(2, np.float32)
    return parameters


def fixed_point_of_tanh(gain: float) -> float:
    """h > 0 with h = tanh(gain h), by bisection."""
    low, high = 1e-6, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.tanh(gain * middle) > middle else (low, middle)
    return low


@pytest.mark.parametrize("gain", [1.3, 2.0])
def test_two_independent_units_with_a_gain_have_four_attractors_one_a_quadrant(gain: float) -> None:
    found = basins(TWO_UNITS, two_units([[gain, 0], [0, gain]]), side=20)
    assert len(found.places) == 4 and found.moving == 0
    np.testing.assert_allclose(np.abs(found.places), fixed_point_of_tanh(gain), atol=1e-6)
    np.testing.assert_allclose(found.shares, 0.25)
    for row, y in enumerate(found.axis):
        for column, x in enumerate(found.axis):
            assert (np.sign(found.places[found.place[row, column]]) == np.sign([x, y])).all()


def test_without_gain_everything_ends_in_the_middle() -> None:
    found = basins(TWO_UNITS, two_units([[0.8, 0], [0, 0.5]]))
    assert len(found.places) == 1 and np.abs(found.places).max() < 1e-6 and found.shares[0] == 1


def test_a_turning_state_comes_to_rest_nowhere_but_in_the_middle() -> None:
    turn = 1.6 * np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    found = basins(TWO_UNITS, two_units(turn.tolist()), side=25)
    assert found.moving == pytest.approx(1 - 1 / 625) and len(found.places) == 1


def test_paths_are_those_of_the_network_and_a_push_moves_every_unit() -> None:
    parameters = two_units([[1.5, 0.2], [-0.1, 1.2]])
    path = path_from(TWO_UNITS, parameters, np.array([[0.3, -0.4]]), 5)
    h = np.array([0.3, -0.4])
    for step in range(5):
        h = np.tanh(parameters["rnn.weight_hh_l0"].astype(float) @ h)
        np.testing.assert_allclose(path[step, 0], h)
    still = path_from(TWO_UNITS, parameters, np.array([[0.3, -0.4]]), RUN)[-1]
    pushed = path_from(TWO_UNITS, parameters, np.array([[0.3, -0.4]]), 80, push=np.array([[0.1, -0.1]]))
    np.testing.assert_allclose(pushed[0], still + np.array([[0.1, -0.1]]))
    np.testing.assert_allclose(pushed[-1], still, atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("input_way", ["initial", "clamped"])
def test_the_lesson_says_what_comes_out(seed: int, input_way: str) -> None:
    def share(**settings: object) -> float:
        experiment = Experiment(
            cell="rnn", length=20, learning_rate=0.01, steps=1500, seed=seed, target_way="units",
            **({"task": "attractors", "hidden_size": 16, "input_way": input_way, "target_steps": 16} | settings),
        )  # type: ignore[arg-type]  # fmt: skip
        chunk = train_chunk(experiment, initial_state(experiment), experiment.steps)
        return share_that_stays(experiment, chunk.state.parameters)

    assert share() > 0.95
    if input_way == "initial":
        assert share(target_steps=1) < 0.2
        assert share(target_steps=1, hidden_size=2, initialization="identity") > 0.9, "two units can do no other"
        assert share(task="cycle") > 0.9
