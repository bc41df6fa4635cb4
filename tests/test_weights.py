"""Weights by name, eigenvalues and the inside of a unit, against torch's own cells, autograd and plain arithmetic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from engine import CELLS, Experiment, TrainingState, advance, initial_state, record
from engine.analysis.unit import (
    GRUNumbers,
    LSTMNumbers,
    Place,
    RNNNumbers,
    heard,
    incoming_at,
    numbers_at,
)
from engine.analysis.weights import (
    Moment,
    Spectrum,
    incoming,
    outgoing,
    readout_weights,
    spectrum_of_step,
    spectrum_of_weights,
    weight_blocks,
)
from engine.lane import Lane
from engine.network import unroll
from engine.supply import displayed_batch
from figures.lanes import lane_styles
from figures.look import Look
from figures.palette import DARK, LIGHT
from figures.weights import Of, ScaleRange, WeightsFigure

RECURRENT = ("rnn", "gru", "lstm")
SMALL = Experiment(task="echo", length=9, hidden_size=5, batch_size=4, learning_rate=0.02, steps=400)


def trained(steps: int = 30, **settings: Any) -> tuple[Experiment, TrainingState]:
    """A network that has learned a little, so that no number is by chance its first one."""
    experiment = replace(SMALL, **settings)
    return experiment, advance(experiment, initial_state(experiment), steps)[0]


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


# --- blocks ---


@pytest.mark.parametrize("cell", RECURRENT)
def test_blocks_are_what_torch_packs_one_below_the_other(cell: str) -> None:
    experiment, state = trained(cell=cell, layers=2)
    for layer in range(2):
        blocks = weight_blocks(experiment, state.parameters, layer)
        assert len(blocks) == CELLS[cell].blocks
        packed = {
            name: state.parameters[f"rnn.{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        np.testing.assert_array_equal(np.concatenate([each.input for each in blocks]), packed["weight_ih"])
        np.testing.assert_array_equal(np.concatenate([each.recurrent for each in blocks]), packed["weight_hh"])
        biases = packed["bias_ih"].astype(np.float64) + packed["bias_hh"]
        np.testing.assert_array_equal(np.concatenate([each.bias for each in blocks]), biases)


def test_the_blocks_of_an_lstm_step_torchs_own_cell() -> None:
    experiment, state = trained(cell="lstm")
    draw = np.random.default_rng(1)
    x, h, c = draw.standard_normal((3, 5))
    x = x[: displayed_batch(experiment).inputs.shape[2]]
    cell = torch.nn.LSTMCell(len(x), 5).double()
    with torch.no_grad():
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(cell, name).copy_(torch.from_numpy(state.parameters[f"rnn.{name}_l0"]))
        expected = cell(
            *(torch.from_numpy(each[np.newaxis]) for each in (x,)),
            tuple(torch.from_numpy(each[np.newaxis]) for each in (h, c)),
        )
    z = {
        each.symbol: each.input @ x + each.recurrent @ h + each.bias
        for each in weight_blocks(experiment, state.parameters, 0)
    }
    new_c = sigmoid(z["f"]) * c + sigmoid(z["i"]) * np.tanh(z["g"])
    new_h = sigmoid(z["o"]) * np.tanh(new_c)
    assert np.abs(new_h - expected[0].numpy()[0]).max() < 1e-12
    assert np.abs(new_c - expected[1].numpy()[0]).max() < 1e-12


def test_a_network_without_recurrence_has_input_weights_only() -> None:
    experiment, state = trained(cell="window", window=3)
    (block,) = weight_blocks(experiment, state.parameters, 0)
    np.testing.assert_array_equal(block.input, state.parameters["rnn.weight_ih_l0"])
    assert block.recurrent.shape == (5, 0) and block.bias.shape == (5,)


def test_units_that_no_input_drives_have_zeros() -> None:
    experiment, state = trained(cell="gru", driven_units=2)
    for block in weight_blocks(experiment, state.parameters, 0):
        assert block.input.shape[0] == 5 and np.abs(block.input[:2]).min() > 0 and not block.input[2:].any()


# --- eigenvalues ---


def test_eigenvalues_are_the_roots_of_the_characteristic_polynomial_and_the_furthest_comes_first() -> None:
    matrix = np.random.default_rng(2).standard_normal((6, 6))
    spectrum = spectrum_of_weights(matrix)
    for value in spectrum.values:
        assert abs(np.linalg.det(matrix - value * np.eye(6))) < 1e-9
    assert spectrum.radius == pytest.approx(np.abs(np.roots(np.poly(matrix))).max(), rel=1e-9)
    assert np.all(np.diff(np.abs(spectrum.values)) <= 1e-12)


def test_a_rotation_lies_on_the_circle_of_its_spectral_radius() -> None:
    experiment = replace(SMALL, cell="lstm", initialization="orthogonal", spectral_radius=0.8, hidden_size=12)
    for block in weight_blocks(experiment, initial_state(experiment).parameters, 0):
        assert np.abs(np.abs(spectrum_of_weights(block.recurrent).values) - 0.8).max() < 1e-6


@pytest.mark.parametrize("bad", [np.full((3, 3), np.nan), np.array([[np.inf, 0.0], [0.0, 1.0]]), np.empty((0, 0))])
def test_a_matrix_without_eigenvalues_gives_none(bad: np.ndarray) -> None:
    assert not len(Spectrum.of(bad).values) and np.isnan(Spectrum.of(bad).radius)


@pytest.mark.parametrize("cell", RECURRENT)
@pytest.mark.parametrize("step", [1, 4, 9])
def test_the_spectrum_of_a_step_is_that_of_autograds_jacobian(cell: str, step: int) -> None:
    experiment, state = trained(cell=cell)
    inputs = displayed_batch(experiment).inputs[:, 1]
    kinds = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
    network = kinds[cell](inputs.shape[1], 5).double()
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.copy_(torch.from_numpy(state.parameters[f"rnn.{name}"]))
    x = torch.from_numpy(inputs).double()[:, np.newaxis]

    def onwards(s: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        parts = s.reshape(-1, 1, 1, 5)
        _, end = network(x, tuple(parts) if cell == "lstm" else parts[0])
        return torch.cat([each.reshape(-1) for each in end]) if cell == "lstm" else end.reshape(-1)

    zero = torch.zeros(10 if cell == "lstm" else 5, dtype=torch.float64)
    before = onwards(zero, x[: step - 1]).detach() if step > 1 else zero
    jacobian = torch.autograd.functional.jacobian(lambda s: onwards(s, x[step - 1 : step]), before).numpy()
    expected = np.linalg.eigvals(jacobian)
    found = spectrum_of_step(Moment(experiment, state.parameters, inputs, step)).values
    nearest = np.abs(found[:, np.newaxis] - expected)
    assert nearest.min(axis=0).max() < 1e-5 and nearest.min(axis=1).max() < 1e-5


# --- one unit ---


@pytest.mark.parametrize("settings", [{}, {"layers": 2}, {"driven_units": 2}, {"initial_state": "learned"}], ids=str)
@pytest.mark.parametrize("cell", [*RECURRENT, "window"])
def test_what_a_unit_hears_makes_its_gates(cell: str, settings: dict[str, Any]) -> None:
    experiment, state = trained(cell=cell, window=3, **settings)
    recording = record(experiment, state)
    for layer in range(experiment.layers):
        trace = recording.layers[layer]
        for unit in range(5):
            for step in range(1, 10):
                place = Place(layer, 2, unit, step)
                weights = incoming_at(experiment, state.parameters, place)
                assert weights is not None
                from_input, from_state = (each[step - 1] for each in heard(experiment, recording, place, weights))
                z = from_input + from_state + weights.bias
                at = (step - 1, 2, unit)
                if cell == "lstm":
                    shown = [
                        trace.input_gate[at],
                        trace.forget_gate[at],
                        trace.cell_candidate[at],
                        trace.output_gate[at],
                    ]
                    made = [*sigmoid(z[:2]), np.tanh(z[2]), sigmoid(z[3])]
                elif cell == "gru":
                    shown, made = [trace.reset_gate[at], trace.update_gate[at]], sigmoid(z[:2])
                else:
                    shown, made = [trace.hidden_state[at]], [np.tanh(z[0])]
                assert np.abs(np.array(shown) - np.array(made)).max() < 1e-5


@pytest.mark.parametrize("cell", RECURRENT)
@pytest.mark.parametrize("step", [1, 2, 9])
def test_the_numbers_of_a_unit_are_those_recorded_and_obey_the_equations(cell: str, step: int) -> None:
    experiment, state = trained(cell=cell, layers=2, initial_state="learned")
    recording = record(experiment, state)
    exact = unroll(experiment, state.parameters, recording.inputs)
    for layer in range(2):
        for unit in range(5):
            numbers = numbers_at(experiment, state.parameters, recording, Place(layer, 1, unit, step))
            states = exact.layers[layer].hidden_state[:, 1, unit]
            start = state.parameters[f"rnn.initial_state_l{layer}"]
            assert numbers.state == pytest.approx(states[step - 1], abs=1e-6)
            assert numbers.state_before == pytest.approx(states[step - 2] if step > 1 else start[0, unit], abs=1e-6)
            match numbers:
                case LSTMNumbers():
                    assert numbers.cell == pytest.approx(numbers.kept + numbers.added, abs=1e-6)
                    assert numbers.kept == pytest.approx(numbers.forget * numbers.cell_before)
                    assert numbers.state == pytest.approx(numbers.output * numbers.squashed, abs=1e-6)
                    assert numbers.cell == pytest.approx(exact.layers[layer].cell_state[step - 1, 1, unit], abs=1e-6)  # type: ignore[attr-defined]
                case GRUNumbers():
                    assert numbers.state == pytest.approx(numbers.new + numbers.kept, abs=1e-6)
                    assert numbers.let_through == pytest.approx(numbers.reset * numbers.recalled)
                case RNNNumbers():
                    assert numbers.state == pytest.approx(np.tanh(numbers.total), abs=1e-6)


def test_a_clamped_unit_has_a_state_and_nothing_else() -> None:
    experiment, state = trained(cell="rnn", input_way="clamped")
    recording = record(experiment, state)
    place = Place(0, 0, 4, 3)
    numbers = numbers_at(experiment, state.parameters, recording, place)
    assert isinstance(numbers, RNNNumbers)
    assert numbers.state == recording.inputs[2, 0, -1] and np.isnan(numbers.total)
    assert incoming_at(experiment, state.parameters, place) is None
    assert incoming_at(experiment, state.parameters, replace(place, unit=3)) is not None


@pytest.mark.parametrize("cell", RECURRENT)
def test_outgoing_weights_are_the_units_columns(cell: str) -> None:
    experiment, state = trained(cell=cell, layers=2)
    for layer in range(2):
        for unit in (0, 3):
            away = outgoing(experiment, state.parameters, layer, unit)
            packed = state.parameters[f"rnn.weight_hh_l{layer}"]
            np.testing.assert_array_equal(away.recurrent.reshape(-1), packed[:, unit])
            if layer == 0:
                np.testing.assert_array_equal(away.above.reshape(-1), state.parameters["rnn.weight_ih_l1"][:, unit])
                assert not away.readout.size
            else:
                np.testing.assert_array_equal(away.readout, state.parameters["readout.weight"][:, unit])
                assert not away.above.size


def test_a_unit_that_is_not_read_has_no_weight_to_the_outputs() -> None:
    experiment, state = trained(cell="rnn", read_units=2)
    read = readout_weights(state.parameters)
    assert [outgoing(experiment, state.parameters, 0, unit).readout.tolist() for unit in range(5)] == [
        *([[0.0] * len(read)] * 3), read[:, 0].tolist(), read[:, 1].tolist(),
    ]  # fmt: skip


def test_incoming_weights_are_the_units_rows() -> None:
    experiment, state = trained(cell="gru")
    heard = incoming(experiment, state.parameters, 0, 2)
    np.testing.assert_array_equal(heard.recurrent, state.parameters["rnn.weight_hh_l0"][2::5])
    np.testing.assert_array_equal(heard.input, state.parameters["rnn.weight_ih_l0"][2::5])


# --- the figure ---


def lane_of(experiment: Experiment, state: TrainingState) -> Lane:
    """A lane that stands at `state`."""
    lane = Lane(experiment)
    lane.chunk = replace(lane.chunk, state=state, recording=record(experiment, state))
    return lane


class Standing:
    """Stands in for a run."""

    def __init__(self, *lanes: Lane) -> None:
        self.lanes = lanes


@pytest.mark.parametrize("cell", [*RECURRENT, "window"])
def test_the_figure_shows_every_weight_and_its_change(cell: str) -> None:
    experiment, state = trained(cell=cell, layers=2)
    lane = lane_of(experiment, state)
    spectrum = Spectrum(np.array([1.5 + 0.5j, 1.5 - 0.5j, 0.2 + 0j]))
    of = Of("of U", lambda parameters: Spectrum(np.array([0.3 + 0j]))) if cell != "window" else None
    figure = WeightsFigure(lane_styles([experiment], LIGHT), Look(LIGHT, layer=1), (of,), lambda lane: (12, spectrum))
    canvas = figure.show(Standing(lane))  # type: ignore[arg-type]
    maps = [each["z"] for each in canvas.data if each["type"] == "heatmap"]
    first = initial_state(experiment).parameters
    now, begun = (weight_blocks(experiment, parameters, 1) for parameters in (state.parameters, first))
    assert len(maps) == 2 + 2 * len(now)
    read, read_first = (parameters["readout.weight"] for parameters in (state.parameters, first))
    np.testing.assert_array_equal(maps[0], read)
    np.testing.assert_allclose(maps[1], read - read_first, atol=1e-7)
    for number, (block, start) in enumerate(zip(now, begun, strict=True)):
        for shown, less in ((maps[2 + number], 0), (maps[2 + len(now) + number], 1)):
            np.testing.assert_allclose(shown[:, :5], block.input - less * start.input, atol=1e-7)
            np.testing.assert_allclose(shown[:, 6:], (block.recurrent - less * start.recurrent)[:, :], atol=1e-7)
            assert shown.shape[1] == (5 if cell == "window" else 11)
    titles = " ".join(label.html for label in canvas.labels)
    points = [each for each in canvas.data if each.get("mode") == "markers"]
    if cell == "window":
        assert "no eigenvalues" in titles and not points
    else:
        assert "spectral radius 1.581" in titles
        np.testing.assert_allclose(points[-1]["x"], spectrum.values.real)
        np.testing.assert_allclose(points[-1]["y"], spectrum.values.imag)
        assert points[0]["x"].tolist() == [pytest.approx(0.3)]
        low, high = canvas.layout["xaxis"]["range"]
        assert -low == high > 1.6, "all points and the unit circle are in view"


def test_layout_changes_only_when_a_scale_does() -> None:
    experiment, state = trained(cell="gru")
    lane = lane_of(experiment, state)
    figure = WeightsFigure(lane_styles([experiment], DARK), Look(DARK), (Of("of U", None),), lambda lane: None)
    canvas = figure.show(Standing(lane))  # type: ignore[arg-type]
    before = canvas.version
    assert figure.show(Standing(lane)).version == before  # type: ignore[arg-type]
    larger = {name: 40 * value for name, value in state.parameters.items()}
    lane.chunk = replace(lane.chunk, state=replace(state, parameters=larger))
    assert figure.show(Standing(lane)).version > before  # type: ignore[arg-type]
    assert "being computed" in " ".join(label.html for label in canvas.labels)


def test_a_scale_holds_nearly_all_values_and_never_shrinks() -> None:
    scale = ScaleRange(0.25)
    assert scale.holding(np.array([0.1, -0.2])) == 0.25
    assert scale.holding(np.array([-3.0])) == 4
    assert scale.holding(np.array([0.1, np.nan, np.inf])) == 4
    assert ScaleRange(0.25).holding(np.r_[np.full(99, 0.2), 50.0]) == 0.25
    assert np.isfinite(ScaleRange(0.25).holding(np.array([1e300])))
