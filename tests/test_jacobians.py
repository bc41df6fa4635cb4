"""Products of Jacobians, against finite differences, products written out, and what theory says of them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from engine import Experiment, advance, initial_state
from engine.analysis.jacobians import (
    bound,
    flow_to_the_end,
    spectral_norm,
    spectral_radius,
    step_jacobian,
    step_jacobians,
    strengths_to_the_end,
)
from engine.chunks import train_chunk
from engine.lane import gradient_norms
from engine.lessons import EXPLODES, FADES, STEEP
from engine.network import unroll
from engine.supply import fresh_batch


def small(cell: str, **settings: object) -> Experiment:
    return Experiment(**({"task": "adding", "cell": cell, "length": 12, "hidden_size": 5} | settings))  # type: ignore[arg-type]


def sequence(experiment: Experiment) -> np.ndarray:
    return fresh_batch(experiment, 1).inputs[:, 0]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("k", [1, 5, 11])
def test_the_flow_is_the_finite_difference_of_the_last_state(cell: str, k: int) -> None:
    experiment = small(cell)
    parameters = advance(replace(experiment, learning_rate=0.05), initial_state(experiment), 10)[0].parameters
    inputs = sequence(experiment)
    flow = flow_to_the_end(experiment, parameters, inputs)
    layer = unroll(experiment, parameters, inputs[:, np.newaxis]).layers[0]
    states = [layer.hidden_state[k - 1, 0]] + ([layer.cell_state[k - 1, 0]] if cell == "lstm" else [])  # type: ignore[attr-defined]

    def last(start: np.ndarray) -> np.ndarray:
        rest = unroll(experiment, parameters, inputs[k:, np.newaxis], start=[start[:, np.newaxis]])
        return np.asarray(rest.hidden_state[-1, 0])

    start = np.stack(states)
    for unit in range(5):
        nudge = np.zeros_like(start)
        nudge[0, unit] = 1e-6
        difference = (last(start + nudge) - last(start - nudge)) / 2e-6
        np.testing.assert_allclose(flow.hidden[k - 1, :, unit], difference, atol=1e-8)
        if cell == "lstm":
            assert flow.cell is not None
            nudge = np.roll(nudge, 1, axis=0)
            # along all ways: through h_k = o_k tanh(c_k), too
            through_h = layer.output_gate[k - 1, 0, unit] * (1 - np.tanh(start[1, unit]) ** 2)  # type: ignore[attr-defined]
            direct = (last(start + nudge) - last(start - nudge)) / 2e-6
            np.testing.assert_allclose(
                flow.cell[k - 1, :, unit], direct + through_h * flow.hidden[k - 1, :, unit], atol=1e-8
            )


@pytest.mark.parametrize("activation", ["tanh", "relu", "identity"])
def test_the_flow_of_an_rnn_is_the_product_of_its_step_jacobians(activation: str) -> None:
    experiment = small("rnn", activation=activation)
    parameters, inputs = initial_state(experiment).parameters, sequence(experiment)
    states = unroll(experiment, parameters, inputs[:, np.newaxis]).hidden_state[:, 0]
    U = parameters["rnn.weight_hh_l0"].astype(np.float64)
    slopes = {"tanh": lambda h: 1 - h * h, "relu": lambda h: (h > 0) * 1.0, "identity": np.ones_like}[activation]
    product = np.eye(5)
    flow = flow_to_the_end(experiment, parameters, inputs)
    for k in range(12, 0, -1):
        np.testing.assert_allclose(flow.hidden[k - 1], product, atol=1e-12)
        step = slopes(states[k - 1])[:, np.newaxis] * U
        if k > 1:
            np.testing.assert_allclose(step_jacobian(experiment, parameters, inputs, k), step, atol=1e-12)
        product = product @ step


ONE_STEP = {"rnn": torch.nn.RNNCell, "gru": torch.nn.GRUCell, "lstm": torch.nn.LSTMCell}


def trained(experiment: Experiment) -> dict[str, np.ndarray]:
    return dict(advance(replace(experiment, learning_rate=0.05), initial_state(experiment), 10)[0].parameters)


@pytest.mark.parametrize(
    "settings",
    [{}, {"layers": 2}, {"initial_state": "learned"}, {"driven_units": 2}, {"input_way": "clamped"}],
    ids=str,
)
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_step_jacobian_is_what_autograd_says_of_pytorch_s_own_step(cell: str, settings: dict[str, object]) -> None:
    experiment = small(cell, **settings)
    parameters, inputs = trained(experiment), sequence(experiment)
    layer = experiment.layers - 1
    trace = unroll(experiment, parameters, inputs[:, np.newaxis]).layers[layer]
    width = len(parameters[f"rnn.weight_hh_l{layer}"][0])
    step = ONE_STEP[cell](width, width).double()
    with torch.no_grad():  # what comes in is put into the input bias, since the Jacobian is by the state alone
        step.weight_ih.copy_(torch.zeros_like(step.weight_ih))
        step.weight_hh.copy_(torch.from_numpy(parameters[f"rnn.weight_hh_l{layer}"]))
        step.bias_hh.copy_(torch.from_numpy(parameters[f"rnn.bias_hh_l{layer}"]))
    below = unroll(experiment, parameters, inputs[:, np.newaxis]).layers[0].hidden_state[:, 0] if layer else inputs
    seen = np.concatenate([np.zeros_like(below[:1]), below[:-1]]) if "input_way" in settings else below
    W = parameters[f"rnn.weight_ih_l{layer}"].astype(np.float64)
    blocks = len(step.bias_ih) // width
    W = np.pad(W.reshape(blocks, -1, W.shape[1]), ((0, 0), (0, width - len(W) // blocks), (0, 0)))
    driven = seen @ W.reshape(blocks * width, -1).T + parameters[f"rnn.bias_ih_l{layer}"]
    start = np.concatenate(list(trace.start[:, 0, :width]))
    kept = [trace.hidden_state] + ([trace.cell_state] if cell == "lstm" else [])  # type: ignore[attr-defined]
    states = np.concatenate([each[:, 0, :width] for each in kept], axis=1)
    jacobians = step_jacobians(experiment, parameters, inputs)
    assert jacobians.shape == (12, len(start), len(start))
    for t in range(12):
        with torch.no_grad():
            step.bias_ih.copy_(torch.from_numpy(driven[t]))

        def one_step(state: torch.Tensor) -> torch.Tensor:
            parts = tuple(state.chunk(len(start) // width))
            after = step(torch.zeros(width, dtype=torch.float64), parts if cell == "lstm" else parts[0])
            return torch.cat(after) if cell == "lstm" else after  # type: ignore[no-any-return]

        before = torch.from_numpy(states[t - 1] if t else start)
        np.testing.assert_allclose(one_step(before).detach().numpy(), states[t], atol=1e-12)
        expected = torch.autograd.functional.jacobian(one_step, before).numpy()  # type: ignore[no-untyped-call]
        np.testing.assert_allclose(jacobians[t], expected, atol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_a_step_jacobian_heeds_the_activation(activation: str) -> None:
    experiment = small("rnn", activation=activation)
    parameters, inputs = initial_state(experiment).parameters, sequence(experiment)
    jacobians = step_jacobians(experiment, parameters, inputs)
    for step in range(2, 13):
        np.testing.assert_allclose(jacobians[step - 1], step_jacobian(experiment, parameters, inputs, step), atol=1e-14)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_flow_and_the_strengths_are_those_of_the_product_of_the_steps(cell: str) -> None:
    experiment = small(cell)
    parameters, inputs = trained(experiment), sequence(experiment)
    flow, steps = flow_to_the_end(experiment, parameters, inputs), step_jacobians(experiment, parameters, inputs)
    strengths = strengths_to_the_end(steps)
    product = np.eye(steps.shape[1])
    for k in range(12, 0, -1):
        np.testing.assert_allclose(flow.hidden[k - 1], product[:5, :5], atol=1e-14)
        values = np.linalg.svd(product, compute_uv=False)
        told = values > 1e-11 * values[0]
        np.testing.assert_allclose(10 ** strengths.singular[k - 1][told], values[told], rtol=1e-4)
        np.testing.assert_allclose(10 ** strengths.frobenius[k - 1], np.sqrt(np.square(product).sum()), rtol=1e-12)
        product = product @ steps[k - 1]
    np.testing.assert_allclose(10**strengths.spectral, 10 ** np.nanmax(strengths.singular, axis=1))


@pytest.mark.parametrize("seed", range(3))
def test_strengths_are_right_where_floats_have_given_up(seed: int) -> None:
    whole = np.random.default_rng(seed).integers(-9, 10, (400, 3, 3))
    strengths = strengths_to_the_end(whole / 1000)
    exact = np.eye(3, dtype=int).astype(object)  # Python's whole numbers, as long as need be
    for k in range(400, 0, -1):
        if k % 40 == 0 or k == 1:
            unit = int(abs(exact).max())
            scaled = np.array([[float(Fraction(int(each), unit)) for each in row] for row in exact])
            power = len(str(unit)) - 1
            size = power + np.log10(float(Fraction(unit, 10**power))) - 3 * (400 - k)
            assert strengths.spectral[k - 1] == pytest.approx(size + np.log10(np.linalg.norm(scaled, 2)), abs=1e-9)
            assert strengths.frobenius[k - 1] == pytest.approx(size + np.log10(np.linalg.norm(scaled)), abs=1e-9)
        exact = exact @ whole[k - 1]
    assert strengths.spectral[0] < -324, "no float64 is that small"
    assert np.isnan(strengths.singular[0, -1]) and np.isfinite(strengths.singular[-1]).all()


@pytest.mark.parametrize(("radius", "decades"), [(0.01, -398.0), (3.0, 199 * np.log10(3))])
def test_a_linear_rotation_times_the_radius_is_its_power_at_any_distance(radius: float, decades: float) -> None:
    linear = small("rnn", activation="identity", initialization="orthogonal", spectral_radius=radius, length=200)
    steps = step_jacobians(linear, initial_state(linear).parameters, sequence(linear))
    np.testing.assert_allclose(strengths_to_the_end(steps).singular[0], decades, atol=1e-4)


def test_a_product_that_is_zero_or_no_number_says_so() -> None:
    steps = np.stack([np.eye(2), np.full((2, 2), np.nan), np.eye(2), np.zeros((2, 2)), np.eye(2)])
    for strengths in (strengths_to_the_end(steps), strengths_to_the_end(np.where(np.isnan(steps), np.inf, steps))):
        np.testing.assert_array_equal(strengths.spectral, [np.nan, -np.inf, -np.inf, 0, 0])
        np.testing.assert_allclose(strengths.frobenius, [np.nan, -np.inf, -np.inf, np.log10(2) / 2, np.log10(2) / 2])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("radius", [0.8, 1.0, 1.2])
def test_a_linear_network_follows_the_curve_exactly_and_tanh_stays_below_it(seed: int, radius: float) -> None:
    linear = Experiment(
        task="adding", cell="rnn", activation="identity", initialization="orthogonal", spectral_radius=radius,
        length=50, hidden_size=32, seed=seed,
    )  # fmt: skip
    parameters = initial_state(linear).parameters
    U = parameters["rnn.weight_hh_l0"]
    assert spectral_radius(U) == pytest.approx(radius, abs=1e-4)
    assert spectral_norm(U) == pytest.approx(radius, abs=1e-4)
    inputs = sequence(linear)
    curve = radius ** np.arange(49, -1, -1.0)
    np.testing.assert_allclose(flow_to_the_end(linear, parameters, inputs).hidden_norm, curve, rtol=1e-3)
    np.testing.assert_allclose(bound(U, 50), curve, rtol=1e-3)
    squashed = flow_to_the_end(replace(linear, activation="tanh"), parameters, inputs).hidden_norm
    assert (squashed <= bound(U, 50) * (1 + 1e-9)).all() and squashed[0] < 0.8 * curve[0]


@pytest.mark.parametrize("seed", range(5))
def test_before_training_the_cell_state_carries_what_the_rnn_loses(seed: int) -> None:
    rnn = Experiment(task="adding", cell="rnn", length=50, hidden_size=32, seed=seed)
    lstm = replace(rnn, cell="lstm", forget_bias=3.0)
    inputs = sequence(rnn)
    fades = flow_to_the_end(rnn, initial_state(rnn).parameters, inputs).hidden_norm
    carries = flow_to_the_end(lstm, initial_state(lstm).parameters, inputs)
    assert carries.cell_norm is not None and carries.highway_norm is not None
    assert fades[0] < 1e-6, "RNN, 49 steps back"
    assert carries.cell_norm[0] > 1e4 * fades[0]
    assert carries.highway_norm[0] > 1e4 * fades[0], "along the cell state alone, already"


def test_the_highway_is_the_product_of_the_forget_gates() -> None:
    experiment = small("lstm")
    parameters, inputs = initial_state(experiment).parameters, sequence(experiment)
    layer = unroll(experiment, parameters, inputs[:, np.newaxis]).layers[0]
    flow = flow_to_the_end(experiment, parameters, inputs)
    assert flow.highway is not None
    let_out = layer.output_gate[-1, 0] * (1 - np.tanh(layer.cell_state[-1, 0]) ** 2)  # type: ignore[attr-defined]
    for k in range(1, 13):
        kept = np.prod([layer.forget_gate[t - 1, 0] for t in range(k + 1, 13)], axis=0)  # type: ignore[attr-defined]
        np.testing.assert_allclose(flow.highway[k - 1], let_out * kept)


@pytest.mark.parametrize("seed", range(4))
def test_without_clipping_a_large_recurrence_explodes_and_with_it_stays_calm(seed: int) -> None:
    wild_one, calm_one = (replace(EXPLODES, clip_norm=clip, seed=seed) for clip in (None, 1.0))
    _, wild = advance(wild_one, initial_state(wild_one), 300)
    _, calm = advance(calm_one, initial_state(calm_one), 300)
    assert wild.loss.max() > 1e5 and calm.loss.max() < 1e3
    assert not calm.diverged and calm.loss[-20:].mean() < 0.25, "back near chance"


@pytest.mark.parametrize("seed", range(4))
def test_clipping_can_be_what_decides_whether_anything_is_learned(seed: int) -> None:
    def train(clip: float | None) -> tuple[str | None, float, float]:
        experiment = replace(STEEP, seed=seed, clip_norm=clip)
        chunk = train_chunk(experiment, initial_state(experiment), experiment.steps)
        return chunk.ending, chunk.score, float(chunk.log.gradient_norm.max())

    ending, score, longest = train(None)
    assert ending is None and score < 0.4, "thrown away from where it began, it guesses (chance 0.25)"
    assert longest > 5, "at a cliff"
    assert train(1.0)[0] == "solved"


@pytest.mark.parametrize("seed", range(3))
def test_while_they_train_the_rnns_gradient_stays_faded_and_the_lstms_comes_through(seed: int) -> None:
    def first_by_last(cell: str) -> float:
        experiment = replace(FADES, cell=cell, seed=seed)
        chunk = train_chunk(experiment, initial_state(experiment), experiment.steps)
        norms = gradient_norms(chunk.recording)[0]  # (T, B)
        return float(np.median(norms[0] / norms[-1]))

    assert first_by_last("rnn") < 1e-3
    assert first_by_last("lstm") > 1e-2
