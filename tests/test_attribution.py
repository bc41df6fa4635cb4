"""Attribution against autograd through an explicit loop, finite differences, and networks whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine import Experiment, advance, initial_state, task_of
from engine.analysis.attribution import at_moments, attribution, by_output_step
from engine.lessons import FADES
from engine.network import unroll
from engine.supply import displayed_batch, fresh_batch
from tests.oracles import ExplicitLayer
from tests.seeds import in_most

WAYS: list[dict[str, object]] = [
    {},
    {"layers": 2},
    {"layers": 3},
    {"driven_units": 2},
    {"initial_state": "learned"},
    {"task": "attractors", "input_way": "initial", "target_way": "units"},
    {"task": "attractors", "input_way": "initial"},
    {"task": "attractors", "input_way": "clamped", "read_units": 3},
    {"input_way": "clamped"},
]


def small(cell: str, **settings: object) -> Experiment:
    return Experiment(**({"task": "adding", "cell": cell, "length": 9, "hidden_size": 5} | settings))  # type: ignore[arg-type]


def trained(experiment: Experiment) -> dict[str, np.ndarray]:
    return dict(advance(replace(experiment, learning_rate=0.05), initial_state(experiment), 5)[0].parameters)


def by_autograd(
    experiment: Experiment, parameters: dict[str, np.ndarray], inputs: np.ndarray, at: int, channel: int
) -> np.ndarray:
    """(T, I) by PyTorch's autograd through an explicit loop, in float64."""
    weights = {name: torch.from_numpy(value).double() for name, value in parameters.items()}
    leaf = torch.from_numpy(inputs[:, np.newaxis]).double().requires_grad_()
    steps = list(leaf)
    for layer in range(experiment.layers):
        explicit = ExplicitLayer(experiment, weights, layer, leaf)
        # the given initial state has to stay a part of the graph
        if explicit.way == "initial":
            count = len(explicit.start)
            held = leaf[0].expand(count, -1, -1)
            explicit.start = torch.cat([held, explicit.start[..., leaf.shape[2] :].detach()], dim=-1)
        steps = explicit.run(steps)
    states = torch.stack(steps)
    if experiment.target_way == "units":
        outputs = states
    else:
        read = states[..., -experiment.read_units :] if experiment.read_units else states
        outputs = read @ weights["readout.weight"].T + weights["readout.bias"]
    outputs[at - 1, 0, channel].backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    return np.asarray(leaf.grad[:, 0].numpy())


@pytest.mark.parametrize("settings", WAYS, ids=str)
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_gradient_is_what_autograd_and_finite_differences_say(cell: str, settings: dict[str, object]) -> None:
    experiment = small(cell, **settings)
    parameters, inputs = trained(experiment), fresh_batch(experiment, 1).inputs[:, 0]
    channel = len(task_of(experiment).outputs) - 1
    for at in (1, 6, 9):
        found = attribution(experiment, parameters, inputs, at, channel).gradient
        np.testing.assert_allclose(found, by_autograd(experiment, parameters, inputs, at, channel), atol=1e-12)
        for t in range(9):
            for i in range(inputs.shape[1]):
                nudge = np.zeros((9, 1, inputs.shape[1]))
                nudge[t, 0, i] = 1e-6
                up, down = (
                    unroll(experiment, parameters, inputs[:, np.newaxis].astype(float) + each).outputs
                    for each in (nudge, -nudge)
                )
                difference = (up - down)[at - 1, 0, channel] / 2e-6
                assert found[t, i] == pytest.approx(difference, abs=1e-8)


@pytest.mark.parametrize("activation", ["tanh", "relu", "identity"])
@pytest.mark.parametrize("cell", ["rnn", "window"])
def test_every_activation_and_a_window(cell: str, activation: str) -> None:
    experiment = small(cell, activation=activation, window=4)
    parameters, inputs = trained(experiment), fresh_batch(experiment, 1).inputs[:, 0]
    for at in (2, 9):
        found = attribution(experiment, parameters, inputs, at, 0).gradient
        np.testing.assert_allclose(found, by_autograd(experiment, parameters, inputs, at, 0), atol=1e-12)
        assert (found[at:] == 0).all(), "nothing that comes later has made it"
    if cell == "window":
        assert (found[: 9 - 4] == 0).all() and found[9 - 4 :].any(), "nor what is out of its window"


def test_output_steps_side_by_side_are_output_steps_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.analysis.attribution.SLICE", 2)
    experiment = small("lstm", layers=2)
    parameters, inputs = trained(experiment), fresh_batch(experiment, 1).inputs[:, 0]
    every = by_output_step(experiment, parameters, inputs, range(1, 10), 0)
    assert every.gradient.shape == (9, 9, 2) and every.contribution.shape == every.strength.shape == (9, 9)
    for at in range(1, 10):
        alone = attribution(experiment, parameters, inputs, at, 0)
        np.testing.assert_allclose(every.gradient[at - 1], alone.gradient, atol=1e-14)
        np.testing.assert_allclose(every.contribution[at - 1], (alone.gradient * inputs).sum(axis=1), atol=1e-14)
        np.testing.assert_allclose(every.strength[at - 1], np.sqrt((alone.gradient**2).sum(axis=1)), atol=1e-14)


def test_moments_of_training_are_attributed_each_with_its_own_weights() -> None:
    experiment = small("gru")
    inputs = fresh_batch(experiment, 1).inputs[:, 0]
    moments = [initial_state(experiment).parameters, trained(experiment)]
    found = at_moments(experiment, moments, inputs, 9, 0)
    for row, parameters in zip(found, moments, strict=True):
        np.testing.assert_array_equal(row, attribution(experiment, parameters, inputs, 9, 0).gradient)
    assert not np.allclose(found[0], found[1])


@pytest.mark.parametrize("seed", range(3))
def test_of_a_linear_network_without_biases_the_parts_add_up_to_the_output(seed: int) -> None:
    experiment = small("rnn", activation="identity", seed=seed)
    parameters = {n: np.zeros_like(v) if "bias" in n else v for n, v in initial_state(experiment).parameters.items()}
    inputs = fresh_batch(experiment, 1).inputs[:, 0]
    output = unroll(experiment, parameters, inputs[:, np.newaxis]).outputs[-1, 0, 0]
    assert attribution(experiment, parameters, inputs, 9, 0).contribution.sum() == pytest.approx(output, rel=1e-9)


@in_most(5, at_least=3)
def test_an_lstm_that_adds_answers_from_the_two_marked_steps(seed: int) -> None:
    experiment = replace(FADES, cell="lstm", length=20, seed=seed)
    state, _ = advance(experiment, initial_state(experiment), 1500)
    batch = displayed_batch(experiment)
    for sequence in range(2):
        inputs = batch.inputs[:, sequence]
        parts = np.abs(attribution(experiment, state.parameters, inputs, 20, 0).contribution)
        marked = set(np.flatnonzero(inputs[:, 1] > 0.5))
        assert set(np.argsort(parts)[-2:]) == marked
        assert parts[sorted(marked)].sum() > 0.6 * parts.sum()


def test_what_is_no_number_is_shown_as_none() -> None:
    experiment = small("rnn", activation="identity")
    parameters = {name: value * np.float32(1e38) for name, value in initial_state(experiment).parameters.items()}
    found = attribution(experiment, parameters, fresh_batch(experiment, 1).inputs[:, 0], 9, 0)
    assert not np.isfinite(found.contribution).all()
