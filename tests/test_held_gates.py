"""What the page on gates says, on several seeds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine import CELLS, Experiment, HoldGate, initial_state, task_of
from engine.analysis.effects import Trial, effect_of
from engine.chunks import train_chunk
from engine.lessons import GATES, GATES_ELSEWHERE


def metric_held(experiment: Experiment) -> dict[tuple[str, float], float]:
    """The metric of the trained network, with each gate held shut and open; under ("", 0) that of all gates free."""
    chunk = train_chunk(experiment, initial_state(experiment), experiment.steps)
    assert chunk.ending == "solved"
    found: dict[tuple[str, float], float] = {}
    for gate in CELLS[experiment.cell].gate_blocks:
        for value in (0.0, 1.0):
            effect = effect_of(Trial.of(experiment, chunk.state.parameters, (HoldGate(gate, value),)))
            found |= {(gate, value): effect.after, ("", 0): effect.before}
    return found


@pytest.mark.parametrize("seed", range(4))
def test_the_lesson_says_what_comes_out(seed: int) -> None:
    experiment = replace(GATES, seed=seed)
    chance = task_of(experiment).chance(experiment.length).metric
    mse = metric_held(experiment)
    learned = mse.pop(("", 0))
    assert learned < 0.1 * chance
    assert mse["forget_gate", 0.0] > 2 * chance, "nothing outlives a step"
    assert mse["input_gate", 1.0] > 5 * chance, "all numbers get in"
    assert mse["input_gate", 0.0] == pytest.approx(mse["output_gate", 0.0]), "only the read-out's bias answers"
    assert min(mse.values()) > 2 * learned, "every gate is needed"


def shares_right(seed: int, cell: str, task: str) -> dict[tuple[str, float], float]:
    """Share of answers right, chance 1/2 for the echo and 1/4 for recall, with each gate held shut and open."""
    right = metric_held(replace(GATES_ELSEWHERE[task], cell=cell, seed=seed))
    assert right.pop(("", 0)) > 0.98, "learned"
    return right


@pytest.mark.parametrize("seed", range(4))
def test_which_gate_an_lstm_needs_depends_on_the_task(seed: int) -> None:
    echo, recall = shares_right(seed, "lstm", "echo"), shares_right(seed, "lstm", "recall")
    assert echo["forget_gate", 1.0] < 0.6, "old bits have to be thrown away"
    assert recall["forget_gate", 1.0] > 0.95, "the one symbol has to be kept"
    assert echo["forget_gate", 0.0] < 0.7, "and younger ones have to be kept"
    assert echo["input_gate", 1.0] > 0.95, "every bit has to be let in"
    for shut in (echo["input_gate", 0.0], echo["output_gate", 0.0]):
        assert shut == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_a_gru_whose_update_gate_keeps_all_lets_nothing_in(seed: int) -> None:
    for task, chance in (("echo", 0.5), ("recall", 0.25)):
        right = shares_right(seed, "gru", task)
        assert right["update_gate", 1.0] == pytest.approx(chance, abs=0.1), "the state stays at zero for ever"
        assert right["reset_gate", 0.0] < chance + 0.15, "candidates that don't see the old state"
    assert right["reset_gate", 1.0] > 0.6, "on recall the old state may nearly always be seen"
