"""What the lessons say, held against the experiments behind it, on several seeds.

docs/lessons.md lists every claim with the test that shows it; those that are not here stand beside what they are about.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from engine import Experiment, initial_state
from engine.analysis.attractors import basins, share_that_returns, share_that_stays
from engine.analysis.cost import multiplications_per_step
from engine.analysis.dynamics import fixed_points
from engine.analysis.generalization import over_lengths
from engine.chunks import Chunk, train_chunk
from engine.lessons import COSTS, LENGTHENS, PARITY, echo_after, told
from engine.network import unroll
from engine.parameters import parameter_count
from engine.supply import fresh_batch
from tests.seeds import in_most

TESTS = Path(__file__).parent
TABLE = (TESTS.parent / "docs/lessons.md").read_text(encoding="utf-8")


def trained(experiment: Experiment) -> Chunk:
    """After its whole budget, or once it has solved its task."""
    return train_chunk(experiment, initial_state(experiment), experiment.steps)


# --- the table in docs/lessons.md ---


def test_every_idea_has_a_row_with_page_claim_and_test() -> None:
    rows = [line.split("|")[1:-1] for line in TABLE.splitlines() if re.match(r"\| N\d", line)]
    assert all(len(row) == 5 and all(cell.strip() for cell in row) for row in rows)
    ideas = [idea for row in rows for idea in re.findall(r"N\d+", row[0])]
    assert set(ideas) == {f"N{number}" for number in range(1, 16)}
    assert all((TESTS.parent / f"pages/{page}.py").exists() for row in rows for page in re.findall(r"`(\w+)`", row[1]))
    assert all("::" in row[4] for row in rows)


def test_every_test_that_the_table_cites_exists() -> None:
    cited = re.findall(r"`(test_\w+)::(test_\w+)`", TABLE)
    assert len(cited) > 30 and len(cited) == TABLE.count("::")
    for file, name in cited:
        assert f"\ndef {name}(" in (TESTS / f"{file}.py").read_text(encoding="utf-8"), f"{file}::{name}"


# --- why recurrence ---


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("delay", [2, 5, 8])
def test_a_feed_forward_network_learns_to_echo_exactly_if_its_window_reaches_back(seed: int, delay: int) -> None:
    rnn = replace(echo_after(delay), seed=seed)
    for window, learns in ((1, False), (delay, False), (delay + 1, True), (delay + 3, True)):
        chunk = trained(replace(rnn, cell="window", window=window))
        assert (chunk.ending == "solved") == learns, f"window {window}"
        if not learns:
            assert abs(chunk.score - 0.5) < 0.03, "at the chance line"
    assert trained(rnn).ending == "solved"


def test_each_further_input_of_the_window_costs_a_weight_a_unit_and_the_rnn_stays_as_it_is() -> None:
    def count(experiment: Experiment) -> int:
        return parameter_count(initial_state(experiment).parameters)

    for delay in (1, 5, 10):
        rnn = echo_after(delay)
        windowed = [count(replace(rnn, cell="window", window=window)) for window in (1, 2, 7)]
        assert windowed == [97, 97 + 32, 97 + 6 * 32]
        assert count(rnn) == 32 * 1 + 32 * 32 + 64 + 33


@pytest.mark.parametrize("seed", range(4))
def test_the_longest_delay_of_the_page_is_learned_too(seed: int) -> None:
    assert trained(replace(echo_after(10), seed=seed)).ending == "solved"


# --- hidden state ---


@pytest.mark.parametrize(("bits", "best"), [(1, 1.0), (2, 0.75)])
def test_a_threshold_on_a_weighted_sum_tells_odd_from_even_of_one_bit_but_not_of_two(bits: int, best: float) -> None:
    """Every way to part the corners of a square by a line is among these weights."""
    strings = np.array(list(product((0, 1), repeat=bits)))
    weights = np.array(list(product((-2, -1, 0, 1, 2), repeat=bits)))
    sums = weights @ strings.T
    right = [((sums > threshold) == strings.sum(axis=1) % 2).mean(axis=1).max() for threshold in np.arange(-5, 5) + 0.5]
    assert max(right) == best


@in_most()
def test_with_tanh_a_state_stays_in_its_region_until_a_one_throws_it_into_the_other(seed: int) -> None:
    experiment = replace(PARITY, seed=seed)
    parameters = trained(experiment).state.parameters
    strings = fresh_batch(experiment, 60).inputs
    quiet = np.zeros((12, 60, 1))
    one = np.ones((1, 60, 1))
    outputs = unroll(experiment, parameters, np.concatenate([strings, quiet, one, quiet])).outputs[..., 0] > 0
    odd = strings[..., 0].sum(axis=0) % 2 == 1
    assert (outputs[8:20] == odd).mean() > 0.95
    assert (outputs[20:] != odd).mean() > 0.95


@in_most()
def test_a_bent_network_can_have_several_fixed_points_a_linear_one_has_one(seed: int) -> None:
    for activation, fits in (("tanh", lambda count: count >= 2), ("identity", lambda count: count == 1)):
        experiment = replace(PARITY, activation=activation, seed=seed)
        parameters = trained(experiment).state.parameters
        states = unroll(experiment, parameters, fresh_batch(experiment, 24, length=40).inputs).hidden_state
        points = fixed_points(experiment, parameters, states, np.zeros(1))
        assert fits(len(points)), f"{len(points)} with {activation}"


# --- inputs and targets ---


@pytest.mark.parametrize("given", ["all", "subset", "clamped"])
@in_most()
def test_targets_at_many_of_the_last_steps_make_places_that_hold_and_pull(given: str, seed: int) -> None:
    experiment = replace(told("attractors", given, "subset", 16), seed=seed)
    parameters = trained(experiment).state.parameters
    assert share_that_stays(experiment, parameters) > 0.9
    found = basins(experiment, parameters)
    assert len(found.places) == 4 and found.moving < 0.1
    assert np.abs(np.abs(found.places) - 0.7).max() < 0.2
    near, far = (share_that_returns(experiment, parameters, push) for push in (0.1, 1.0))
    assert near > 0.85 and far < near + 0.01, "taken back, if not pushed too far"


@pytest.mark.parametrize("seed", range(3))
def test_a_target_at_the_last_step_only_is_passed_by_unless_the_input_is_still_there(seed: int) -> None:
    for given, low, high in (("all", 0, 0.2), ("subset", 0, 0.2), ("clamped", 0.9, 1)):
        experiment = replace(told("attractors", given, "subset", 1), seed=seed)
        assert low <= share_that_stays(experiment, trained(experiment).state.parameters) <= high, given


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("given", ["all", "subset"])
@pytest.mark.parametrize("last", [1, 16])
def test_told_two_units_all_of_them_take_up_their_pattern_and_keep_it(given: str, last: int, seed: int) -> None:
    experiment = replace(told("attractors", given, "all", last), seed=seed)
    chunk = trained(experiment)
    assert chunk.ending == "solved"
    assert share_that_stays(experiment, chunk.state.parameters) > 0.95


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("given", ["all", "subset", "clamped"])
def test_a_circle_is_gone_round_long_after_the_training_ends_and_takes_states_back(given: str, seed: int) -> None:
    experiment = replace(told("cycle", given, "subset", 16), seed=seed)
    parameters = trained(experiment).state.parameters
    assert share_that_stays(experiment, parameters) > 0.9
    assert share_that_returns(experiment, parameters, 0.3) > 0.9
    assert basins(experiment, parameters).moving > 0.9


# --- length and cost ---


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@in_most()
def test_a_rule_for_each_step_holds_at_any_length_an_answer_at_the_end_does_not(cell: str, seed: int) -> None:
    parity, order = (replace(LENGTHENS[task], cell=cell, seed=seed) for task in ("parity", "temporal_order"))
    for experiment, low, high in ((parity, 0.95, 1.0), (order, 0.0, 0.6)):
        chunk = trained(experiment)
        assert chunk.ending == "solved"
        (far,) = over_lengths(experiment, chunk.state.parameters, [8 * experiment.length]).metric
        assert low <= far <= high


def test_the_two_networks_that_are_timed_make_equally_many_multiplications() -> None:
    window = replace(COSTS, cell="window", window=33)
    assert multiplications_per_step(COSTS) == multiplications_per_step(window) == 32 * 33
