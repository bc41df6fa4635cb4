"""Products of Jacobians, against finite differences, products written out, and what theory says of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine import Experiment, advance, initial_state
from engine.analysis.jacobians import bound, flow_to_the_end, spectral_norm, spectral_radius, step_jacobian
from engine.chunks import train_chunk
from engine.lessons import EXPLODES, FADES
from engine.network import unroll
from engine.runs import gradient_norms
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
def test_without_clipping_a_large_recurrence_explodes_and_with_it_trains(seed: int) -> None:
    wild_one, calm_one = (replace(EXPLODES, clip_norm=clip, seed=seed) for clip in (None, 1.0))
    _, wild = advance(wild_one, initial_state(wild_one), 300)
    _, calm = advance(calm_one, initial_state(calm_one), 300)
    assert wild.loss.max() > 1e5 and calm.loss.max() < 1e3
    assert not calm.diverged and calm.loss[-20:].mean() < 0.25, "back near chance"


@pytest.mark.parametrize("seed", range(3))
def test_while_they_train_the_rnns_gradient_stays_faded_and_the_lstms_comes_through(seed: int) -> None:
    def first_by_last(cell: str) -> float:
        experiment = replace(FADES, cell=cell, seed=seed)
        chunk = train_chunk(experiment, initial_state(experiment), experiment.steps)
        norms = gradient_norms(chunk.recording)[0]  # (T, B)
        return float(np.median(norms[0] / norms[-1]))

    assert first_by_last("rnn") < 1e-3
    assert first_by_last("lstm") > 1e-2
