"""Gradient flow: against autograd through a loop whose gates are cut off, products written out, and theory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from engine import Batch, Change, Experiment, advance, initial_state, task_of
from engine.analysis.clipping import clip_norms, clipped, share_by_block
from engine.analysis.gradient_flow import flow_report, reach_of, recurrent_radii, ways_of
from engine.analysis.jacobians import log_norm_of_product, spectral_norm, spectral_radius, step_jacobians
from engine.lessons import FADES
from engine.losses import loss_of_batch
from engine.network import unroll
from engine.supply import fresh_batch
from tests.oracles import ExplicitLayer, Quantities, loss_at_targets, unrolled
from tests.seeds import in_most

SETTINGS: list[dict[str, object]] = [
    {},
    {"layers": 2},
    {"layers": 3},
    {"task": "echo"},
    {"initial_state": "learned", "driven_units": 2},
    {"input_way": "clamped", "read_units": 4},
]


def small(cell: str, **settings: object) -> Experiment:
    return Experiment(**({"task": "adding", "cell": cell, "length": 12, "hidden_size": 6} | settings))  # type: ignore[arg-type]


def trained(experiment: Experiment) -> Mapping[str, np.ndarray]:
    return advance(replace(experiment, learning_rate=0.05), initial_state(experiment), 8)[0].parameters


def gradient_of_loss(experiment: Experiment, parameters: Mapping[str, np.ndarray], batch: Batch) -> np.ndarray:
    """∂L/∂(outputs) (T, B, O)."""
    outputs = unroll(experiment, parameters, batch.inputs).outputs
    return loss_of_batch(task_of(experiment).loss, outputs, batch)[1]


class CutOff(ExplicitLayer):
    """A layer whose gates and candidate take h_{t−1} as a constant on the way back."""

    def step(self, t: int, steps: list[Tensor], x: Tensor, h: Tensor, c: Tensor) -> dict[str, Tensor]:
        now = super().step(t, steps, x, h.detach(), c)
        if self.experiment.cell == "gru":
            now["hidden_state"] = (1 - now["update_gate"]) * now["candidate"] + now["update_gate"] * h
        return now


def along_the_highway(
    experiment: Experiment, parameters: Mapping[str, np.ndarray], batch: Batch, cut: int
) -> Quantities:
    """What autograd says of layer `cut` if that layer's memory is the only way from step to step in it."""
    weights = {name: torch.from_numpy(value).double().requires_grad_() for name, value in parameters.items()}
    inputs = torch.from_numpy(batch.inputs).double()
    steps, layers = list(inputs), []
    for layer in range(experiment.layers):
        layers.append((CutOff if layer == cut else ExplicitLayer)(experiment, weights, layer, inputs))
        steps = layers[-1].run(steps)
    states = torch.stack(steps)
    read = states[..., -experiment.read_units :] if experiment.read_units else states
    outputs = read @ weights["readout.weight"].T + weights["readout.bias"]
    loss_at_targets(outputs, batch, task_of(experiment).loss).backward()  # type: ignore[no-untyped-call]
    return layers[cut].quantities()


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_all_ways_and_the_highway_are_what_autograd_says(cell: str, settings: dict[str, object]) -> None:
    experiment = small(cell, **settings)
    parameters, batch = trained(experiment), fresh_batch(experiment, 1)
    output_grad = gradient_of_loss(experiment, parameters, batch)
    field = "cell_state_grad" if cell == "lstm" else "hidden_state_grad"
    every = unrolled(experiment, parameters, batch, task_of(experiment).loss)
    for layer in range(experiment.layers):
        ways = ways_of(experiment, parameters, batch.inputs[:, 0], output_grad[:, 0], layer)
        width = ways.all_ways.shape[1]
        alone = along_the_highway(experiment, parameters, batch, layer)[field][:, 0, :width]
        assert ways.highway is not None and ways.gates is not None and ways.share is not None
        np.testing.assert_allclose(ways.all_ways, every.layers[layer][field][:, 0, :width], atol=1e-12)
        np.testing.assert_allclose(ways.highway, alone, atol=1e-12)
        np.testing.assert_allclose(ways.highway + ways.gates, ways.all_ways, atol=1e-15)
        along, through = np.linalg.norm(ways.highway, axis=1), np.linalg.norm(ways.gates, axis=1)
        np.testing.assert_allclose(ways.share, along / (along + through))
        assert ways.share[-1] == pytest.approx(1), "at the last step there is no other way"
        assert (ways.share[:-1] < 1).all(), "before, some has come through the gates"


@pytest.mark.parametrize("activation", ["tanh", "relu", "identity"])
def test_a_vanilla_rnn_has_no_highway(activation: str) -> None:
    experiment = small("rnn", activation=activation)
    parameters, batch = trained(experiment), fresh_batch(experiment, 1)
    ways = ways_of(experiment, parameters, batch.inputs[:, 0], gradient_of_loss(experiment, parameters, batch)[:, 0])
    every = unrolled(experiment, parameters, batch, task_of(experiment).loss)
    np.testing.assert_allclose(ways.all_ways, every.layers[0]["hidden_state_grad"][:, 0], atol=1e-12)
    assert ways.highway is None and ways.gates is None and ways.share is None


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_reach_leaves_clamped_units_out(cell: str) -> None:
    experiment = small(cell, input_way="clamped")
    reach = reach_of(experiment, trained(experiment), fresh_batch(experiment, 1).inputs[:, 0])
    assert reach.singular.shape == (12, 8 if cell == "lstm" else 4)
    assert np.isfinite(reach.theory).all() and (reach.singular[:, 0] <= reach.bound + 1e-9).all()


def test_of_a_wide_network_some_distances_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = small("lstm")
    parameters, inputs = trained(experiment), fresh_batch(experiment, 1).inputs[:, 0]
    every = reach_of(experiment, parameters, inputs)
    assert every.at.tolist() == list(range(12))
    monkeypatch.setattr("engine.analysis.gradient_flow.MOST_EFFORT", 4 * 12**3)
    some = reach_of(experiment, parameters, inputs)
    assert some.at.tolist() == [0, 4, 7, 11]
    np.testing.assert_array_equal(some.singular[some.at], every.singular[some.at])
    assert np.isnan(np.delete(some.singular, some.at, axis=0)).all()
    np.testing.assert_array_equal(some.bound, every.bound)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_reach_is_that_of_the_product_of_the_steps_below_its_bound(cell: str, layer: int) -> None:
    experiment = small(cell, layers=2)
    parameters, inputs = trained(experiment), fresh_batch(experiment, 1).inputs[:, 0]
    reach = reach_of(experiment, parameters, inputs, layer)
    steps = step_jacobians(experiment, parameters, inputs, layer)
    trace = unroll(experiment, parameters, inputs[:, np.newaxis]).layers[layer]
    product, bound = np.eye(steps.shape[1]), 1.0
    U = np.asarray(parameters[f"rnn.weight_hh_l{layer}"], np.float64)
    for k in range(12, 0, -1):
        values = np.linalg.svd(product, compute_uv=False)
        told = np.isfinite(reach.singular[k - 1])
        assert told[0]
        np.testing.assert_allclose(10 ** reach.singular[k - 1][told], values[told], rtol=1e-4, atol=1e-14)
        if cell == "rnn":
            slopes = 1 - trace.hidden_state[1:, 0] ** 2
            power = 12 - k
            assert reach.theory[k - 1] == pytest.approx(power * np.log10(spectral_radius(U)), abs=1e-9)
            assert reach.bound[k - 1] == pytest.approx(power * np.log10(spectral_norm(U) * slopes.max()), abs=1e-9)
        else:
            gate = trace.forget_gate if cell == "lstm" else trace.update_gate  # type: ignore[attr-defined]
            assert 10 ** reach.theory[k - 1] == pytest.approx(gate[k:, 0].prod(axis=0).max())
            assert 10 ** reach.bound[k - 1] == pytest.approx(bound)
        assert reach.singular[k - 1, 0] <= reach.bound[k - 1] + 1e-9
        product, bound = product @ steps[k - 1], bound * np.linalg.norm(steps[k - 1], 2)


@pytest.mark.parametrize("radius", [0.8, 1.0, 1.2])
def test_a_linear_rotation_is_on_the_bound_and_on_the_theory(radius: float) -> None:
    linear = small("rnn", activation="identity", initialization="orthogonal", spectral_radius=radius, length=50)
    reach = reach_of(linear, initial_state(linear).parameters, fresh_batch(linear, 1).inputs[:, 0])
    curve = np.arange(49, -1, -1) * np.log10(radius)
    for each in (reach.singular[:, 0], reach.singular[:, -1], reach.bound, reach.theory):
        np.testing.assert_allclose(each, curve, atol=1e-4)


def test_a_whole_product_is_the_first_of_the_strengths() -> None:
    experiment = small("lstm", length=40)
    parameters, inputs = trained(experiment), fresh_batch(experiment, 1).inputs[:, 0]
    reach = reach_of(experiment, parameters, inputs)
    steps = step_jacobians(experiment, parameters, inputs)
    assert log_norm_of_product(steps[1:]) == pytest.approx(reach.singular[0, 0], abs=1e-9)
    assert log_norm_of_product(np.full((500, 1, 1), 0.1)) == pytest.approx(-500)
    assert log_norm_of_product(np.zeros((2, 3, 3))) == -np.inf
    assert np.isnan(log_norm_of_product(np.full((2, 3, 3), np.nan)))


@in_most(5, at_least=3)
def test_a_trained_lstm_carries_a_good_part_of_the_first_steps_gradient_on_its_highway(seed: int) -> None:
    experiment = replace(FADES, cell="lstm", seed=seed)
    state, _ = advance(experiment, initial_state(experiment), experiment.steps)
    batch = fresh_batch(experiment, 4)
    shares = []
    for sequence in range(4):
        alone = Batch(*(each[:, sequence : sequence + 1] for each in (batch.inputs, batch.targets, batch.target_mask)))
        grad = gradient_of_loss(experiment, state.parameters, alone)[:, 0]
        share = ways_of(experiment, state.parameters, alone.inputs[:, 0], grad).share
        assert share is not None
        shares.append(share[0])
    assert np.median(shares) > 0.3


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_radii_block_by_block(cell: str) -> None:
    experiment = small(cell, layers=2, initialization="orthogonal", spectral_radius=0.7)
    radii = recurrent_radii(experiment, initial_state(experiment).parameters)
    assert radii.shape == ({"rnn": 1, "gru": 3, "lstm": 4}[cell],)
    np.testing.assert_allclose(radii, 0.7, atol=1e-5)
    parameters = trained(experiment)
    for number, block in enumerate(np.split(parameters["rnn.weight_hh_l0"].astype(float), len(radii))):
        expected = np.abs(np.linalg.eigvals(block)).max()
        assert recurrent_radii(experiment, parameters, 0)[number] == pytest.approx(expected)


def test_a_network_out_of_numbers_is_reported_and_does_not_fail() -> None:
    for cell in ("rnn", "gru", "lstm"):
        experiment = small(cell)
        for factor in (np.float32(1e30), np.float32(np.nan)):
            parameters = {name: value * factor for name, value in initial_state(experiment).parameters.items()}
            inputs = fresh_batch(experiment, 1).inputs[:, 0]
            report = flow_report(experiment, parameters, inputs, np.ones((12, 1)))
            assert report.reach.singular.shape == (12, 12 if cell == "lstm" else 6)
            assert report.ways.all_ways.shape == (12, 6)
        assert np.isnan(recurrent_radii(experiment, parameters)).all()


def test_clipped_steps_are_those_that_training_scaled_down() -> None:
    experiment = Experiment(
        task="adding", cell="rnn", length=10, hidden_size=8, batch_size=4, clip_norm=0.5,
        changes=(Change(20, 0.003, None), Change(30, 0.003, 0.05)),
    )  # fmt: skip
    _, log = advance(experiment, initial_state(experiment), 40)
    events = clipped(experiment, log.gradient_norm)
    expected = [
        clip is not None and norm > clip
        for norm, clip in zip(
            log.gradient_norm, (experiment.settings_at(step).clip_norm for step in range(40)), strict=True
        )
    ]
    assert events.tolist() == expected
    assert not events[20:30].any() and events[:20].any() and events[30:].any()
    np.testing.assert_array_equal(clip_norms(experiment, 15, 20), [0.5] * 5 + [np.inf] * 10 + [0.05] * 5)
    np.testing.assert_array_equal(clipped(experiment, log.gradient_norm[15:], 15), events[15:])


def test_shares_by_block_counted_by_hand() -> None:
    events = np.array([True, False, True, True, False, False])
    np.testing.assert_array_equal(share_by_block(events, 0, np.array([0, 2, 4, 6, 8])), [0.5, 1, 0, np.nan])
    np.testing.assert_array_equal(share_by_block(events, 2, np.array([0, 2, 4, 6, 8])), [np.nan, 0.5, 1, 0])
