"""What can be read out of a state, what is lost with a unit, and how a state moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine import CELLS, Experiment, advance, initial_state, task_of
from engine.analysis.decoding import decode, read_out_quality
from engine.analysis.dynamics import fixed_points, principal_plane
from engine.analysis.lesions import (
    lesion_curve,
    localist_echo,
    metric_without,
    switch_off,
    units_drawn,
)
from engine.cells.base import Weights
from engine.chunks import train_chunk
from engine.lessons import PARITY, REMEMBERS
from engine.network import layer_weights, unroll
from engine.supply import fresh_batch
from tests.seeds import in_most

# --- read-outs ---


def test_a_read_out_is_the_best_linear_one_judged_on_new_data() -> None:
    draw = np.random.default_rng(0)
    x, x_new = draw.normal(size=(2, 400, 5))
    weights, noise = draw.normal(size=(5, 3)), np.array([0.0, 1.0, 1e6])
    y, y_new = (each @ weights + noise * draw.normal(size=(400, 3)) for each in (x, x_new))
    quality = read_out_quality(x, y, x_new, y_new)
    fit, *_ = np.linalg.lstsq(np.c_[x, np.ones(400)], y, rcond=None)
    expected = [np.corrcoef(np.c_[x_new, np.ones(400)] @ fit[:, k], y_new[:, k])[0, 1] ** 2 for k in range(3)]
    np.testing.assert_allclose(quality, expected, atol=1e-4)
    assert quality[0] > 0.9999 and quality[2] < 0.05


def test_states_that_do_not_vary_tell_nothing_and_break_nothing() -> None:
    y = np.random.default_rng(1).normal(size=(50, 2))
    assert not read_out_quality(np.zeros((50, 3)), y, np.zeros((50, 3)), y).any()
    assert not read_out_quality(np.full((50, 3), np.nan), y, np.zeros((50, 3)), y).any()


def test_a_shift_register_remembers_as_many_bits_as_it_has_units_and_no_more() -> None:
    experiment, parameters = localist_echo(20)
    found = decode(experiment, parameters)
    np.testing.assert_allclose(found.by_lag[:6], 1, atol=1e-3)
    assert found.by_lag[6:].max() < 0.02
    assert found.capacity == pytest.approx(experiment.hidden_size, abs=0.1)


@pytest.mark.parametrize("units", [4, 8])
@pytest.mark.parametrize("cell", [cell for cell in CELLS if CELLS[cell].states])
def test_memory_capacity_is_at_most_the_number_of_units(cell: str, units: int) -> None:
    experiment = Experiment(task="echo", cell=cell, hidden_size=units, length=20)
    assert decode(experiment, initial_state(experiment).parameters).capacity < units + 0.3


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("delay", [3, 5])
def test_a_network_trained_to_echo_carries_all_younger_bits_and_lets_go_of_the_oldest(seed: int, delay: int) -> None:
    experiment = replace(REMEMBERS, length=4 * delay, seed=seed)
    chunk = train_chunk(experiment, initial_state(experiment), experiment.steps)
    assert chunk.ending == "solved"
    before = decode(experiment, initial_state(experiment).parameters)
    after = decode(experiment, chunk.state.parameters)
    assert after.by_lag[: delay + 1].min() > 0.95
    assert after.by_lag[11:].max() < 0.2
    assert after.capacity < before.capacity - 0.8


# --- lesions ---


@pytest.mark.parametrize("cell", [cell for cell in CELLS if CELLS[cell].states])
def test_a_unit_that_is_off_is_zero_for_all_that_read_it(cell: str) -> None:
    """Against a loop that takes one step at a time and then sets the units to zero."""
    experiment = Experiment(task="echo", cell=cell, hidden_size=6, length=10)
    parameters = advance(replace(experiment, learning_rate=0.05), initial_state(experiment), 10)[0].parameters
    inputs, off = fresh_batch(experiment, 5).inputs, [1, 4]
    states = np.zeros((CELLS[cell].states, 5, 6))
    expected = []
    for x in inputs:
        layer = unroll(experiment, parameters, x[np.newaxis], start=[states]).layers[0]
        states = np.stack([layer.hidden_state[0], *([layer.cell_state[0]] if cell == "lstm" else [])])  # type: ignore[attr-defined]
        states[0][:, off] = 0
        expected.append(states[0] @ parameters["readout.weight"].T.astype(float) + parameters["readout.bias"])
    outputs = unroll(experiment, switch_off(experiment, parameters, off), inputs).outputs
    np.testing.assert_allclose(outputs, expected, atol=1e-9)


def test_a_shift_register_echoes_exactly_and_loses_everything_with_any_unit() -> None:
    experiment, parameters = localist_echo(20)
    assert metric_without(experiment, parameters, []) == 1
    for unit in range(experiment.hidden_size):
        assert metric_without(experiment, parameters, [unit]) < 0.6


@pytest.mark.parametrize("seed", range(5))
def test_a_trained_network_loses_little_with_a_unit_and_gracefully_more_with_more(seed: int) -> None:
    experiment = replace(REMEMBERS, seed=seed)
    parameters = train_chunk(experiment, initial_state(experiment), experiment.steps).state.parameters
    curve = lesion_curve(experiment, parameters, (0, 1, 3, 8, 32))
    assert curve.mean[0] > 0.98
    assert curve.mean[1] > 0.97 and curve.worst[1] > 0.85, "one of 32"
    assert curve.mean[2] > 0.9, "a tenth"
    assert curve.mean[3] > 0.75, "a quarter"
    assert curve.mean[4] < 0.6, "all of them"
    assert (curve.worst <= curve.mean + 1e-9).all() and (curve.mean <= curve.best + 1e-9).all()


def test_choices_of_units_grow_from_each_other_and_follow_from_the_seed() -> None:
    few, many = (units_drawn(REMEMBERS, count, 3) for count in (4, 9))
    assert many[:4] == few and len(set(many)) == 9
    assert units_drawn(REMEMBERS, 4, 3) == few != units_drawn(replace(REMEMBERS, seed=1), 4, 3)


# --- dynamics ---


def test_the_principal_plane_is_that_of_the_covariance_matrix() -> None:
    states = np.random.default_rng(2).normal(size=(300, 4)) * [3, 1, 0.3, 2]
    plane = principal_plane(states.reshape(30, 10, 4))
    values, vectors = np.linalg.eigh(np.cov(states.T))
    for axis, expected in zip(plane.axes, vectors.T[::-1][:2], strict=True):
        assert abs(axis @ expected) == pytest.approx(1)
    assert plane.share == pytest.approx(values[-2:].sum() / values.sum())
    np.testing.assert_allclose(plane(plane.middle), 0, atol=1e-12)


def rnn_with(weights: Weights, activation: str = "tanh") -> tuple[Experiment, dict[str, np.ndarray]]:
    experiment = Experiment(task="parity", cell="rnn", hidden_size=2, activation=activation)
    parameters = dict(initial_state(experiment).parameters)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    values = (weights.input, weights.recurrent, weights.input_bias, weights.recurrent_bias)
    parameters |= {f"rnn.{name}_l0": value.astype(np.float32) for name, value in zip(names, values, strict=True)}
    return experiment, parameters


def test_fixed_points_of_two_separate_units_are_found_with_their_stability() -> None:
    """h = tanh(2h) has a stable solution on each side and an unstable one at 0; h = tanh(h/2) has 0 alone."""
    U = np.diag([2.0, 0.5])
    experiment, parameters = rnn_with(Weights(np.zeros((2, 1)), U, np.zeros(2), np.zeros(2)))
    cloud = np.random.default_rng(3).uniform(-1, 1, (100, 2))
    points = fixed_points(experiment, parameters, cloud, np.zeros(1))
    assert [point.unstable_directions for point in points] == [0, 0, 1]
    assert sorted(point.state[0] for point in points) == pytest.approx([-0.957504, 0, 0.957504], abs=1e-5)
    for point in points:
        slope = 1 - np.tanh(U @ point.state) ** 2
        expected = np.sort(np.abs(np.linalg.eigvals(np.diag(slope) @ U)))[::-1]
        np.testing.assert_allclose(np.abs(point.eigenvalues), expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_linear_network_has_one_fixed_point_where_algebra_says(seed: int) -> None:
    experiment = replace(PARITY, activation="identity", seed=seed)
    parameters = initial_state(experiment).parameters
    weights = layer_weights(experiment, parameters, 0)
    states = unroll(experiment, parameters, fresh_batch(experiment, 20).inputs).hidden_state
    (point,) = fixed_points(experiment, parameters, states, np.zeros(1))
    bias = weights.input_bias + weights.recurrent_bias
    np.testing.assert_allclose(point.state, np.linalg.solve(np.eye(16) - weights.recurrent, bias), atol=1e-6)


@in_most()
def test_parity_needs_the_bend(seed: int) -> None:
    bent = replace(PARITY, seed=seed)
    straight = replace(bent, activation="identity")
    tanh, linear = (train_chunk(each, initial_state(each), each.steps) for each in (bent, straight))
    assert tanh.ending == "solved" and linear.score < 0.65
    longer = fresh_batch(bent, 100, length=24)
    right = task_of(bent).measure(unroll(bent, tanh.state.parameters, longer.inputs).outputs, longer)
    assert right > 0.9, "three times as long as in training"
