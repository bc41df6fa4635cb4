"""Ways of providing input and targets: each does what it says, forward and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from engine import CELLS, TASKS, Experiment, ExperimentError, TrainingState, advance, initial_state, record, task_of
from engine.cells import Trace
from engine.fast.network import FastNetwork
from engine.losses import loss_of_batch, told_at
from engine.network import carry_back, unroll
from engine.parameters import sizes_of
from engine.supply import displayed_batch, fresh_batch, training_batch
from tests.oracles import Quantities, loss_at_targets, relative_error, unrolled

WAYS: list[dict[str, Any]] = [
    {"input_way": input_way, "target_way": target_way, "initial_state": initial, "target_steps": steps} | more
    for input_way, target_way, initial, steps in product(
        ("driven", "initial", "clamped"), ("readout", "units"), ("zero", "learned"), (0, 3)
    )
    for more in ({}, {"driven_units": 3, "initial_units": 3, "read_units": 4})
]
SUBSETS: dict[str, Any] = {"driven_units": 2, "initial_state": "learned", "initial_units": 3, "read_units": 4}
OTHERS: list[dict[str, Any]] = [
    {"window": 3} | SUBSETS,
    {"layers": 2, "window": 3} | SUBSETS,
    {"layers": 3, "initialization": "orthogonal"} | SUBSETS,
    {"activation": "relu", "input_way": "clamped", "initial_state": "learned"},
    {"activation": "identity", "input_way": "initial"} | SUBSETS,
    *({"task": "cycle", "input_way": way, "target_steps": steps} for way in ("initial", "clamped") for steps in (0, 4)),
    {"task": "timer", "input_way": "initial", "initial_state": "learned"},  # whose later inputs are not the first
    {"task": "recall", "input_way": "clamped", "hidden_size": 9, "target_steps": 7, "read_units": 6},
]


def named(ways: dict[str, Any]) -> str:
    """A short name for a combination."""
    return "-".join(str(value) for value in ways.values())


every_cell = pytest.mark.parametrize("cell", list(CELLS))
every_way = pytest.mark.parametrize("ways", WAYS + OTHERS, ids=named)


def plane(cell: str, **ways: Any) -> Experiment:
    """A small network on a task that allows all ways."""
    settings = {"task": "attractors", "length": 7, "hidden_size": 6, "batch_size": 5} | ways
    return Experiment(cell=cell, **settings)


def trained_a_little(experiment: Experiment) -> TrainingState:
    """A state after some steps, so that nothing is zero that could be something."""
    return advance(replace(experiment, learning_rate=0.05), initial_state(experiment), 5)[0]


# --- against the explicit loop ---


@every_cell
@every_way
def test_every_way_agrees_with_an_explicit_loop_that_carries_it_out_literally(cell: str, ways: dict[str, Any]) -> None:
    experiment = plane(cell, **ways)
    task, batch, state = task_of(experiment), displayed_batch(experiment), trained_a_little(experiment)
    oracle = unrolled(experiment, state.parameters, batch, task.loss)
    forward = unroll(experiment, state.parameters, batch.inputs)
    loss, output_grad = loss_of_batch(task.loss, forward.outputs, batch)
    layers = carry_back(experiment, state.parameters, forward, output_grad)
    assert loss == pytest.approx(oracle.loss, rel=1e-12)
    assert relative_error(forward.outputs, oracle.outputs) < 1e-9
    for layer, expected in zip(layers, oracle.layers, strict=True):
        assert_agree(layer, expected, sizes_of(experiment).free)
    recording = record(experiment, state)
    assert recording.loss == loss
    for shown, layer in zip(recording.layers, layers, strict=True):
        for each in fields(layer):
            np.testing.assert_array_equal(getattr(shown, each.name), np.float32(getattr(layer, each.name)))


def assert_agree(layer: Trace, oracle: Quantities, free: int) -> None:
    """All of a layer is that of the oracle; but clamped units, beyond the first `free`, have h and nothing else."""
    for each in fields(layer):
        mine, expected = getattr(layer, each.name), oracle[each.name]
        if each.name in ("start", "start_grad"):
            assert np.isnan(mine[1:, :, free:]).all()
            assert relative_error(mine[:1], expected[:1]) < 1e-9, each.name
            mine, expected = mine[1:, :, :free], expected[1:, :, :free]
        elif each.name not in ("hidden_state", "hidden_state_grad"):
            assert np.isnan(mine[..., free:]).all()
            mine, expected = mine[..., :free], expected[..., :free]
        assert relative_error(mine, expected) < 1e-9, each.name


@every_cell
@every_way
@pytest.mark.parametrize("by", ["steps", "mask"])
def test_training_sees_the_same_network_and_the_same_gradient(cell: str, ways: dict[str, Any], by: str) -> None:
    experiment = plane(cell, **ways)
    task, batch, parameters = task_of(experiment), displayed_batch(experiment), trained_a_little(experiment).parameters
    oracle = unrolled(experiment, parameters, batch, task.loss)
    gradients = {name: np.full_like(value, np.nan) for name, value in parameters.items()}
    network = FastNetwork(experiment, parameters)
    run = network.forward(batch.inputs)
    outputs = torch.from_numpy(network.outputs(run.states)).requires_grad_()
    np.testing.assert_allclose(outputs.detach().numpy(), oracle.outputs, atol=2e-6)
    loss_at_targets(outputs, batch, task.loss).backward()  # type: ignore[no-untyped-call]
    assert outputs.grad is not None
    at = told_at(batch) if by == "steps" else batch.target_mask
    assert isinstance(at, slice) == (by == "steps")
    told, output_grad = (array[at].reshape(-1, array.shape[-1]) for array in (run.states, outputs.grad.numpy()))
    network.backward(run, at, told, output_grad, into=gradients)
    largest = max(np.abs(grad).max(initial=0) for grad in oracle.parameter_grads.values())
    assert largest > 0.01
    for name, value in parameters.items():
        expected = oracle.parameter_grads.get(name, np.zeros_like(value))
        np.testing.assert_allclose(gradients[name], expected, atol=2e-6 * max(largest, 1), err_msg=name)


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("ways", [*WAYS[11::12], OTHERS[1]], ids=named)
def test_training_is_that_of_torch_optim_on_the_explicit_loop(cell: str, ways: dict[str, Any]) -> None:
    experiment, steps = plane(cell, **ways, clip_norm=0.2), 10
    start = initial_state(experiment)
    state, log = advance(experiment, start, steps)
    parameters, losses = torch_training(experiment, start.parameters, steps)
    np.testing.assert_allclose(log.loss, losses, rtol=2e-4)
    for name, expected in parameters.items():
        np.testing.assert_allclose(state.parameters[name], expected, atol=2e-5, rtol=1e-4, err_msg=name)
        assert not expected.size or np.abs(expected - start.parameters[name]).max() > 1e-3


def torch_training(
    experiment: Experiment, parameters: Mapping[str, np.ndarray], steps: int
) -> tuple[dict[str, np.ndarray], list[float]]:
    """Parameters after `steps` steps of torch.optim.Adam with gradients from the explicit loop, and the losses."""
    leaves = {name: torch.nn.Parameter(torch.from_numpy(value).double()) for name, value in parameters.items()}
    optimizer = torch.optim.Adam(leaves.values(), experiment.learning_rate)
    losses = []
    for step in range(steps):
        now = {name: leaf.detach().numpy().copy() for name, leaf in leaves.items()}
        run = unrolled(experiment, now, training_batch(experiment, step), task_of(experiment).loss)
        for name, leaf in leaves.items():
            leaf.grad = torch.from_numpy(run.parameter_grads.get(name, np.zeros_like(now[name])))
        assert experiment.clip_norm is not None
        torch.nn.utils.clip_grad_norm_(leaves.values(), experiment.clip_norm)
        optimizer.step()
        losses.append(run.loss)
    return {name: leaf.detach().numpy() for name, leaf in leaves.items()}, losses


@pytest.mark.parametrize("cell", [name for name, cell in CELLS.items() if cell.states])
@every_way
def test_from_the_states_of_a_step_on_a_network_does_again_what_it_did(cell: str, ways: dict[str, Any]) -> None:
    experiment = plane(cell, **ways)
    parameters = trained_a_little(experiment).parameters
    inputs = np.random.default_rng(0).standard_normal((9, 4, len(task_of(experiment).inputs)))
    whole = unroll(experiment, parameters, inputs)
    states = ("hidden_state", "cell_state")[: CELLS[cell].states]
    start = [np.stack([getattr(layer, name)[3] for name in states]) for layer in whole.layers]
    rest = unroll(experiment, parameters, inputs[4:], start=start)
    np.testing.assert_allclose(rest.hidden_state, whole.hidden_state[4:], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(rest.outputs, whole.outputs[4:], rtol=1e-12, atol=1e-15)


# --- what follows from a way ---


def test_a_recording_has_all_units_the_clamped_ones_holding_the_input() -> None:
    experiment = plane("lstm", input_way="clamped", target_way="units")
    recording = record(experiment, initial_state(experiment))
    np.testing.assert_array_equal(recording.hidden_state[..., -2:], recording.inputs)
    assert recording.hidden_state.shape[-1] == 6 and np.isnan(recording.forget_gate[..., -2:]).all()
    np.testing.assert_array_equal(recording.outputs, recording.hidden_state[..., :2])


def test_the_number_of_parameters_counts_what_can_matter() -> None:
    def count(**ways: Any) -> int:
        return sum(value.size for value in initial_state(plane("rnn", **ways)).parameters.values())

    plain = 6 * 2 + 6 * 6 + 12 + 2 * 6 + 2
    assert count() == plain
    assert count(driven_units=4) == plain - 2 * 2
    assert count(read_units=1) == plain - 2 * 5
    assert count(target_way="units") == plain - 2 * 6 - 2
    assert count(input_way="initial") == plain - 6 * 2
    assert count(initial_state="learned") == plain + 6
    assert count(initial_state="learned", initial_units=2) == plain + 2
    assert count(input_way="clamped") == 4 * 2 + 4 * 4 + 8 + 2 * 6 + 2


def test_a_learned_initial_state_is_learned() -> None:
    experiment = Experiment(task="parity", cell="lstm", length=6, hidden_size=5, initial_state="learned")
    before = initial_state(experiment).parameters["rnn.initial_state_l0"]
    after = advance(experiment, initial_state(experiment), 10)[0].parameters["rnn.initial_state_l0"]
    assert before.shape == (2, 5) and not before.any() and np.abs(after).min() > 0


def test_a_read_out_of_some_units_begins_as_torch_nn_linear_of_as_many() -> None:
    weight = initial_state(Experiment(task="recall", hidden_size=128, read_units=16)).parameters["readout.weight"]
    assert weight.shape == (4, 16) and 0.9 / 4 < np.abs(weight).max() <= 1 / 4


def answer(task: str, inputs: np.ndarray) -> int | list[float] | None:
    """What can be told at the end of a sequence's inputs (t, I), worked out again; None if not all of it is known."""
    if not len(inputs):
        return None
    if task == "recall":
        return int(inputs[0].argmax())
    if task == "attractors":
        return (0.7 * np.sign(inputs[0])).tolist()  # type: ignore[no-any-return]
    seen = [int(step[5]) for step in inputs if step[4] or step[5]]
    return 2 * seen[0] + seen[1] if len(seen) == 2 else None


@pytest.mark.parametrize(("task", "most"), [("recall", 20), ("attractors", 20), ("temporal_order", 9)])
def test_an_answer_can_be_wanted_at_the_last_steps_as_soon_as_it_is_known_and_no_earlier(task: str, most: int) -> None:
    plain = fresh_batch(Experiment(task=task, length=20), 200)
    for steps in (1, 2, most):
        batch = fresh_batch(Experiment(task=task, length=20, target_steps=steps), 200)
        np.testing.assert_array_equal(batch.inputs, plain.inputs)
        assert batch.target_mask[20 - steps :].all() and not batch.target_mask[: 20 - steps].any()
        for step in range(20 - steps, 20):
            answers = [answer(task, batch.inputs[: step + 1, each]) for each in range(batch.size)]
            np.testing.assert_allclose(batch.targets[step], np.array(answers, dtype=float), atol=1e-7)
    assert any(answer(task, plain.inputs[: 20 - most, each]) is None for each in range(plain.size))
    with pytest.raises(ExperimentError, match=f"choose 0 to {most}"):
        Experiment(task=task, length=20, target_steps=most + 1)


def test_a_path_can_be_wanted_at_its_last_steps_only() -> None:
    plain = fresh_batch(Experiment(task="cycle", length=20), 8)
    batch = fresh_batch(Experiment(task="cycle", length=20, target_steps=5), 8)
    np.testing.assert_array_equal(batch.targets, plain.targets)
    assert plain.target_mask.all() and batch.target_mask.sum(axis=0).tolist() == [5] * 8
    assert batch.target_mask[-5:].all()


# --- on every task ---


@pytest.mark.parametrize("task", list(TASKS))
@every_cell
def test_every_way_that_a_task_allows_trains(task: str, cell: str) -> None:
    tried = 0
    for ways in WAYS:
        try:
            experiment = Experiment(task=task, cell=cell, length=TASKS[task].min_length + 8, hidden_size=9, **ways)
        except ExperimentError:
            continue
        state, log = advance(experiment, initial_state(experiment), 3)
        assert np.isfinite(log.loss).all() and state.step == 3
        tried += 1
    assert tried >= 8
