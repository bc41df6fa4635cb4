"""`advance` is pure, exact and the training that PyTorch's own parts would do.

Pure: its arguments stay as they were, and equal arguments give equal bytes. Exact: 100 steps are ten times ten
steps, for every cell, optimiser and kind of loss. The right training: an independent loop of torch.nn,
torch.optim and clip_grad_norm_ on the same batches takes the same way.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from engine import CELLS, TASKS, Batch, Change, Experiment, TrainingLog, TrainingState, advance, initial_state, task_of
from engine.fast.optimizer import MOMENTUM
from engine.losses import told_at
from engine.parameters import parameter_count
from engine.randomness import Stream, generator
from engine.rules import OPTIMIZERS
from engine.training import RECENT, Trainer, one_thread
from tests.oracles import loss_at_targets, torch_network, unrolled

every_recurrent_cell = pytest.mark.parametrize("cell", [cell for cell in CELLS if CELLS[cell].states])
every_cell = pytest.mark.parametrize("cell", list(CELLS))
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)
every_task = pytest.mark.parametrize("task", list(TASKS))
LOSS_TASKS = {"mean squared error": "adding", "binary cross-entropy": "parity", "cross-entropy": "recall"}


@pytest.fixture
def threads() -> Iterator[None]:
    """Whatever the test does to PyTorch's number of threads is undone."""
    count = torch.get_num_threads()
    yield
    torch.set_num_threads(count)


def small(task: str = "adding", **settings: object) -> Experiment:
    """A network that trains in a blink."""
    length = {"series": 12, "temporal_order": 10}.get(task, 8)
    return Experiment(**({"task": task, "length": length, "hidden_size": 6, "batch_size": 4} | settings))  # type: ignore[arg-type]


def training_batch(experiment: Experiment, step: int) -> Batch:
    """What training step number `step` learns from."""
    draw = generator(experiment.seed, Stream.TRAINING, step)
    return task_of(experiment).sample(draw, experiment.length, experiment.batch_size)


def frozen(state: TrainingState) -> bytes:
    """All of a state, byte by byte."""
    arrays = {**state.parameters, **state.optimizer, "recent": state.recent}
    kinds = [(name, value.dtype.str, value.shape, value.tobytes()) for name, value in arrays.items()]
    return pickle.dumps((state.step, kinds))


def trained(experiment: Experiment, *steps: int) -> tuple[TrainingState, TrainingLog]:
    """The state after training in stretches of `steps`, and the logs joined."""
    state, logs = initial_state(experiment), []
    for count in steps:
        state, log = advance(experiment, state, count)
        logs.append(log)
    loss, metric, norm = (
        np.concatenate([getattr(log, name) for log in logs]) for name in ("loss", "metric", "gradient_norm")
    )
    return state, TrainingLog(loss, metric, norm, logs[-1].diverged)


# --- the state before training ---


@every_cell
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_parameters_have_pytorchs_names_shapes_and_precision(cell: str, layers: int) -> None:
    experiment = small("temporal_order", cell=cell, layers=layers)
    state = initial_state(experiment)
    rows = {"rnn": 6, "gru": 18, "lstm": 24, "window": 6}[cell]
    expected = {"readout.weight": (4, 6), "readout.bias": (4,)}
    for layer in range(layers):
        fan_in = 6  # both the task's channels and the units below
        expected[f"rnn.weight_ih_l{layer}"] = (rows, fan_in)
        expected[f"rnn.weight_hh_l{layer}"] = (rows, 6 if CELLS[cell].states else 0)
        expected[f"rnn.bias_ih_l{layer}"] = (rows,)
        expected[f"rnn.bias_hh_l{layer}"] = (rows if CELLS[cell].states else 0,)
    assert {name: value.shape for name, value in state.parameters.items()} == expected
    assert {value.dtype for value in state.parameters.values()} == {np.dtype(np.float32)}
    assert state.step == 0 and len(state.recent) == 0 and np.isnan(state.score)
    network = torch_network(experiment, task_of(experiment), state.parameters)
    assert parameter_count(state.parameters) == sum(value.numel() for value in network.parameters())


@every_cell
def test_the_first_layer_takes_the_tasks_channels(cell: str) -> None:
    for task in ("adding", "recall", "timer"):
        experiment = small(task, cell=cell, layers=2)
        parameters = initial_state(experiment).parameters
        assert parameters["rnn.weight_ih_l0"].shape[1] == len(TASKS[task].inputs)
        assert parameters["rnn.weight_ih_l1"].shape[1] == 6
        assert parameters["readout.weight"].shape == (len(TASKS[task].outputs), 6)


@every_recurrent_cell
def test_pytorchs_initialization_is_uniform_within_one_over_the_root_of_h(cell: str) -> None:
    parameters = initial_state(Experiment(cell=cell, hidden_size=64, forget_bias=0.1)).parameters
    bound = 1 / 8
    for name, value in parameters.items():
        assert np.abs(value).max() <= bound, name
    for name in ("rnn.weight_ih_l0", "rnn.weight_hh_l0"):
        assert np.abs(parameters[name]).max() > 0.9 * bound
        assert parameters[name].std() == pytest.approx(bound / 3**0.5, rel=0.15)


def test_a_network_without_recurrence_begins_as_torch_nn_linear() -> None:
    parameters = initial_state(Experiment(cell="window", window=8, hidden_size=64)).parameters
    bound = 1 / 4  # of 16 inputs
    for name in ("rnn.weight_ih_l0", "rnn.bias_ih_l0"):
        assert 0.9 * bound < np.abs(parameters[name]).max() <= bound


@every_recurrent_cell
@pytest.mark.parametrize("radius", [0.0, 0.9, 1.0, 2.5])
def test_orthogonal_initialization_has_the_chosen_spectral_radius(cell: str, radius: float) -> None:
    experiment = Experiment(cell=cell, initialization="orthogonal", spectral_radius=radius, layers=2)
    for layer in range(2):
        recurrent = initial_state(experiment).parameters[f"rnn.weight_hh_l{layer}"]
        for block in np.split(recurrent.astype(np.float64), CELLS[cell].blocks):
            np.testing.assert_allclose(block @ block.T, radius**2 * np.eye(32), atol=1e-5)
            np.testing.assert_allclose(np.abs(np.linalg.eigvals(block)), radius, atol=1e-5)


@every_recurrent_cell
def test_identity_initialization_keeps_the_state(cell: str) -> None:
    experiment = Experiment(cell=cell, initialization="identity", spectral_radius=0.8, forget_bias=0)
    parameters = initial_state(experiment).parameters
    for block in np.split(parameters["rnn.weight_hh_l0"], CELLS[cell].blocks):
        np.testing.assert_allclose(block, 0.8 * np.eye(32), rtol=1e-6)
    assert not parameters["rnn.bias_ih_l0"].any() and not parameters["rnn.bias_hh_l0"].any()
    assert 0 < np.abs(parameters["rnn.weight_ih_l0"]).max() < 0.01


@pytest.mark.parametrize("initialization", ["pytorch", "orthogonal", "identity"])
def test_forget_bias_is_that_of_the_forget_gate_and_no_other(initialization: str) -> None:
    low, high = (
        initial_state(Experiment(cell="lstm", initialization=initialization, forget_bias=bias, layers=2)).parameters
        for bias in (-1.5, 3.0)
    )
    for layer in range(2):
        for parameters, bias in ((low, -1.5), (high, 3.0)):
            together = parameters[f"rnn.bias_ih_l{layer}"] + parameters[f"rnn.bias_hh_l{layer}"]
            assert (together[32:64] == np.float32(bias)).all()
        for part in ("bias_ih", "bias_hh"):
            same = low[f"rnn.{part}_l{layer}"] == high[f"rnn.{part}_l{layer}"]
            assert same[:32].all() and same[64:].all()
    assert all((low[name] == high[name]).all() for name in low if "bias_ih" not in name and "bias_hh" not in name)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_settings_of_other_cells_change_nothing(cell: str) -> None:
    plain, other = small(cell=cell), small(cell=cell, forget_bias=5)
    assert frozen(trained(plain, 3)[0]) == frozen(trained(other, 3)[0])


def test_another_seed_draws_other_parameters_and_other_batches() -> None:
    one, other = small(seed=1), small(seed=2)
    assert (initial_state(one).parameters["readout.bias"] != initial_state(other).parameters["readout.bias"]).all()
    first, second = (trained(experiment, 1)[1].loss for experiment in (one, other))
    assert first != second


def test_streams_and_indices_of_one_seed_never_share_numbers() -> None:
    uses = [(Stream.PARAMETERS, ()), (Stream.DISPLAY, ()), *((Stream.TRAINING, (step,)) for step in range(99))]
    draws = [
        generator(seed, stream, *index).integers(0, 2**63, 4).tobytes()
        for seed in (0, 1, 2, 2**31 - 1)
        for stream, index in uses
    ]
    assert len(set(draws)) == len(draws)


def test_the_displayed_sequences_are_never_trained_on() -> None:
    task = TASKS["adding"]
    shown = task.display(generator(3, Stream.DISPLAY), 20, 4)
    columns = {shown.inputs[:, b].tobytes() for b in range(4)}
    for step in range(200):
        batch = task.sample(generator(3, Stream.TRAINING, step), 20, 32)
        assert columns.isdisjoint(batch.inputs[:, b].tobytes() for b in range(32))


# --- pure and exact ---


@every_cell
@every_optimizer
def test_advance_leaves_its_arguments_alone(cell: str, optimizer: str) -> None:
    experiment = small(cell=cell, optimizer=optimizer)
    for state in (initial_state(experiment), trained(experiment, 3)[0]):
        before, arrays = frozen(state), [*state.parameters.values(), *state.optimizer.values(), state.recent]
        for array in arrays:
            array.flags.writeable = False
        later, _ = advance(experiment, state, 5)
        assert frozen(state) == before
        for array in [*later.parameters.values(), *later.optimizer.values(), later.recent]:
            assert not any(np.shares_memory(array, earlier) for earlier in arrays)


@every_cell
@every_optimizer
def test_equal_arguments_give_equal_bytes(cell: str, optimizer: str) -> None:
    experiment = small(cell=cell, optimizer=optimizer, layers=2)
    (first, log), (second, other_log) = trained(experiment, 10), trained(experiment, 10)
    assert frozen(first) == frozen(second)
    assert log.loss.tobytes() == other_log.loss.tobytes()


@pytest.mark.parametrize("task", ["adding", "echo", "recall"])
@every_cell
@pytest.mark.parametrize("hidden_size", [32, 128])
def test_the_number_of_threads_changes_no_byte(task: str, cell: str, hidden_size: int, threads: None) -> None:
    experiment = Experiment(task=task, cell=cell, length=TASKS[task].default_length, hidden_size=hidden_size)
    states = []
    for count in (1, 2):
        torch.set_num_threads(count)
        with threadpool_limits(count, "blas"):
            states.append(frozen(trained(experiment, 480 // hidden_size)[0]))
            assert torch.get_num_threads() == count
            assert {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"} == {count}
    assert states[0] == states[1]


@every_cell
@every_optimizer
@pytest.mark.parametrize("task", LOSS_TASKS.values(), ids=LOSS_TASKS)
def test_a_hundred_steps_are_ten_times_ten(cell: str, optimizer: str, task: str) -> None:
    experiment = small(task, cell=cell, optimizer=optimizer, learning_rate=0.01, changes=(Change(35, 0.002, None),))
    state, log = trained(experiment, 100)
    pieces, pieces_log = trained(experiment, *[10] * 10)
    assert frozen(state) == frozen(pieces)
    for name in ("loss", "metric", "gradient_norm"):
        assert getattr(log, name).tobytes() == getattr(pieces_log, name).tobytes()


@every_task
def test_any_cut_gives_the_same_bytes_on_every_task(task: str) -> None:
    experiment = small(task, layers=3)
    assert frozen(trained(experiment, 12)[0]) == frozen(trained(experiment, 0, 1, 7, 4)[0])


def test_a_state_does_not_change_while_its_trainer_goes_on() -> None:
    experiment = small()
    trainer = Trainer(experiment, initial_state(experiment))
    trainer.step()
    state = trainer.state()
    before = frozen(state)
    trainer.step()
    assert frozen(state) == before == frozen(trained(experiment, 1)[0])


def test_a_state_that_has_travelled_goes_on_as_if_it_had_not() -> None:
    experiment = small()
    state, _ = trained(experiment, 10)
    arrived: TrainingState = pickle.loads(pickle.dumps(state))
    assert frozen(advance(experiment, arrived, 10)[0]) == frozen(trained(experiment, 20)[0])


@every_cell
def test_one_state_can_be_trained_in_two_directions(cell: str) -> None:
    experiment = small(cell=cell)
    state, _ = trained(experiment, 10)
    advance(replace(experiment, learning_rate=0.5), state, 10)
    assert frozen(advance(experiment, state, 10)[0]) == frozen(trained(experiment, 20)[0])


# --- the same training as PyTorch's own parts ---


def torch_training(experiment: Experiment, steps: int) -> tuple[torch.nn.Module, list[float], list[float]]:
    """Network, losses and gradient norms of a plain PyTorch training loop on the experiment's batches."""
    task = task_of(experiment)
    network = torch_network(experiment, task, initial_state(experiment).parameters)
    optimizers: dict[str, Callable[[Iterable[torch.nn.Parameter], float], torch.optim.Optimizer]] = {
        "sgd": lambda parameters, lr: torch.optim.SGD(parameters, lr),
        "momentum": lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=MOMENTUM),
        "rmsprop": lambda parameters, lr: torch.optim.RMSprop(parameters, lr),
        "adam": lambda parameters, lr: torch.optim.Adam(parameters, lr),
    }
    optimizer = optimizers[experiment.optimizer](network.parameters(), experiment.learning_rate)
    most = float("inf") if experiment.clip_norm is None else experiment.clip_norm
    losses, norms = [], []
    with one_thread():
        for step in range(steps):
            batch = training_batch(experiment, step)
            optimizer.zero_grad()
            loss = loss_at_targets(network(torch.from_numpy(batch.inputs)), batch, task.loss)
            loss.backward()  # type: ignore[no-untyped-call]
            norms.append(float(torch.nn.utils.clip_grad_norm_(network.parameters(), most)))
            optimizer.step()
            losses.append(loss.item())
    return network, losses, norms


@every_cell
@every_optimizer
@pytest.mark.parametrize("clip_norm", [None, 0.05])
def test_training_is_that_of_torch_optim(cell: str, optimizer: str, clip_norm: float | None) -> None:
    rate = 0.1 if optimizer in ("sgd", "momentum") else 0.003
    experiment = Experiment(
        cell=cell, optimizer=optimizer, learning_rate=rate, clip_norm=clip_norm, length=20, hidden_size=16, window=3
    )
    assert_trains_as_torch(experiment)


@every_cell
@every_task
def test_training_is_that_of_torch_nn_on_every_task(cell: str, task: str) -> None:
    assert_trains_as_torch(Experiment(task=task, cell=cell, length=16, hidden_size=16, layers=2))


def test_training_is_that_of_torch_nn_with_relu() -> None:
    assert_trains_as_torch(Experiment(cell="rnn", activation="relu", length=20, layers=3))


@every_cell
@pytest.mark.parametrize("task", LOSS_TASKS.values(), ids=LOSS_TASKS)
def test_any_mask_of_targets_is_heeded(cell: str, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = small(task, cell=cell, optimizer="sgd", learning_rate=1.0, clip_norm=None, layers=2)
    batch = training_batch(experiment, 0)
    mask = np.random.default_rng(3).random(batch.target_mask.shape) < 0.4
    mask[2], mask[:, 1] = False, False  # a step without any target, and a sequence without any
    classes = np.random.default_rng(4).integers(0, 4, mask.shape)
    targets = classes if task == "recall" else (classes[..., np.newaxis] % 2).astype(np.float32)
    masked = replace(batch, target_mask=mask, targets=targets)
    assert isinstance(told_at(masked), np.ndarray) and isinstance(told_at(batch), slice)
    monkeypatch.setattr("engine.training.training_batch", lambda *_: masked)
    before = initial_state(experiment)
    after, log = advance(experiment, before, 1)
    oracle = unrolled(experiment, before.parameters, masked, task_of(experiment).loss)
    assert log.loss[0] == pytest.approx(oracle.loss, rel=1e-5)
    for name, grad in oracle.parameter_grads.items():
        np.testing.assert_allclose(before.parameters[name] - after.parameters[name], grad, atol=2e-6, err_msg=name)


def assert_trains_as_torch(experiment: Experiment, steps: int = 20) -> None:
    """Losses, gradient norms and parameters agree after `steps` steps, up to what float32 rounding makes of them.

    The parameters may differ by 1/500 of the learning rate a step: where the gradient itself is nearly zero,
    rounding moves an adaptive optimiser's step by a share of the learning rate.
    """
    state, log = trained(experiment, steps)
    network, losses, norms = torch_training(experiment, steps)
    np.testing.assert_allclose(log.loss, losses, rtol=2e-4)
    np.testing.assert_allclose(log.gradient_norm, norms, rtol=2e-3)
    change = 0.0
    for name, value in network.state_dict().items():
        if not value.numel():
            continue
        tolerance = steps * experiment.learning_rate / 500
        np.testing.assert_allclose(state.parameters[name], value.numpy(), atol=tolerance, rtol=1e-4, err_msg=name)
        change = max(change, float(np.abs(value.numpy() - initial_state(experiment).parameters[name]).max()))
    assert change > 0.1 * experiment.learning_rate, "nothing was learned, so nothing was compared"


# --- the log ---


@every_task
def test_the_log_has_one_value_a_step_and_the_tasks_own_metric(task: str) -> None:
    experiment = small(task)
    state, log = trained(experiment, 7)
    assert not log.diverged and state.step == 7
    for values in (log.loss, log.metric, log.gradient_norm):
        assert values.shape == (7,) and values.dtype == np.float32 and np.isfinite(values).all()
    parameters = trained(experiment, 4)[0].parameters  # those that step number 4 begins with
    network = torch_network(experiment, task_of(experiment), parameters)
    batch = training_batch(experiment, 4)
    outputs = network(torch.from_numpy(batch.inputs))
    assert log.loss[4] == pytest.approx(loss_at_targets(outputs, batch, task_of(experiment).loss).item(), rel=1e-4)
    assert log.metric[4] == pytest.approx(task_of(experiment).measure(outputs.detach().numpy(), batch), rel=1e-4)


def test_recent_holds_the_metric_of_the_last_batches_across_cuts() -> None:
    experiment = small()
    state, log = trained(experiment, 30, 5, 45)
    np.testing.assert_array_equal(state.recent, log.metric[-RECENT:])
    assert state.score == pytest.approx(float(log.metric[-RECENT:].mean()))
    early, early_log = trained(experiment, 3)
    np.testing.assert_array_equal(early.recent, early_log.metric)


def test_no_steps_is_a_fair_request() -> None:
    experiment = small()
    state, _ = trained(experiment, 4)
    same, log = advance(experiment, state, 0)
    assert frozen(same) == frozen(state)
    assert len(log.loss) == 0 and not log.diverged


def test_nbytes_counts_all_arrays() -> None:
    state, _ = trained(small(optimizer="adam"), 2)
    count = parameter_count(state.parameters)
    assert state.nbytes == 3 * 4 * count + 4 * 2


# --- settings that change in mid-run ---


@every_cell
@every_optimizer
def test_a_change_acts_exactly_from_its_step(cell: str, optimizer: str) -> None:
    plain = small(cell=cell, optimizer=optimizer, learning_rate=0.01, clip_norm=1.0)
    changed = replace(plain, changes=(Change(7, 0.05, 0.01), Change(9, 0.001, None)))
    at_7 = trained(plain, 7)[0]
    assert frozen(trained(changed, 7)[0]) == frozen(at_7), "it acted too early"
    at_9, _ = advance(replace(plain, learning_rate=0.05, clip_norm=0.01), at_7, 2)
    assert frozen(trained(changed, 9)[0]) == frozen(at_9)
    at_12, _ = advance(replace(plain, learning_rate=0.001, clip_norm=None), at_9, 3)
    assert frozen(trained(changed, 12)[0]) == frozen(at_12)
    assert frozen(trained(changed, 8)[0]) != frozen(trained(plain, 8)[0]), "it did not act"


def test_settings_at_tells_rate_and_clipping_of_each_step() -> None:
    experiment = small(learning_rate=0.1, clip_norm=2.0, changes=(Change(3, 0.2, None), Change(5, 0.3, 4.0)))
    settings = [experiment.settings_at(step) for step in range(7)]
    assert [(each.learning_rate, each.clip_norm) for each in settings] == [
        *[(0.1, 2.0)] * 3, *[(0.2, None)] * 2, *[(0.3, 4.0)] * 2,
    ]  # fmt: skip


@every_cell
def test_batch_size_and_optimiser_change_exactly_from_their_step_and_moments_start_anew(cell: str) -> None:
    plain = small(cell=cell, optimizer="adam", learning_rate=0.01, clip_norm=1.0, batch_size=4)
    changes = (Change(7, 0.02, 1.0, 9, "rmsprop"), Change(9, 0.01, None), Change(11, 0.03, None, None, "adam"))
    changed = replace(plain, changes=changes)
    at_7 = trained(plain, 7)[0]
    assert frozen(trained(changed, 7)[0]) == frozen(at_7), "it acted too early"
    other = replace(plain, optimizer="rmsprop", batch_size=9, learning_rate=0.02)
    at_9, _ = advance(other, replace(at_7, optimizer={}), 2)
    assert frozen(trained(changed, 9)[0]) == frozen(at_9)
    at_11, _ = advance(replace(other, learning_rate=0.01, clip_norm=None), at_9, 2)
    assert frozen(trained(changed, 11)[0]) == frozen(at_11), "a change without an optimiser keeps the moments"
    pieces = [trained(changed, *cut)[0] for cut in ((16,), (7, 4, 5), (1, 5, 1, 1, 8), (11, 0, 5), (10, 2, 4))]
    assert len({tuple(frozen(each)) for each in pieces}) == 1, "wherever it is cut"
    assert set(pieces[0].optimizer) == {"exp_avg", "exp_avg_sq"}


def test_an_optimiser_that_starts_in_mid_run_counts_its_own_steps() -> None:
    experiment = small(optimizer="sgd", learning_rate=0.01, batch_size=5)
    at_6 = trained(experiment, 6)[0]
    changed = trained(replace(experiment, changes=(Change(6, 0.01, 1.0, None, "adam"),)), 6, 1)[0]
    for name, before in at_6.parameters.items():
        moved = np.abs(changed.parameters[name] - before)
        np.testing.assert_allclose(moved[moved > 0], 0.01, rtol=0.05)  # Adam's first step is the learning rate


def test_a_change_at_the_step_that_diverges_leaves_the_state_before_it_untouched() -> None:
    plain = small(cell="rnn", activation="relu", optimizer="momentum", learning_rate=10.0, clip_norm=None, length=100)
    last, log = trained(plain, 500)
    assert log.diverged and 0 < last.step < 500
    changed = replace(plain, changes=(Change(last.step, 0.1, None, None, "adam"),))
    for cut in ((500,), (last.step, 10)):
        assert frozen(trained(changed, *cut)[0]) == frozen(last)


# --- divergence and budgets ---


def test_divergence_stops_leaves_the_last_finite_state_and_says_so() -> None:
    experiment = small(cell="rnn", activation="relu", optimizer="sgd", learning_rate=10.0, clip_norm=None, length=100)
    state, log = trained(experiment, 500)
    assert log.diverged
    assert 0 < len(log.loss) == state.step < 500
    assert np.isfinite(log.loss).all() and np.isfinite(log.gradient_norm).all()
    assert all(np.isfinite(value).all() for value in state.parameters.values())
    assert frozen(state) == frozen(trained(experiment, state.step)[0])
    again, nothing = advance(experiment, state, 5)
    assert nothing.diverged and len(nothing.loss) == 0 and frozen(again) == frozen(state)


def test_divergence_at_the_very_first_step() -> None:
    experiment = Experiment(
        cell="rnn", activation="identity", initialization="orthogonal", spectral_radius=3, length=200, clip_norm=1
    )
    state, log = trained(experiment, 5)
    assert log.diverged and len(log.loss) == 0
    assert frozen(state) == frozen(initial_state(experiment))


LINEAR_AND_EXPLODING = Experiment(
    cell="rnn", activation="identity", initialization="orthogonal", spectral_radius=3, length=25, clip_norm=1
)


def test_a_gradient_too_long_for_single_precision_is_clipped_like_any_other() -> None:
    experiment = replace(LINEAR_AND_EXPLODING, optimizer="sgd")
    before = initial_state(experiment)
    oracle = unrolled(experiment, before.parameters, training_batch(experiment, 0), task_of(experiment).loss)
    norm = np.sqrt(sum((grad**2).sum() for grad in oracle.parameter_grads.values()))
    assert norm > 1e20, "whose square is more than float32 holds"
    after, log = advance(experiment, before, 1)
    assert not log.diverged
    assert log.gradient_norm[0] == pytest.approx(norm, rel=1e-4)
    for name, grad in oracle.parameter_grads.items():
        moved = before.parameters[name] - after.parameters[name]
        np.testing.assert_allclose(moved, experiment.learning_rate * grad / norm, atol=1e-6, err_msg=name)


@every_optimizer
def test_and_without_clipping_it_is_divergence_though_the_loss_is_finite(optimizer: str) -> None:
    experiment = replace(LINEAR_AND_EXPLODING, optimizer=optimizer, clip_norm=None)
    first = unrolled(
        experiment, initial_state(experiment).parameters, training_batch(experiment, 0), task_of(experiment).loss
    )
    assert first.loss < 1e38
    state, log = trained(experiment, 3)
    assert log.diverged and frozen(state) == frozen(initial_state(experiment))


def test_clipping_keeps_a_step_no_longer_than_asked() -> None:
    experiment = small(optimizer="sgd", learning_rate=1.0, clip_norm=0.01)
    before = initial_state(experiment)
    after, log = advance(experiment, before, 1)
    moved = [(after.parameters[name] - before.parameters[name]).ravel() for name in before.parameters]
    assert log.gradient_norm[0] > 0.01
    assert np.linalg.norm(np.concatenate(moved)) == pytest.approx(0.01, rel=1e-3)


def test_a_budget_in_seconds_ends_training_and_changes_no_byte() -> None:
    experiment = small()
    state, log = advance(experiment, initial_state(experiment), seconds=0.05)
    assert state.step == len(log.loss) >= 1
    assert frozen(state) == frozen(trained(experiment, state.step)[0])
    shortest, _ = advance(experiment, initial_state(experiment), seconds=0)
    assert shortest.step == 1


def test_steps_and_seconds_together_end_at_whichever_comes_first() -> None:
    experiment = small()
    assert advance(experiment, initial_state(experiment), 3, seconds=60)[0].step == 3
    assert advance(experiment, initial_state(experiment), 10_000, seconds=0)[0].step == 1


@pytest.mark.parametrize("budget", [{}, {"steps": -1}, {"seconds": -0.1}, {"steps": 3, "seconds": -1.0}])
def test_a_budget_that_makes_no_sense_is_refused(budget: dict[str, float]) -> None:
    experiment = small()
    with pytest.raises(ValueError, match="steps or seconds"):
        advance(experiment, initial_state(experiment), **budget)  # type: ignore[arg-type]
