"""What the lessons say, held against the experiments behind it, on several seeds. See docs/lessons.md for the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine import Experiment, initial_state
from engine.analysis.generalization import over_lengths
from engine.chunks import Chunk, train_chunk
from engine.lessons import LENGTHENS, echo_after
from engine.parameters import parameter_count


def trained(experiment: Experiment) -> Chunk:
    """After its whole budget, or once it has solved its task."""
    return train_chunk(experiment, initial_state(experiment), experiment.steps)


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
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_a_rule_for_each_step_holds_at_any_length_an_answer_at_the_end_does_not(cell: str, seed: int) -> None:
    parity, order = (replace(LENGTHENS[task], cell=cell, seed=seed) for task in ("parity", "temporal_order"))
    for experiment, low, high in ((parity, 0.95, 1.0), (order, 0.0, 0.6)):
        chunk = trained(experiment)
        assert chunk.ending == "solved"
        (far,) = over_lengths(experiment, chunk.state.parameters, [8 * experiment.length]).metric
        assert low <= far <= high
