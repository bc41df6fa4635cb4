"""Interventions, forward and back, against an explicit autograd loop that carries each out literally, unit by unit."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from engine import (
    CELLS,
    TASKS,
    AddNoise,
    Edit,
    Experiment,
    ExperimentError,
    Flip,
    Freeze,
    HoldGate,
    Intervention,
    Reset,
    Silence,
    TrainingState,
    advance,
    initial_state,
    record,
    task_of,
    unroll,
)
from engine.analysis.effects import Trial, effect_of
from engine.losses import loss_of_batch
from engine.network import carry_back
from engine.parameters import sizes_of
from engine.randomness import Stream, generator
from engine.recording import held_out_metric
from engine.series import register, series_from_values
from engine.supply import displayed_batch, fresh_batch
from engine.tasks import task_named
from engine.training import one_thread
from tests.oracles import relative_error, unrolled

TOLERANCE = 1e-5
LENGTH, UNITS = 14, 6
WHERE: list[dict[str, Any]] = [
    {},
    {"units": (2, 5)},
    {"steps": (4, 9)},
    {"units": (1, 6), "steps": (3, 3)},
    {"units": (3,), "steps": (12, 14)},
]
KINDS = [("rnn", "tanh"), ("rnn", "relu"), ("rnn", "identity"), ("gru", "tanh"), ("lstm", "tanh"), ("window", "relu")]


def on_state(cell: str, state: str, where: dict[str, Any]) -> list[Intervention]:
    """Each kind that changes a state, there."""
    kinds: list[Intervention] = [
        Freeze(state=state, **where),
        Silence(state=state, **where),
        Flip(state=state, **where),
        AddNoise(0.4, seed=5, state=state, **where),
    ]
    return kinds if cell == "window" else [*kinds, Reset(state=state, **where)]


def every_kind(cell: str, where: dict[str, Any], openings: tuple[float, ...] = (0.0, 0.3, 1.0)) -> list[Intervention]:
    """Each kind that the cell knows, there."""
    gates = [HoldGate(gate, value, **where) for gate in CELLS[cell].gate_blocks for value in openings]
    return [*gates, *(each for state in CELLS[cell].state_names for each in on_state(cell, state, where))]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Arrays this small are not worth a second thread, which would only wait on a busy machine."""
    with one_thread():
        yield


def named(value: object) -> str:
    return str(value).replace("hidden_state", "h").replace("cell_state", "c")


SINGLE = [
    pytest.param(cell, activation, each, id=f"{cell}-{activation}-{named(each)}")
    for cell, activation in KINDS
    for where in WHERE
    for each in every_kind(cell, where)
]


def trained_a_little(experiment: Experiment) -> TrainingState:
    """A network whose gates and states are no longer all alike."""
    state = initial_state(experiment)
    if state.parameters["rnn.weight_hh_l0"].size:
        draw = np.random.default_rng(8)
        noisy = {
            name: np.float32(each + 0.2 * draw.standard_normal(each.shape)) for name, each in state.parameters.items()
        }
        return replace(state, parameters=noisy)
    return state


def assert_exact(experiment: Experiment, *interventions: Intervention) -> None:
    """Every quantity of every layer, forward and back, is that of the explicit loop, and something has changed."""
    state, task, batch = trained_a_little(experiment), task_of(experiment), displayed_batch(experiment)
    forward = unroll(experiment, state.parameters, batch.inputs, interventions=interventions)
    loss, output_grad = loss_of_batch(task.loss, forward.outputs, batch)
    layers = carry_back(experiment, state.parameters, forward, output_grad)
    oracle = unrolled(experiment, state.parameters, batch, task.loss, interventions)
    assert loss == pytest.approx(oracle.loss, rel=TOLERANCE)
    assert relative_error(forward.outputs, oracle.outputs) <= TOLERANCE
    free = sizes_of(experiment).free
    for number, (layer, expected) in enumerate(zip(layers, oracle.layers, strict=True)):
        for each in fields(layer):
            everywhere = each.name.startswith("hidden_state")
            here = np.s_[...] if everywhere else np.s_[..., :free]
            error = relative_error(getattr(layer, each.name)[here], expected[each.name][here])
            assert error <= TOLERANCE, f"layer {number} {each.name}: {error}"
    recording = record(experiment, state, interventions=interventions)
    assert recording.loss == loss
    if experiment.activation != "relu" and not all(isinstance(each, Freeze | Reset) for each in interventions):
        untouched = unroll(experiment, state.parameters, batch.inputs)
        assert any((a.hidden_state != b.hidden_state).any() for a, b in zip(untouched.layers, layers, strict=True))


@pytest.mark.parametrize(("cell", "activation", "intervention"), SINGLE)
def test_each_kind_is_exact_forward_and_back(cell: str, activation: str, intervention: Intervention) -> None:
    assert_exact(
        Experiment(task="parity", cell=cell, activation=activation, length=LENGTH, hidden_size=UNITS), intervention
    )


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize("case", range(12))
def test_any_composition_is_exact_in_any_order(cell: str, case: int) -> None:
    draw = np.random.default_rng([case, len(cell)])
    available = [each for where in WHERE for each in every_kind(cell, where)]
    chosen = [available[number] for number in draw.permutation(len(available))[:5]]
    chosen = [replace(each, layer=int(draw.integers(1, 3))) if draw.random() < 0.5 else each for each in chosen]
    experiment = Experiment(task="parity", cell=cell, length=LENGTH, hidden_size=UNITS, layers=2)
    assert_exact(experiment, *chosen)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize(
    "ways",
    [
        {"input_way": "clamped"},
        {"input_way": "initial"},
        {"driven_units": 2},
        {"initial_state": "learned", "layers": 2},
        {"initial_state": "learned", "initial_units": 3, "input_way": "clamped"},
        {"target_way": "units", "input_way": "initial", "initial_state": "learned"},
    ],
    ids=str,
)
@pytest.mark.parametrize("where", [{}, {"steps": (4, 9)}, {"units": (1, 4)}], ids=str)
def test_in_every_way_of_input_and_target(cell: str, ways: dict[str, Any], where: dict[str, Any]) -> None:
    experiment = Experiment(task="cycle", cell=cell, length=LENGTH, hidden_size=UNITS, **ways)
    for each in every_kind(cell, where, (0.3,)):
        assert_exact(experiment, each)
    assert_exact(experiment, *every_kind(cell, where)[::-1])


def test_what_each_kind_does_in_words() -> None:
    experiment = Experiment(task="adding", cell="lstm", length=20, hidden_size=8)
    state = trained_a_little(experiment)
    plain = record(experiment, state)

    def done(each: Intervention) -> Any:
        return record(experiment, state, interventions=(each,))

    held = done(HoldGate("output_gate", 0.25, units=(3,), steps=(5, 8)))
    assert (held.output_gate[4:8, :, 2] == 0.25).all()
    assert (held.output_gate[:4] == plain.output_gate[:4]).all() and (held.output_gate[8, :, 2] != 0.25).all()
    assert (done(Silence(units=(1,))).hidden_state[..., 0] == 0).all()
    assert (done(Freeze()).hidden_state == 0).all(), "it starts at zero"
    frozen = done(Freeze(state="cell_state", steps=(7, 12)))
    assert (frozen.cell_state[6:12] == plain.cell_state[5]).all() and (
        frozen.cell_state[12] != plain.cell_state[5]
    ).all()
    assert (done(Flip(steps=(9, 9))).hidden_state[8] == -plain.hidden_state[8]).all()
    noise = done(AddNoise(0.5, steps=(9, 9))).hidden_state[8] - plain.hidden_state[8]
    assert 0.3 < noise.std() < 0.7
    assert (done(Reset(steps=(9, 9))).hidden_state[7] == plain.hidden_state[7]).all()
    both = record(experiment, state, interventions=(Reset(steps=(9, 9)), Reset(state="cell_state", steps=(9, 9))))
    anew = unroll(experiment, state.parameters, plain.inputs[8:]).hidden_state
    np.testing.assert_allclose(both.hidden_state[8:], anew, atol=1e-6)
    assert (both.hidden_state_grad[:8] == 0).all(), "nothing reaches back across it, and only the end is asked for"


def test_noise_is_the_same_each_time_and_another_with_another_seed() -> None:
    experiment = Experiment(length=20, hidden_size=8, layers=2)
    state = initial_state(experiment)
    states = [
        unroll(experiment, state.parameters, fresh_batch(experiment, size).inputs[:, :3], interventions=(each,)).layers
        for size, each in ((3, AddNoise(0.3)), (3, AddNoise(0.3)), (3, AddNoise(0.3, seed=1)))
    ]
    one, again, other = (layers[0].hidden_state.tobytes() for layers in states)
    assert one == again != other
    few, many = (
        unroll(experiment, state.parameters, np.zeros((20, size, 2)), interventions=(AddNoise(0.3),)).hidden_state
        for size in (2, 9)
    )
    np.testing.assert_allclose(few, many[:, :2], atol=1e-12)


def test_the_order_counts() -> None:
    experiment = Experiment(length=10, hidden_size=4)
    state, silence, noise = initial_state(experiment), Silence(), AddNoise(1.0)
    assert (record(experiment, state, interventions=(noise, silence)).hidden_state == 0).all()
    assert (record(experiment, state, interventions=(silence, noise)).hidden_state != 0).all()


def test_nothing_done_is_nothing_changed_and_the_parameters_stay() -> None:
    for cell in CELLS:
        experiment = Experiment(cell=cell, length=12, hidden_size=5, layers=2)
        state = initial_state(experiment)
        before = {name: value.tobytes() for name, value in state.parameters.items()}
        plain = record(experiment, state)
        second = record(experiment, state, interventions=(Silence(layer=2),))
        assert (second.layers[0].hidden_state == plain.layers[0].hidden_state).all()
        assert (second.layers[1].hidden_state == 0).all()
        assert {name: value.tobytes() for name, value in state.parameters.items()} == before
        assert record(experiment, state).hidden_state_grad.tobytes() == plain.hidden_state_grad.tobytes()


def test_a_network_that_is_not_a_number_is_still_silenced() -> None:
    experiment = Experiment(cell="rnn", activation="identity", length=200, hidden_size=4)
    state = initial_state(experiment)
    huge = replace(state, parameters={name: value * np.float32(1e30) for name, value in state.parameters.items()})
    assert not np.isfinite(record(experiment, huge).hidden_state).all()
    assert (record(experiment, huge, interventions=(Silence(),)).hidden_state == 0).all()


LSTM, RNN = Experiment(cell="lstm", hidden_size=8, length=20), Experiment(cell="rnn", hidden_size=8, length=20)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: HoldGate("forget_gate", 1.5), "value=1.5 is out of range"),
        (lambda: HoldGate("forget_gate", float("nan")), "value=nan is out of range"),
        (lambda: Silence(units=()), "units="),
        (lambda: Silence(units=(0,)), "units=0 is out of range"),
        (lambda: Silence(units="1-3"), "a list of unit numbers"),  # type: ignore[arg-type]
        (lambda: Freeze(steps=(5, 4)), "the first and the last step"),
        (lambda: Freeze(steps=(5,)), "the first and the last step"),  # type: ignore[arg-type]
        (lambda: Flip(layer=0), "layer=0 is out of range"),
        (lambda: AddNoise(-1.0), "deviation=-1 is out of range"),
        (lambda: AddNoise(1.0, seed=-1), "seed=-1 is out of range"),
        (lambda: Edit(1, 1, 1, float("inf")), "value=inf is out of range"),
    ],
)
def test_numbers_out_of_range_are_refused_at_once(make: Any, says: str) -> None:
    with pytest.raises(ExperimentError, match=says.replace("(", r"\(")):
        make()


@pytest.mark.parametrize(
    ("experiment", "each", "says"),
    [
        (LSTM, HoldGate("reset_gate", 0.5), "choose one of input_gate, forget_gate, output_gate"),
        (RNN, HoldGate("forget_gate", 0.5), "the RNN has no gates"),
        (RNN, Silence(state="cell_state"), "choose hidden_state"),
        (LSTM, Silence(units=(3, 9)), "There is no unit 9: the network has 8"),
        (LSTM, Silence(steps=(15, 21)), "There is no step 21: the sequences have 20"),
        (LSTM, Silence(layer=2), "There is no layer 2"),
        (replace(LSTM, input_way="clamped"), Silence(units=(8,)), "Unit 8 is clamped to an input"),
        (replace(LSTM, cell="window"), Reset(), "carries no state"),
    ],
)
def test_what_does_not_fit_the_network_is_refused_in_a_sentence(
    experiment: Experiment, each: Intervention, says: str
) -> None:
    with pytest.raises(ExperimentError, match=says):
        record(experiment, initial_state(experiment), interventions=(each,))


def test_an_intervention_may_fit_other_sequences_than_the_experiments_own() -> None:
    inputs = np.zeros((30, 1, 2))
    assert (unroll(LSTM, initial_state(LSTM).parameters, inputs, interventions=(Silence(steps=(25, 30)),))
            .hidden_state[24:] == 0).all()  # fmt: skip


def test_the_metric_on_fresh_sequences_tells_what_is_lost() -> None:
    experiment = Experiment(task="echo", cell="lstm", length=12, learning_rate=0.01)
    state, _ = advance(experiment, initial_state(experiment), 400)
    shut = (HoldGate("output_gate", 0.0),)
    effect = effect_of(Trial.of(experiment, state.parameters, shut))
    task, batch = task_of(experiment), fresh_batch(experiment, effect.sequences)
    for interventions, measured in (((), effect.before), (shut, effect.after)):
        oracle = unrolled(experiment, state.parameters, batch, task.loss, interventions)
        assert measured == task.measure(oracle.outputs, batch)
    assert effect.sequences == 200 and effect.before > 0.9 and 0.4 < effect.after < 0.6


def test_a_task_that_keeps_data_back_is_judged_on_these() -> None:
    experiment = Experiment(task="series", length=24)
    state = initial_state(experiment)
    effect = effect_of(Trial.of(experiment, state.parameters, (Silence(),)))
    assert effect.before == held_out_metric(experiment, state) != effect.after
    assert effect.sequences == task_of(experiment).held_out(24).size  # type: ignore[union-attr]


def test_a_worker_is_told_an_uploaded_series() -> None:
    name = register(series_from_values("levels", [float(number % 7) for number in range(300)]))
    experiment = Experiment(task="series", series=name, length=20)
    trial = Trial.of(experiment, initial_state(experiment).parameters, (Silence(),))
    code = """if True:
        import pickle, sys
        from engine.analysis.effects import effect_of
        print(effect_of(pickle.load(sys.stdin.buffer)))
    """
    told = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(trial), capture_output=True, check=True)
    assert told.stdout.decode().strip() == repr(effect_of(trial))


# --- editing the inputs ---


def test_an_edit_changes_one_input_and_all_that_follows() -> None:
    experiment = Experiment(task="adding", cell="lstm", length=20, hidden_size=8)
    state = trained_a_little(experiment)
    plain = record(experiment, state)
    edit = record(experiment, state, edits=(Edit(2, 7, 1, 0.9),))
    differs = np.argwhere(edit.inputs != plain.inputs)
    assert differs.tolist() == [[6, 1, 0]] and edit.inputs[6, 1, 0] == np.float32(0.9)
    changed = (edit.hidden_state != plain.hidden_state).any(axis=-1)  # (T, B)
    assert not changed[:6].any() and changed[6:, 1].all() and not changed[:, [0, 2, 3]].any()
    oracle = unrolled(experiment, state.parameters, edit.batch, task_of(experiment).loss)
    assert relative_error(edit.hidden_state_grad, oracle.layers[0]["hidden_state_grad"]) <= TOLERANCE


def test_moving_a_mark_moves_the_sum_that_is_wanted() -> None:
    experiment = Experiment(task="adding", length=20)
    state = initial_state(experiment)
    plain = record(experiment, state)
    old, new = int(np.flatnonzero(plain.inputs[:, 0, 1])[0]), 15
    moved = record(experiment, state, edits=(Edit(1, old + 1, 2, 0.0), Edit(1, new + 1, 2, 1.0)))
    marked = moved.inputs[:, 0, 1] == 1
    assert marked[new] and not marked[old]
    np.testing.assert_allclose(moved.targets[-1, 0, 0], moved.inputs[marked, 0, 0].sum(), rtol=1e-6)
    assert (moved.targets[:, 1:] == plain.targets[:, 1:]).all()


@pytest.mark.parametrize("name", list(TASKS))
def test_targets_that_follow_from_the_inputs_are_those_of_the_task(name: str) -> None:
    task = task_named(name, "el_nino")
    batch = task.sample(generator(0, Stream.TRAINING, 0), task.default_length, 50)
    again = task.retarget(batch)
    if again is None:
        assert name not in ("adding", "echo", "parity")
    else:
        assert again.targets.dtype == batch.targets.dtype and (again.target_mask == batch.target_mask).all()
        np.testing.assert_allclose(again.targets[batch.target_mask], batch.targets[batch.target_mask], atol=1e-6)
        assert (again.inputs == batch.inputs).all()


@pytest.mark.parametrize("name", ["parity", "echo"])
def test_a_bit_that_is_turned_turns_the_targets_that_hang_on_it(name: str) -> None:
    experiment = Experiment(task=name, length=12)
    plain = record(experiment, initial_state(experiment))
    turned = record(experiment, initial_state(experiment), edits=(Edit(1, 4, 1, 1 - plain.inputs[3, 0, 0]),))
    differs = np.flatnonzero(turned.targets[:, 0, 0] != plain.targets[:, 0, 0]).tolist()
    assert differs == (list(range(3, 12)) if name == "parity" else [6])


@pytest.mark.parametrize(("edit", "says"), [(Edit(5, 1, 1, 0), "no sequence 5"), (Edit(1, 21, 1, 0), "no step 21"),
                                            (Edit(1, 1, 3, 0), "no channel 3")])  # fmt: skip
def test_an_edit_outside_the_sequences_is_refused(edit: Edit, says: str) -> None:
    with pytest.raises(ExperimentError, match=says):
        record(LSTM, initial_state(LSTM), edits=(edit,))
