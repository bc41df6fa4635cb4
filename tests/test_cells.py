"""What the screen shows of a cell is true, and what trains is the same cell.

The equations (`record`) are held against an explicit autograd loop in float64, quantity by quantity; the fast
side (`run_fast`) against torch.nn; and the states of both against the modules of torch.nn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from engine import CELLS, TASKS, Experiment, Recording, TrainingState, advance, initial_state, record, task_of
from engine.cells import Weights
from engine.fast.layer import LayerPass
from engine.network import unroll
from engine.recording import held_out_metric
from engine.supply import DISPLAYED
from engine.training import one_thread
from tests.oracles import (
    ACTIVATIONS,
    OracleRun,
    gru_step,
    lstm_step,
    relative_error,
    rnn_step,
    torch_network,
    unrolled,
)

TOLERANCE = 1e-5
LENGTHS = (1, 2, 50, 200)
KINDS = [("rnn", "tanh"), ("rnn", "relu"), ("rnn", "identity"), ("gru", "tanh"), ("lstm", "tanh")]
WITHOUT_RECURRENCE = [("window", "tanh"), ("window", "relu"), ("window", "identity")]

every_kind = pytest.mark.parametrize(("cell", "activation"), KINDS, ids=["-".join(kind) for kind in KINDS])
every_length = pytest.mark.parametrize("length", LENGTHS)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Arrays this small are not worth a second thread, which would only wait on a busy machine."""
    with one_thread():
        yield


def with_length(experiment: Experiment, length: int) -> Experiment:
    """`experiment` with T = `length`, also where its task would not allow so few: the equations begin at T = 1."""
    copy = replace(experiment)
    object.__setattr__(copy, "length", length)
    return copy


def both(experiment: Experiment, state: TrainingState | None = None) -> tuple[Recording, OracleRun]:
    """The engine's recording, and the explicit loop's, of the same network on the same sequences."""
    state = state or initial_state(experiment)
    recording = record(experiment, state)
    oracle = unrolled(experiment, state.parameters, recording.batch, task_of(experiment).loss)
    return recording, oracle


def assert_agree(recording: Recording, oracle: OracleRun) -> None:
    """Every recorded quantity of every layer, the outputs and the loss agree within TOLERANCE."""
    errors = {
        "outputs": relative_error(recording.outputs, oracle.outputs),
        "loss": abs(recording.loss - oracle.loss) / abs(oracle.loss),
    }
    for number, (layer, expected) in enumerate(zip(recording.layers, oracle.layers, strict=True)):
        assert {each.name for each in fields(layer)} == set(expected), "a recorded quantity without an oracle"
        for name, values in expected.items():
            errors[f"layer {number} {name}"] = relative_error(getattr(layer, name), values)
    assert max(errors.values()) <= TOLERANCE, errors


@pytest.mark.parametrize(("cell", "activation"), KINDS + WITHOUT_RECURRENCE)
@every_length
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("task", ["recall", "parity"])  # a target at the last step, a target at every step
def test_recording_agrees_with_an_explicit_autograd_loop(
    cell: str, activation: str, length: int, layers: int, task: str
) -> None:
    experiment = Experiment(
        task=task, cell=cell, activation=activation, layers=layers, length=20, hidden_size=12, window=4
    )
    assert_agree(*both(with_length(experiment, length)))


@every_kind
@pytest.mark.parametrize("initialization", ["orthogonal", "identity"])
@pytest.mark.parametrize("spectral_radius", [0.5, 1.1])
def test_recording_agrees_when_gradients_vanish_and_when_they_explode(
    cell: str, activation: str, initialization: str, spectral_radius: float
) -> None:
    experiment = Experiment(
        task="adding", cell=cell, activation=activation, length=200, initialization=initialization,
        spectral_radius=spectral_radius, hidden_size=12, layers=2,
    )  # fmt: skip
    assert_agree(*both(experiment))


@pytest.mark.parametrize("cell", list(CELLS))
@pytest.mark.parametrize("task", list(TASKS))
def test_recording_agrees_on_every_task_after_training(task: str, cell: str) -> None:
    experiment = Experiment(task=task, cell=cell, length=TASKS[task].default_length, hidden_size=16)
    state, _ = advance(experiment, initial_state(experiment), steps=20)
    assert_agree(*both(experiment, state))


@pytest.mark.parametrize("cell", list(CELLS))
def test_recorded_arrays_have_the_promised_shapes_and_types(cell: str) -> None:
    experiment = Experiment(task="temporal_order", cell=cell, length=20, hidden_size=7, layers=3)
    recording = record(experiment, initial_state(experiment))
    assert recording.inputs.shape == (20, DISPLAYED, 6)
    assert recording.targets.shape == recording.target_mask.shape == (20, DISPLAYED)
    assert recording.outputs.shape == (20, DISPLAYED, 4)
    assert recording.outputs.dtype == np.float32
    assert len(recording.layers) == 3
    for layer in recording.layers:
        for each in fields(layer):
            first = CELLS[cell].states if each.name.startswith("start") else 20
            assert getattr(layer, each.name).shape == (first, DISPLAYED, 7)
            assert getattr(layer, each.name).dtype == np.float32
    for panel in CELLS[cell].panels:
        shown = getattr(recording, panel.field)
        assert shown is getattr(recording.layers[-1], panel.field)
        if panel.is_gate:
            assert shown.min() >= 0 and shown.max() <= 1
    with pytest.raises(AttributeError):
        _ = recording.no_such_gate


@pytest.mark.parametrize("cell", list(CELLS))
def test_recording_is_repeatable_and_leaves_the_state_alone(cell: str) -> None:
    experiment = Experiment(cell=cell, length=10)
    state = initial_state(experiment)
    before = {name: value.tobytes() for name, value in state.parameters.items()}
    first, second = record(experiment, state), record(experiment, state)
    assert {name: value.tobytes() for name, value in state.parameters.items()} == before
    assert first.hidden_state_grad.tobytes() == second.hidden_state_grad.tobytes()
    assert first.inputs.tobytes() == second.inputs.tobytes()


def test_networks_that_are_compared_are_shown_on_the_same_sequences() -> None:
    shown = [
        record(experiment, initial_state(experiment)).inputs.tobytes()
        for experiment in (Experiment(cell="rnn"), Experiment(cell="lstm", hidden_size=5, layers=2, learning_rate=1))
    ]
    assert shown[0] == shown[1]
    other_seed = Experiment(cell="rnn", seed=1)
    assert record(other_seed, initial_state(other_seed)).inputs.tobytes() != shown[0]


@pytest.mark.parametrize("cell", list(CELLS))
def test_run_gives_the_outputs_that_record_shows(cell: str) -> None:
    experiment = Experiment(task="series", cell=cell, length=24, layers=2)
    state = initial_state(experiment)
    recording = record(experiment, state)
    np.testing.assert_allclose(
        unroll(experiment, state.parameters, recording.inputs).outputs, recording.outputs, rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("task", list(TASKS))
def test_only_a_task_that_keeps_data_back_has_a_held_out_metric(task: str) -> None:
    experiment = Experiment(task=task, length=TASKS[task].default_length)
    state = initial_state(experiment)
    held_out = task_of(experiment).held_out(experiment.length)
    measured = held_out_metric(experiment, state)
    if held_out is None:
        assert measured is None
    else:
        assert measured == task_of(experiment).measure(
            unroll(experiment, state.parameters, held_out.inputs).outputs, held_out
        )


@every_kind
def test_a_network_that_overflows_is_recorded_without_a_complaint(cell: str, activation: str) -> None:
    experiment = Experiment(cell=cell, activation=activation, length=200)
    state = initial_state(experiment)
    huge = {name: value * np.float32(1e12) for name, value in state.parameters.items()}
    recording = record(experiment, replace(state, parameters=huge))
    assert recording.hidden_state.shape == (200, DISPLAYED, 32)
    assert np.isfinite(recording.hidden_state).all() == (activation == "tanh")


# --- the fast side ---


LayerTensors = tuple[Tensor, Tensor, Tensor, Tensor]
"""weight_ih, weight_hh, bias_ih, bias_hh."""


WINDOW = 3
"""Steps that a layer without recurrence sees."""


def random_layer(
    cell: str, length: int, seed: int = 3, width: int = 8, batch: int = 5
) -> tuple[Tensor, LayerTensors, Tensor]:
    """Inputs (T, B, I), weights of one layer, and a gradient (T, B, H) to send back, all leaves in float32."""
    draw = torch.Generator().manual_seed(seed)
    fan_in, blocks = 3, CELLS[cell].blocks
    rows, back = blocks * width, width if CELLS[cell].states else 0
    shapes = ((rows, fan_in * (1 if back else WINDOW)), (rows, back), (rows,), (rows if back else 0,))
    W, U, b, b_U = ((torch.randn(shape, generator=draw) / width**0.5).requires_grad_() for shape in shapes)
    inputs = torch.randn(length, batch, fan_in, generator=draw).requires_grad_()
    return inputs, (W, U, b, b_U), torch.randn(length, batch, width, generator=draw)


def values_and_gradients(
    states: Tensor, upstream: Tensor, leaves: tuple[Tensor, ...]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """h_1 … h_T, and what each of `leaves` receives when `upstream` is sent back."""
    grads = torch.autograd.grad(states, leaves, upstream)
    return states.detach().numpy(), [grad.numpy() for grad in grads]


class _Fast(torch.autograd.Function):
    """A layer's pass for training as an operation of PyTorch's, to be held against others."""

    @staticmethod
    def forward(ctx: FunctionCtx, cell: str, activation: str, *tensors: Tensor | None) -> Tensor:
        ctx.given = cell, activation, tensors  # type: ignore[attr-defined]
        return torch.from_numpy(_Fast.run(cell, activation, tensors).states.copy())

    @staticmethod
    def backward(ctx: FunctionCtx, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        gradients = _Fast.run(*ctx.given).back(upstream[0].numpy(), inputs_too=True)  # type: ignore[attr-defined]
        arrays = [getattr(gradients.weights, each.name) for each in fields(Weights)]
        found = [gradients.inputs, *arrays, gradients.start]
        pairs = zip(found, ctx.given[2], strict=True)  # type: ignore[attr-defined]
        return None, None, *(None if to is None or array is None else torch.from_numpy(array) for array, to in pairs)

    @staticmethod
    def run(cell: str, activation: str, tensors: tuple[Tensor | None, ...]) -> LayerPass:
        inputs, *weights, start = [None if each is None else each.detach().numpy() for each in tensors]
        with torch.enable_grad():  # which PyTorch turns off in an operation of one's own, and an AutogradPass needs
            return CELLS[cell].run_fast(inputs, Weights(*weights), activation, start)  # type: ignore[arg-type]


def run_fast(
    cell: str, inputs: Tensor, weights: tuple[Tensor, ...], activation: str, start: Tensor | None = None
) -> Tensor:
    """h_1 … h_T (T, B, H) by the cell's fast twin, differentiable."""
    states: Tensor = _Fast.apply(cell, activation, inputs, *weights, start)  # type: ignore[no-untyped-call]
    return states


def assert_close(measured: list[np.ndarray], expected: list[np.ndarray], tolerance: float = 2e-5) -> None:
    """Equal within `tolerance` of each array's largest value, which float32 sums over 200 steps still reach."""
    for one, other in zip(measured, expected, strict=True):
        assert np.abs(one - other).max(initial=0) <= tolerance * np.abs(other).max(initial=0)


def nn_module(cell: str, activation: str, weights: tuple[Tensor, ...]) -> torch.nn.RNNBase:
    """torch.nn's own layer with these weights."""
    fan_in, width = weights[0].shape[1], weights[1].shape[1]
    if cell == "rnn":
        module: torch.nn.RNNBase = torch.nn.RNN(fan_in, width, nonlinearity=activation)
    else:
        module = torch.nn.GRU(fan_in, width) if cell == "gru" else torch.nn.LSTM(fan_in, width)
    with torch.no_grad():
        for mine, given in zip(module.parameters(), weights, strict=True):
            mine.copy_(given)
    return module


@pytest.mark.parametrize(("cell", "activation"), [kind for kind in KINDS if kind[1] != "identity"])
@every_length
def test_the_fast_twin_is_the_layer_of_torch_nn(cell: str, activation: str, length: int) -> None:
    inputs, weights, upstream = random_layer(cell, length)
    module = nn_module(cell, activation, weights)
    fast = run_fast(cell, inputs, weights, activation)
    states, grads = values_and_gradients(fast, upstream, (inputs, *weights))
    nn_states, nn_grads = values_and_gradients(module(inputs)[0], upstream, (inputs, *module.parameters()))
    assert_close([states, *grads], [nn_states, *nn_grads])


@every_kind
@pytest.mark.parametrize(
    ("length", "width", "batch"), [*((length, 8, 5) for length in LENGTHS), (20, 8, 1), (20, 72, 4), (20, 72, 40)]
)
def test_the_fast_twin_is_the_published_equations_step_by_step(
    cell: str, activation: str, length: int, width: int, batch: int
) -> None:
    inputs, weights, upstream = random_layer(cell, length, width=width, batch=batch)
    h = c = torch.zeros(inputs.shape[1], upstream.shape[2])
    steps = []
    for x in inputs:
        if cell == "lstm":
            now = lstm_step(x, h, c, *weights)
            c = now["cell_state"]
        else:
            now = gru_step(x, h, *weights) if cell == "gru" else rnn_step(x, h, *weights, activation)
        h = now["hidden_state"]
        steps.append(h)
    fast = values_and_gradients(run_fast(cell, inputs, weights, activation), upstream, (inputs, *weights))
    slow = values_and_gradients(torch.stack(steps), upstream, (inputs, *weights))
    assert_close([fast[0], *fast[1]], [slow[0], *slow[1]])


@pytest.mark.parametrize(("cell", "activation"), KINDS + WITHOUT_RECURRENCE)
def test_the_fast_backward_passes_pass_a_numerical_check(cell: str, activation: str) -> None:
    inputs, weights, upstream = random_layer(cell, 6)
    count = CELLS[cell].states
    start = 0.1 * upstream[:count]  # (S, B, H)
    doubles = [each.detach().double().requires_grad_() for each in (inputs, start, *weights)]

    def run(x: torch.Tensor, h: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        return run_fast(cell, x, rest, activation, h if count else None)

    assert torch.autograd.gradcheck(run, doubles)


@pytest.mark.parametrize(("cell", "activation"), KINDS + WITHOUT_RECURRENCE)
@pytest.mark.parametrize("last", [1, 3])
def test_a_gradient_at_the_last_steps_alone_is_one_that_is_zero_before(cell: str, activation: str, last: int) -> None:
    inputs, tensors, upstream = random_layer(cell, 6)
    weights = Weights(*(each.detach().numpy() for each in tensors))
    start = None if cell == "window" else 0.1 * upstream.numpy()[: CELLS[cell].states]
    whole = upstream.numpy().copy()
    whole[:-last] = 0
    found = []
    for states_grad in (whole[-last:], whole):
        layer = CELLS[cell].run_fast(inputs.detach().numpy(), weights, activation, start)
        gradients = layer.back(states_grad, inputs_too=True)
        assert gradients.inputs is not None
        found.append([gradients.inputs, *(getattr(gradients.weights, each.name) for each in fields(Weights))])
        if start is not None:
            assert gradients.start is not None and gradients.start.any()
            found[-1].append(gradients.start)
    assert_close(found[0], found[1])


@pytest.mark.parametrize(("cell", "activation"), WITHOUT_RECURRENCE)
def test_the_fast_window_sees_what_the_equation_says(cell: str, activation: str) -> None:
    inputs, weights, upstream = random_layer(cell, 6)
    W, _, b, _ = weights
    nothing = torch.zeros_like(inputs[0])
    seen = [torch.cat([inputs[t - lag] if lag <= t else nothing for lag in range(WINDOW)], dim=1) for t in range(6)]
    slow = torch.stack([ACTIVATIONS[activation](x @ W.T + b) for x in seen])
    expected = values_and_gradients(slow, upstream, (inputs, W, b))
    measured = values_and_gradients(run_fast(cell, inputs, weights, activation), upstream, (inputs, W, b))
    assert_close([measured[0], *measured[1]], [expected[0], *expected[1]])


@every_kind
@every_length
def test_the_equations_and_the_fast_twin_are_the_same_layer(cell: str, activation: str, length: int) -> None:
    inputs, weights, upstream = random_layer(cell, length)
    states, grads = values_and_gradients(run_fast(cell, inputs, weights, activation), upstream, (inputs,))
    layer = Weights(*(weight.detach().double().numpy() for weight in weights))
    trace = CELLS[cell].forward(layer, inputs.detach().double().numpy(), activation)
    assert np.isnan(trace.hidden_state_grad).all()
    trace, input_grad = CELLS[cell].backward(layer, trace, upstream.double().numpy(), activation)
    assert_close([states, grads[0]], [trace.hidden_state, input_grad])


@pytest.mark.parametrize(("cell", "activation"), [kind for kind in KINDS if kind[1] != "identity"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("length", [2, 50, 200])
def test_hidden_states_and_outputs_are_those_of_torch_nn(cell: str, activation: str, layers: int, length: int) -> None:
    experiment = Experiment(task="parity", cell=cell, activation=activation, layers=layers, length=length)
    state = initial_state(experiment)
    recording = record(experiment, state)
    network = torch_network(experiment, task_of(experiment), state.parameters)
    with torch.no_grad():
        hidden, last = network.rnn(torch.from_numpy(recording.inputs))
        outputs = network.readout(hidden)
    np.testing.assert_allclose(recording.hidden_state, hidden.numpy(), atol=2e-6)
    np.testing.assert_allclose(recording.outputs, outputs.numpy(), atol=5e-6)
    final_states = last[0] if cell == "lstm" else last
    for layer, final in zip(recording.layers, final_states, strict=True):
        np.testing.assert_allclose(layer.hidden_state[-1], final.numpy(), atol=2e-6)
    if cell == "lstm":
        np.testing.assert_allclose(recording.cell_state[-1], last[1][-1].numpy(), atol=5e-6)
