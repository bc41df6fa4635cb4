"""Ways of providing input and targets: each does what it says, forward and back, and senseless ones are refused."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from engine import CELLS, TASKS, Experiment, ExperimentError, advance, initial_state, record, task_of
from engine.chunks import train_chunk
from engine.network import carry_back, unroll
from engine.parameters import sizes_of
from engine.recording import loss_and_gradient
from engine.supply import displayed_batch, fresh_batch
from engine.torch_network import TorchNetwork
from tests.oracles import loss_at_targets, relative_error, unrolled

CELLS_WITH_STATE = [name for name, cell in CELLS.items() if cell.states]
WAYS: list[dict[str, Any]] = [
    {"input_way": input_way, "target_way": target_way, "initial_state": initial, "target_steps": steps} | more
    for input_way, target_way, initial, steps in product(
        ("driven", "initial", "clamped"), ("readout", "units"), ("zero", "learned"), (0, 3)
    )
    for more in ({}, {"driven_units": 3, "initial_units": 3, "read_units": 4})
]


def named(ways: dict[str, Any]) -> str:
    """A short name for a combination."""
    return "-".join(str(value) for value in ways.values())


def plane(cell: str, **ways: Any) -> Experiment:
    """A small network on a task that allows all ways."""
    return Experiment(task="attractors", cell=cell, length=7, hidden_size=6, batch_size=5, **ways)


def trained_a_little(experiment: Experiment) -> dict[str, np.ndarray]:
    """Parameters after some steps, so that nothing is zero that could be something."""
    state, _ = advance(replace(experiment, learning_rate=0.05), initial_state(experiment), 5)
    return dict(state.parameters)


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize("ways", WAYS, ids=named)
def test_every_way_agrees_with_an_explicit_loop_that_carries_it_out_literally(cell: str, ways: dict[str, Any]) -> None:
    experiment = plane(cell, **ways)
    task, batch, parameters = task_of(experiment), displayed_batch(experiment), trained_a_little(experiment)
    oracle = unrolled(experiment, parameters, batch, task.loss)
    forward = unroll(experiment, parameters, batch.inputs)
    loss, output_grad = loss_and_gradient(task, batch, forward.outputs)
    (layer,) = carry_back(experiment, parameters, forward, output_grad)
    assert loss == pytest.approx(oracle.loss, rel=1e-12)
    assert relative_error(forward.outputs, oracle.outputs) < 1e-9
    free = sizes_of(experiment).free
    for each in fields(layer):
        mine, expected = getattr(layer, each.name), oracle.layers[0][each.name]
        if each.name not in ("hidden_state", "hidden_state_grad"):  # a clamped unit has nothing else
            assert np.isnan(mine[..., free:]).all()
            mine, expected = mine[..., :free], expected[..., :free]
        assert relative_error(mine, expected) < 1e-9, each.name


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize("ways", WAYS, ids=named)
def test_training_sees_the_same_network_and_the_same_gradient(cell: str, ways: dict[str, Any]) -> None:
    experiment = plane(cell, **ways)
    task, batch, parameters = task_of(experiment), displayed_batch(experiment), trained_a_little(experiment)
    oracle = unrolled(experiment, parameters, batch, task.loss)
    tensors = {name: torch.from_numpy(value.copy()).requires_grad_() for name, value in parameters.items()}
    network = TorchNetwork(experiment, tensors)
    outputs = network.outputs(network.states(torch.from_numpy(batch.inputs)))
    np.testing.assert_allclose(outputs.detach().numpy(), oracle.outputs, atol=2e-6)
    loss_at_targets(outputs, batch, task.loss).backward()  # type: ignore[no-untyped-call]
    for name, expected in oracle.parameter_grads.items():
        mine = tensors[name].grad
        measured = np.zeros_like(expected) if mine is None else mine.numpy()
        np.testing.assert_allclose(measured, expected, atol=2e-6, err_msg=name)


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


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"task": "adding", "input_way": "initial"}, "step by step"),
        ({"task": "adding", "target_way": "units"}, "choose readout"),
        ({"task": "adding", "target_steps": 2}, "choose 0 to 1"),
        ({"task": "parity", "target_steps": 1}, "choose 0"),
        ({"task": "recall", "length": 20, "target_steps": 21}, "choose 0 to 20"),
        ({"task": "cycle", "input_way": "initial", "layers": 2}, "layers=1"),
        ({"task": "cycle", "input_way": "initial", "hidden_size": 1}, "choose 2 or more"),
        ({"task": "cycle", "input_way": "clamped", "hidden_size": 2}, "choose 3 or more"),
        ({"task": "cycle", "input_way": "clamped", "target_way": "units", "hidden_size": 3}, "choose 4 or more"),
    ],
)
def test_ways_that_make_no_sense_are_refused_in_one_sentence(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ExperimentError, match=says) as refusal:
        Experiment(**settings)
    assert str(refusal.value).count(".") - str(refusal.value).count("0.") <= 1
    query = "&".join(f"{name}={value}" for name, value in settings.items())
    experiment, problems = Experiment.from_query_leniently(query)
    assert len(problems) == 1 and experiment.task == settings["task"]


@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize("cell", list(CELLS))
def test_every_way_that_a_task_allows_trains(task: str, cell: str) -> None:
    tried = 0
    for ways in WAYS:
        try:
            experiment = Experiment(task=task, cell=cell, length=TASKS[task].min_length + 8, hidden_size=9, **ways)
        except ExperimentError:
            continue
        state, log = advance(experiment, initial_state(experiment), 2)
        assert np.isfinite(log.loss).all() and state.step == 2
        tried += 1
    assert tried >= 8


# --- attractors ---

SOLVES: dict[str, Any] = {"hidden_size": 16, "learning_rate": 0.01, "steps": 1500, "target_way": "units"}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("input_way", ["driven", "initial", "clamped"])
def test_four_places_are_learned_whichever_way_the_start_is_told(seed: int, input_way: str) -> None:
    experiment = Experiment(
        task="attractors", cell="rnn", length=20, input_way=input_way, target_steps=6, seed=seed, **SOLVES
    )
    chunk = train_chunk(experiment, initial_state(experiment), experiment.steps)
    assert chunk.score < 0.005


def settled(experiment: Experiment) -> tuple[dict[str, np.ndarray], np.ndarray, float]:
    """Parameters after training, states (B, H) 200 steps after the start, and the share that stays where it should.

    To stay is to be there at each of twelve steps: a state that jumps to and fro is right at every second one.
    """
    parameters = dict(train_chunk(experiment, initial_state(experiment), experiment.steps).state.parameters)
    batch = fresh_batch(experiment, 64)
    states = unroll(experiment, parameters, batch.inputs[:1].repeat(200, axis=0)).hidden_state[-12:]
    away = np.abs(states[..., :2] - batch.targets[-1]).max(axis=(0, 2))
    return parameters, states[-1], float(np.mean(away < 0.2))


@pytest.mark.parametrize("seed", range(4))
def test_targets_for_the_last_steps_make_attractors_and_a_target_at_the_end_alone_does_not(seed: int) -> None:
    last = Experiment(
        task="attractors", cell="rnn", input_way="initial", length=20, target_steps=16, seed=seed, **SOLVES
    )
    parameters, states, share = settled(last)
    assert share == 1, "trained for 20 steps, held for 200"
    pushed = states + np.random.default_rng(seed).normal(0, 0.1, states.shape)
    later = unroll(last, parameters, np.zeros((60, 64, 2)), start=[pushed[np.newaxis]]).hidden_state[-1]
    assert np.mean(np.abs(later - states).max(axis=1) < 0.05) > 0.9, "pushed, a state comes back"
    assert settled(replace(last, target_steps=1))[2] < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_a_cycle_is_learned_and_goes_on_long_after_the_training_ends(seed: int) -> None:
    experiment = Experiment(task="cycle", cell="rnn", input_way="initial", seed=seed, **(SOLVES | {"length": 24}))  # type: ignore[arg-type]
    chunk = train_chunk(experiment, initial_state(experiment), experiment.steps)
    assert chunk.ending == "solved"
    starts = displayed_batch(experiment).inputs[:1].repeat(300, axis=0)
    path = (
        unroll(experiment, chunk.state.parameters, starts).hidden_state[100:, :, 0]
        + 1j * (unroll(experiment, chunk.state.parameters, starts).hidden_state[100:, :, 1])
    )
    assert np.abs(path).min() > 0.5 and np.abs(path).max() < 0.9
    turns = np.unwrap(np.angle(path), axis=0)
    steps_a_turn = 2 * np.pi / ((turns[-1] - turns[0]) / (len(turns) - 1))
    np.testing.assert_allclose(steps_a_turn, 12, rtol=0.05)
