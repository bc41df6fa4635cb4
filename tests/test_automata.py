"""Automata read out of networks: the textbook's machines, found on several seeds, and what an imperfect network gives.

Machines are checked against brute force: all strings up to a length, run symbol by symbol.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from engine import Experiment, initial_state
from engine.analysis.automata import Automaton, Extraction, extract, simplify
from engine.analysis.generalization import at_length, counted
from engine.chunks import train_chunk
from engine.lessons import COMPUTES
from tests.seeds import in_most

LONGEST = 6  # of the strings that tell states of small machines apart


def trained(task: str, cell: str, seed: int) -> tuple[Experiment, dict[str, np.ndarray]]:
    experiment = replace(COMPUTES[task], cell=cell, seed=seed)
    chunk = train_chunk(experiment, initial_state(experiment), experiment.steps)
    return experiment, dict(chunk.state.parameters)


def machine_of(extraction: Extraction) -> tuple[list[list[int]], list[bool]]:
    return extraction.automaton.moves.tolist(), extraction.automaton.answers.tolist()


# --- machines ---


def random_machine(seed: int) -> Automaton:
    draw = np.random.default_rng(seed)
    states = int(draw.integers(2, 7))
    return Automaton(("a", "b"), draw.integers(0, states, (states, 2)), draw.random(states) < 0.4)


def walked(machine: Automaton, state: int, string: tuple[int, ...]) -> tuple[bool, ...]:
    """Answers after each symbol, from `state`."""
    answers = []
    for symbol in string:
        state = int(machine.moves[state, symbol])
        answers.append(bool(machine.answers[state]))
    return tuple(answers)


def fewest_states(machine: Automaton) -> int:
    """By Myhill and Nerode: as many as there are different futures. The start's own answer is no part of its."""
    futures = {
        state: tuple(walked(machine, state, string) for string in product((0, 1), repeat=LONGEST))
        for state in range(machine.states)
    }
    found, reached = [0], set()
    for state in found:
        reached |= set(machine.moves[state].tolist())
        found += [to for to in set(machine.moves[state].tolist()) if to not in found]
    kinds = {(bool(machine.answers[state]), futures[state]) for state in reached}
    return len(kinds) + (futures[0] not in {future for _, future in kinds})


@pytest.mark.parametrize("seed", range(60))
def test_a_simplified_machine_has_the_fewest_states_that_answer_the_same(seed: int) -> None:
    machine = random_machine(seed)
    small = simplify(machine)
    assert small.states == fewest_states(machine)
    for string in product((0, 1), repeat=2 * LONGEST):
        assert tuple(small.run(np.array(string))) == walked(machine, 0, string)


def test_many_strings_are_run_at_once() -> None:
    machine = random_machine(3)
    strings = np.random.default_rng(0).integers(0, 2, (9, 20))
    told = machine.run(strings)
    for number, string in enumerate(strings.T):
        assert tuple(told[:, number]) == walked(machine, 0, tuple(string))


# --- what trained networks have found ---


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@in_most(5, at_least=3)
def test_a_parity_network_holds_two_states_odd_and_even(cell: str, seed: int) -> None:
    found = extract(*trained("parity", cell, seed))
    assert machine_of(found) == ([[0, 1], [1, 0]], [False, True])
    assert found.right == 1 and found.agreement > 0.97


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@in_most(5, at_least=3)
def test_an_addition_network_holds_the_carry_and_the_bit_it_has_just_given(cell: str, seed: int) -> None:
    found = extract(*trained("addition", cell, seed))
    totals = [[a + b + carry for a, b in product((0, 1), repeat=2)] for carry in (0, 0, 1, 1)]
    moves = [[2 * (total // 2) + total % 2 for total in row] for row in totals]  # state: 2 carry + bit
    assert machine_of(found) == (moves, [False, True, False, True])
    assert found.right == 1 and found.agreement > 0.99 and found.whole > 0.95


@in_most(12, at_least=10)
def test_a_network_has_as_many_states_as_its_rule_needs_once_it_has_found_it(seed: int) -> None:
    """One that fails on longer strings has not: its machine is larger, and wrong as it is."""
    experiment, parameters = trained("parity", "rnn", seed)
    share, _ = at_length(experiment, parameters, 3 * experiment.length)
    found = extract(experiment, parameters)
    if share >= 0.99:
        assert found.automaton.states == 2 and found.right == 1 and found.agreement > 0.99
    elif share < 0.95:
        assert found.automaton.states > 2 and found.agreement > found.right


@in_most(5, at_least=3)
def test_the_machine_of_a_counter_is_large_and_wrong_where_the_network_is(seed: int) -> None:
    experiment, parameters = trained("counting", "rnn", seed)
    found = extract(experiment, parameters)
    assert found.automaton.states > counted(experiment, parameters).reach >= 9
    assert found.agreement > 0.95 and found.right < found.agreement - 0.03


def test_inputs_that_are_not_symbols_are_refused() -> None:
    experiment = Experiment(task="adding")
    with pytest.raises(ValueError, match="'adding' are not symbols"):
        extract(experiment, initial_state(experiment).parameters)
