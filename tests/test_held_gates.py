"""Gates held at a value, against an explicit loop, and what the page says of it on several seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine import Experiment, advance, initial_state, task_of
from engine.analysis.held_gates import BLOCKS, error, hold
from engine.chunks import train_chunk
from engine.lessons import GATES
from engine.network import unroll
from engine.supply import fresh_batch
from tests.oracles import relative_error

CASES = [(cell, gate) for cell, gates in BLOCKS.items() for gate in gates]


def loop_with_held_gate(
    experiment: Experiment, parameters: dict[str, np.ndarray], inputs: np.ndarray, gate: str, value: float
) -> np.ndarray:
    """Outputs of an explicit loop in which the gate, once computed, is overwritten."""
    weights = {name: torch.from_numpy(each).double() for name, each in parameters.items()}
    W, U, b, b_U = (weights[f"rnn.{part}_l0"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    h = c = torch.zeros(inputs.shape[1], experiment.hidden_size, dtype=torch.float64)
    outputs = []
    for x in torch.from_numpy(inputs).double():
        driven, recurrent = (
            (x @ W.T + b).chunk(len(W) // len(h[0]), dim=1),
            (h @ U.T + b_U).chunk(len(W) // len(h[0]), dim=1),
        )
        gates = {name: torch.sigmoid(driven[at] + recurrent[at]) for name, at in BLOCKS[experiment.cell].items()}
        gates[gate] = torch.full_like(h, value)
        if experiment.cell == "lstm":
            c = gates["forget_gate"] * c + gates["input_gate"] * torch.tanh(driven[2] + recurrent[2])
            h = gates["output_gate"] * torch.tanh(c)
        else:
            n = torch.tanh(driven[2] + gates["reset_gate"] * recurrent[2])
            h = (1 - gates["update_gate"]) * n + gates["update_gate"] * h
        outputs.append(h @ weights["readout.weight"].T + weights["readout.bias"])
    return torch.stack(outputs).numpy()


@pytest.mark.parametrize(("cell", "gate"), CASES)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_held_gate_is_one_that_is_overwritten_at_every_step(cell: str, gate: str, value: float) -> None:
    experiment = Experiment(cell=cell, length=20, hidden_size=7)
    parameters = dict(advance(replace(experiment, learning_rate=0.05), initial_state(experiment), 10)[0].parameters)
    inputs = fresh_batch(experiment, 5).inputs
    held = unroll(experiment, hold(experiment, parameters, {gate: value}), inputs)
    np.testing.assert_allclose(getattr(held.layers[0], gate), value, atol=1e-7)
    assert relative_error(held.outputs, loop_with_held_gate(experiment, parameters, inputs, gate, value)) < 1e-6


@pytest.mark.parametrize(("cell", "gate"), CASES)
@pytest.mark.parametrize(
    "ways", [{"layers": 3}, {"driven_units": 2}, {"input_way": "clamped"}, {"input_way": "initial"}], ids=str
)
def test_in_every_way_of_input_the_gate_is_held_and_the_others_go_on(
    cell: str, gate: str, ways: dict[str, object]
) -> None:
    settings = {"task": "cycle", "length": 12, "hidden_size": 7} | ways
    experiment = Experiment(cell=cell, **settings)  # type: ignore[arg-type]
    parameters, inputs = initial_state(experiment).parameters, fresh_batch(experiment, 3).inputs
    held = unroll(experiment, hold(experiment, parameters, {gate: 0.3}), inputs)
    for layer in held.layers:
        openings = {name: getattr(layer, name) for name in BLOCKS[cell]}
        free = np.isfinite(openings[gate])  # a clamped unit has no gates
        np.testing.assert_allclose(openings.pop(gate)[free], 0.3, atol=1e-7)
        assert all((np.abs(other[free] - 0.3) > 1e-4).mean() > 0.99 for other in openings.values())


def test_holding_nothing_changes_nothing_and_the_original_stays() -> None:
    parameters = initial_state(GATES).parameters
    before = {name: value.copy() for name, value in parameters.items()}
    assert hold(GATES, parameters, {}) == dict(parameters)
    hold(GATES, parameters, {"forget_gate": 0.5})
    assert all((parameters[name] == before[name]).all() for name in before)


@pytest.mark.parametrize("bad", [{"reset_gate": 0.5}, {"forget_gate": 1.5}, {"forget_gate": float("nan")}])
def test_what_can_not_be_held_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="can't be held"):
        hold(GATES, initial_state(GATES).parameters, bad)


@pytest.mark.parametrize("seed", range(4))
def test_the_lesson_says_what_comes_out(seed: int) -> None:
    experiment = replace(GATES, seed=seed)
    chunk = train_chunk(experiment, initial_state(experiment), experiment.steps)
    assert chunk.ending == "solved"
    parameters = chunk.state.parameters
    chance = task_of(experiment).chance(experiment.length).metric
    learned = error(experiment, parameters)
    assert learned < 0.1 * chance
    mse = {(gate, value): error(experiment, hold(experiment, parameters, {gate: value}))
           for gate in BLOCKS["lstm"] for value in (0.0, 1.0)}  # fmt: skip
    assert mse["forget_gate", 0.0] > 2 * chance, "nothing outlives a step"
    assert mse["input_gate", 1.0] > 5 * chance, "all numbers get in"
    assert mse["input_gate", 0.0] == pytest.approx(mse["output_gate", 0.0]), "only the read-out's bias answers"
    assert min(mse.values()) > 2 * learned, "every gate is needed"


LSTM, GRU = {"cell": "lstm", "hidden_size": 32}, {"cell": "gru", "hidden_size": 32}
ECHO = {"task": "echo", "length": 20, "learning_rate": 0.005, "steps": 1000}
RECALL = {"task": "recall", "length": 10, "learning_rate": 0.01, "steps": 1000}


def shares_right(seed: int, settings: dict[str, object]) -> dict[tuple[str, float], float]:
    """Share of answers right, chance 1/2 for ECHO and 1/4 for RECALL, with each gate held shut and open."""
    experiment = Experiment(seed=seed, **settings)  # type: ignore[arg-type]
    chunk = train_chunk(experiment, initial_state(experiment), experiment.steps)
    assert error(experiment, chunk.state.parameters) > 0.98, "learned"
    return {(gate, value): error(experiment, hold(experiment, chunk.state.parameters, {gate: value}))
            for gate in BLOCKS[experiment.cell] for value in (0.0, 1.0)}  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_which_gate_an_lstm_needs_depends_on_the_task(seed: int) -> None:
    echo, recall = shares_right(seed, LSTM | ECHO), shares_right(seed, LSTM | RECALL)
    assert echo["forget_gate", 1.0] < 0.6, "old bits have to be thrown away"
    assert recall["forget_gate", 1.0] > 0.95, "the one symbol has to be kept"
    assert echo["forget_gate", 0.0] < 0.7, "and younger ones have to be kept"
    assert echo["input_gate", 1.0] > 0.95, "every bit has to be let in"
    for shut in (echo["input_gate", 0.0], echo["output_gate", 0.0]):
        assert shut == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_a_gru_whose_update_gate_keeps_all_lets_nothing_in(seed: int) -> None:
    for settings, chance in ((ECHO, 0.5), (RECALL, 0.25)):
        right = shares_right(seed, GRU | settings)
        assert right["update_gate", 1.0] == pytest.approx(chance, abs=0.1), "the state stays at zero for ever"
        assert right["reset_gate", 0.0] < chance + 0.15, "candidates that don't see the old state"
    assert right["reset_gate", 1.0] > 0.6, "on recall the old state may nearly always be seen"
