"""Parameters, multiplications and seconds over the length of the input. What a clock says is never asserted."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine import Experiment
from engine.analysis.cost import begin, fit, measure_on, multiplications_per_step, parameter_counts, take_turns
from engine.parameters import initial_parameters, parameter_count
from ui.cost import LENGTHS as LENGTHS_TIMED
from ui.cost import draw_times, farthest, slowdown, timed

LENGTHS = (2, 10, 25, 50)


def small(cell: str, **settings: object) -> Experiment:
    return Experiment(**({"task": "temporal_order", "cell": cell, "hidden_size": 8, "length": 10} | settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_recurrent_network_has_as_many_parameters_at_any_length(cell: str) -> None:
    module = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell](6, 8)
    expected = sum(each.numel() for each in module.parameters()) + 4 * 8 + 4
    assert parameter_counts(small(cell), [2, 10, 200, 10_000]).tolist() == [expected] * 4
    at_lengths = {parameter_count(initial_parameters(small(cell, length=length))) for length in (10, 100, 200)}
    assert at_lengths == {expected}


@pytest.mark.parametrize("settings", [{}, {"layers": 2}, {"driven_units": 3}, {"window": 7}])
def test_a_window_over_the_whole_sequence_grows_with_it(settings: dict[str, object]) -> None:
    counts = parameter_counts(small("window", **settings), LENGTHS)
    built = [initial_parameters(small("window", **(settings | {"window": length}))) for length in LENGTHS]
    assert counts.tolist() == [parameter_count(parameters) for parameters in built]


def test_a_window_wider_than_can_be_built_is_counted_by_the_formula() -> None:
    lengths = np.array([51, 200, 1000])
    hidden, readout = lengths * 6 * 8 + 8, 4 * 8 + 4
    assert (parameter_counts(small("window"), lengths.tolist()) == hidden + readout).all()


@pytest.mark.parametrize(("cell", "blocks"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_multiplications_are_counted_as_a_loop_over_rows_and_columns_would(cell: str, blocks: int) -> None:
    assert multiplications_per_step(small(cell)) == sum(1 for _ in range(blocks * 8) for _ in range(6 + 8))
    assert multiplications_per_step(small(cell, layers=2)) == blocks * 8 * ((6 + 8) + (8 + 8))


def test_a_window_does_w_times_the_work_of_looking_at_one_input() -> None:
    one = multiplications_per_step(small("window"))
    assert [multiplications_per_step(small("window", window=w)) for w in LENGTHS] == [one * w for w in LENGTHS]
    # with this window it does as much as an RNN, so their seconds differ by the order of the work alone
    rnn = Experiment(task="adding", cell="rnn", hidden_size=32)
    assert multiplications_per_step(rnn) == multiplications_per_step(replace(rnn, cell="window", window=17))


class Clock:
    """A clock that only runs while something is done."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_taking_turns_a_busy_spell_hits_all_and_the_median_drops_it() -> None:
    clock, rounds = Clock(), iter(range(100))
    slow = 1.0

    def first() -> None:
        nonlocal slow
        slow = 10.0 if 3 <= next(rounds) < 6 else 1.0  # the machine is busy for three rounds of ten
        clock.now += 2 * slow

    def second() -> None:
        clock.now += 3 * slow

    seconds = take_turns([first, second], 10, clock=clock)
    assert seconds.shape == (10, 2)
    assert seconds[4].tolist() == [20, 30]
    assert np.median(seconds, axis=0).tolist() == [2, 3]


def test_no_round_begins_after_the_time_is_up_but_one_is_always_made() -> None:
    clock = Clock()

    def run() -> None:
        clock.now += 1

    assert len(take_turns([run, run], 100, 5, clock)) == 3
    assert len(take_turns([run, run], 100, 0, clock)) == 1
    assert take_turns([run, run], 0, 5, clock).shape == (0, 2)


@pytest.mark.parametrize(("overhead", "per_step"), [(3e-5, 2e-6), (0.0, 1e-3)])
def test_the_fitted_line_is_the_one_the_seconds_lie_on(overhead: float, per_step: float) -> None:
    line = fit(LENGTHS, overhead + per_step * np.array(LENGTHS))
    assert line.per_step == pytest.approx(per_step)
    assert line.overhead == pytest.approx(overhead, abs=1e-12)


def test_all_networks_are_measured_in_calls_that_can_travel() -> None:
    experiments = [small(cell, batch_size=batch) for cell in ("rnn", "gru", "lstm", "window") for batch in (1, 8)]
    measurement = begin([*experiments, small("rnn", initial_state="learned"), small("lstm", layers=2)], repeats=5)
    assert np.isnan(measurement.seconds_per_sequence).all()
    calls = 0
    while not measurement.done:
        measurement = pickle.loads(pickle.dumps(measure_on(measurement)))
        calls += 1
        assert calls <= 5
    assert measurement.seconds.shape == (5, 10, 2)
    assert (measurement.seconds > 0).all()
    expected = np.median(measurement.seconds, axis=0) / np.array([[1, 8] * 4 + [32, 32]]).T
    np.testing.assert_allclose(measurement.seconds_per_sequence, expected)


def test_the_page_tells_the_networks_apart_that_it_has_timed() -> None:
    """An RNN that takes a millisecond a step, and a window that takes two however long the sequence is."""
    experiments = timed()
    seconds = [each.length / 1000 if each.cell == "rnn" else 0.002 for each in experiments]
    measured = replace(begin(experiments), seconds=np.repeat(np.array(seconds)[:, np.newaxis], 2, axis=1)[np.newaxis])
    assert slowdown(measured) == pytest.approx((20, 1))
    canvas, _ = draw_times([measured])
    rnn, window = (trace["y"] for trace in canvas.data)
    np.testing.assert_allclose(rnn, LENGTHS_TIMED)
    np.testing.assert_allclose(window, 2)
    ticks, (low, high) = canvas.layout["yaxis"]["tickvals"], canvas.layout["yaxis"]["range"]
    np.testing.assert_allclose(ticks, [2, 5, 10, 20, 50, 100, 200])
    assert low <= np.log10(ticks[0]) and np.log10(ticks[-1]) <= high


def test_who_gets_equally_far_is_named_together_whatever_was_guessed() -> None:
    reach = {"The RNN": 20, "The GRU": 60, "The LSTM": 60}
    tie = "A tie: **The GRU and the LSTM** get equally far"
    assert farthest(reach, None) == f"{tie}."
    assert farthest(reach, "The RNN") == f"{tie}, and you guessed “The RNN”."
    assert farthest(reach, "The LSTM") == f"{tie}, one of which you guessed."
    assert farthest(reach | {"The RNN": 100}, "The RNN") == "**The RNN**, as you guessed."
    assert farthest(reach | {"The RNN": 100}, "The LSTM") == "You guessed “The LSTM”. It was: **The RNN.**"
