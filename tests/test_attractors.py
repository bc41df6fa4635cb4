"""Attractors and basins, against networks whose fixed points are known; and what training makes of networks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine import Experiment, initial_state
from engine.analysis.attractors import RUN, basins, path_from, share_that_returns, signs
from engine.chunks import Chunk, train_chunk
from engine.network import unroll
from engine.parameters import Parameters
from engine.supply import fresh_batch
from tests.seeds import in_most

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


@pytest.mark.parametrize("size", [0.1, 1.5])
def test_who_comes_back_from_a_push_is_told_by_running_on(size: float) -> None:
    """Four attractors on the diagonals: a unit comes back if the push leaves its sign."""
    parameters, place = two_units([[1.5, 0], [0, 1.5]]), fixed_point_of_tanh(1.5)
    starts = np.sign(fresh_batch(TWO_UNITS, 64).inputs[0])
    stays = (np.abs(starts * place + size * signs((64, 2))) > 0) & (
        np.sign(starts * place + size * signs((64, 2))) == starts
    )
    expected = stays.all(axis=1).mean()
    assert share_that_returns(TWO_UNITS, parameters, size) == pytest.approx(expected)
    assert (expected == 1) == (size < place)


# --- what training makes: seeds, steps and shares as measured ---


def learner(seed: int, **settings: Any) -> Experiment:
    """Sixteen units, of which two are asked to be at the targets."""
    usual: dict[str, Any] = {"task": "attractors", "length": 12, "target_steps": 6, "input_way": "initial"}
    return Experiment(
        cell="rnn", hidden_size=16, learning_rate=0.01, steps=1500, target_way="units", seed=seed, **(usual | settings)
    )


def trained(experiment: Experiment) -> Chunk:
    """The whole run, at once."""
    return train_chunk(experiment, initial_state(experiment), experiment.steps)


def run_on(experiment: Experiment, parameters: Parameters, told: int = 250) -> tuple[np.ndarray, np.ndarray]:
    """States (250, 64, H) from fresh starts, the input there for the first `told` steps, and targets (64, 2)."""
    batch = fresh_batch(experiment, 64)
    inputs = batch.inputs[:1].repeat(250, axis=0)
    inputs[told:] = 0
    return unroll(experiment, parameters, inputs).hidden_state, batch.targets[-1]


def share_held(states: np.ndarray, targets: np.ndarray) -> float:
    """Share of states that are within 0.2 of their targets at each of the steps 189 to 200."""
    return float(np.mean(np.abs(states[188:200, :, :2] - targets).max(axis=(0, 2)) < 0.2))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("input_way", ["driven", "initial", "clamped"])
def test_four_places_are_learned_whichever_way_the_start_is_told(seed: int, input_way: str) -> None:
    chunk = trained(learner(seed, input_way=input_way))
    assert chunk.ending == "solved" and chunk.state.step < 800


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("input_way", ["driven", "clamped"])
def test_told_at_every_step_a_state_stays_even_when_the_input_has_gone(seed: int, input_way: str) -> None:
    experiment = learner(seed, input_way=input_way)
    assert share_held(*run_on(experiment, trained(experiment).state.parameters, told=50)) == 1


def test_told_at_the_start_only_six_steps_of_twelve_rarely_make_a_place_that_holds() -> None:
    experiments = [learner(seed) for seed in range(5)]
    shares = [share_held(*run_on(each, trained(each).state.parameters)) for each in experiments]
    assert sorted(shares)[3] < 0.1, "four seeds of five"


@in_most()
def test_sixteen_steps_of_twenty_make_places_that_hold_and_pull_and_the_last_step_alone_does_not(seed: int) -> None:
    experiment = learner(seed, length=20, target_steps=16)
    parameters = trained(experiment).state.parameters
    states, targets = run_on(experiment, parameters)
    assert share_held(states, targets) == 1, "trained for 20 steps, held for 200"
    assert np.abs(states[249] - states[199]).max() < 1e-3
    push = np.random.default_rng(seed).choice([-0.1, 0.1], states[199].shape)
    back = unroll(experiment, parameters, np.zeros((50, 64, 2)), start=[(states[199] + push)[np.newaxis]])
    assert np.mean(np.abs(back.hidden_state[-1] - states[249]).max(axis=1) < 0.05) > 0.85
    last = replace(experiment, target_steps=1)
    assert share_held(*run_on(last, trained(last).state.parameters)) < 0.1


@pytest.mark.parametrize("seed", range(4))
def test_a_cycle_is_learned_and_goes_round_long_after_the_training_ends(seed: int) -> None:
    experiment = learner(seed, task="cycle", length=24, target_steps=0)
    chunk = trained(experiment)
    assert chunk.ending == "solved" and chunk.state.step < 300
    states, _ = run_on(experiment, chunk.state.parameters)
    path = states[50:, :, 0] + 1j * states[50:, :, 1]
    assert np.abs(path).min() > 0.6 and np.abs(path).max() < 0.85
    turns = np.unwrap(np.angle(path), axis=0)
    steps_a_turn = 2 * np.pi * (len(turns) - 1) / (turns[-1] - turns[0])
    np.testing.assert_allclose(steps_a_turn, 12, atol=0.3)
