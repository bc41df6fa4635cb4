"""What networks compute: the adder made by hand, lengths never seen, and the automaton inside."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from engine import Experiment, initial_state
from engine.analysis.adder import ADDER, UNITS, add, adder_parameters, answers, number_of
from engine.analysis.automata import SYMBOLS, Automaton, extract, simplify
from engine.analysis.generalization import counted, over_lengths
from engine.chunks import train_chunk
from engine.lessons import COMPUTES
from tests.seeds import in_most


def trained(task: str, seed: int, cell: str = "rnn") -> tuple[Experiment, dict[str, np.ndarray]]:
    experiment = replace(COMPUTES[task], cell=cell, seed=seed)
    chunk = train_chunk(experiment, initial_state(experiment), experiment.steps)
    assert chunk.ending == "solved"
    return experiment, dict(chunk.state.parameters)


# --- by hand ---


def test_the_hand_made_adder_adds_all_small_numbers() -> None:
    assert all(add(a, b) == a + b for a, b in product(range(128), repeat=2))


def test_the_hand_made_adder_adds_numbers_of_a_thousand_bits() -> None:
    draw = random.Random(0)
    for _ in range(5):
        a, b = draw.getrandbits(1000), draw.getrandbits(1000)
        assert add(a, b) == a + b
    assert add(2**1000 - 1, 1) == 2**1000, "a carry through all of them"


def test_the_units_of_the_adder_are_what_is_said_of_them() -> None:
    parameters = adder_parameters()
    W, U, b = (parameters[f"rnn.{name}_l0"].astype(float) for name in ("weight_ih", "weight_hh", "bias_ih"))
    for total, carry in ((0, 0), (1, 0), (2, 1), (3, 1)):
        h = np.maximum(0, total + b)
        np.testing.assert_array_equal(U @ h, np.full(3, carry))
        assert h[0] - 2 * (h[1] - h[2]) == total - 2 * carry
    np.testing.assert_array_equal(W, 1)
    assert [name for name, _, _ in UNITS][:3] == ["h₁", "h₂", "h₃"]


def test_bits_and_numbers_agree() -> None:
    assert number_of(answers(ADDER, adder_parameters(), 5, 6)) == 11
    assert add(0, 0) == 0


# --- lengths never seen ---


@pytest.mark.parametrize("task", ["addition", "parity"])
@in_most()
def test_what_was_learned_on_short_strings_holds_on_long_ones(task: str, seed: int) -> None:
    experiment, parameters = trained(task, seed)
    lengths = [experiment.length, 4 * experiment.length]
    assert over_lengths(experiment, parameters, lengths).metric.min() > 0.97


def test_the_metric_by_length_of_the_hand_made_adder_is_one() -> None:
    np.testing.assert_array_equal(over_lengths(ADDER, adder_parameters(), [2, 16, 200]).metric, 1)


@pytest.mark.parametrize("seed", range(3))
def test_counting_goes_as_far_as_it_was_trained_but_not_for_ever(seed: int) -> None:
    experiment, parameters = trained("counting", seed)
    assert experiment.length // 2 - 2 <= counted(experiment, parameters, 200).reach < 100
    short, long = over_lengths(experiment, parameters, [24, 8 * 24]).metric
    assert short > 0.98 and long < 0.95


# --- automata ---


def test_a_machine_is_simplified_to_the_smallest_that_answers_the_same() -> None:
    """Parity with every state doubled, a start like "even", and one state that nothing leads to."""
    moves = np.array([[1, 3], [2, 4], [1, 3], [4, 2], [3, 1], [5, 5]])
    machine = Automaton(("0", "1"), moves, np.array([True, False, False, True, True, True]))
    small = simplify(machine)
    assert small.states == 2
    for string in product((0, 1), repeat=7):
        np.testing.assert_array_equal(small.run(np.array(string)), machine.run(np.array(string)))
        np.testing.assert_array_equal(small.run(np.array(string)), np.cumsum(string) % 2 == 1)


def test_a_move_that_was_never_seen_is_answered_with_no() -> None:
    machine = Automaton(("a", "b"), np.array([[1, -1], [-1, 0]]), np.array([False, True]))
    np.testing.assert_array_equal(machine.run(np.array([0, 0, 0])), [True, False, False])
    np.testing.assert_array_equal(machine.run(np.array([0, 1, 0])), [True, False, True])


@pytest.mark.parametrize(("task", "states"), [("parity", 2), ("addition", 4)])
@in_most()
def test_the_automaton_of_a_trained_network_is_the_one_that_theory_expects(task: str, states: int, seed: int) -> None:
    """Parity: odd or even. Addition, as a Moore machine: carry or none, and the bit just answered."""
    experiment, parameters = trained(task, seed)
    found = extract(experiment, parameters)
    assert found.automaton.states == states
    assert found.agreement > 0.99 and found.right > 0.99


def test_the_automaton_of_the_hand_made_adder_is_exact() -> None:
    found = extract(ADDER, adder_parameters())
    assert found.automaton.states == 4 and found.agreement == found.right == 1


@pytest.mark.parametrize("task", list(SYMBOLS))
def test_extraction_is_repeatable_and_works_on_untrained_networks(task: str) -> None:
    experiment = COMPUTES[task]
    one, other = (extract(experiment, initial_state(experiment).parameters) for _ in range(2))
    np.testing.assert_array_equal(one.automaton.moves, other.automaton.moves)
    assert 0 <= one.right <= 1
