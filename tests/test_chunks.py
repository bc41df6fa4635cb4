"""Chunks: some training steps and a look inside, the unit of work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine import Experiment, advance, initial_state, record
from engine.chunks import CHUNK_SECONDS, Ending, first_chunk, step_cost, steps_per_chunk, train_chunk
from engine.training import RECENT
from tests.stand_ins import (
    DIVERGING,
    LANES,
    SMALL,
    SOLVABLE,
    frozen,
    trained,
)


def test_a_chunk_is_training_and_a_look_inside() -> None:
    chunk = train_chunk(SMALL, initial_state(SMALL), 30)
    state, log = advance(SMALL, initial_state(SMALL), 30)
    assert frozen(chunk.state) == frozen(state)
    assert chunk.log.loss.tobytes() == log.loss.tobytes()
    expected = record(SMALL, state)
    assert chunk.recording.hidden_state_grad.tobytes() == expected.hidden_state_grad.tobytes()
    assert chunk.score == state.score and chunk.ending is None
    assert chunk.nbytes > state.nbytes + expected.nbytes


def test_a_chunk_ends_at_the_very_step_that_solves_the_task() -> None:
    chunk = train_chunk(SOLVABLE, initial_state(SOLVABLE), 3000)
    assert chunk.ending is Ending.SOLVED and 50 <= chunk.state.step < 3000
    assert chunk.score < 0.01
    assert trained(SOLVABLE, chunk.state.step - 1).score >= 0.01, "it was not solved a step before"


def test_a_lucky_beginning_does_not_count_as_a_solution() -> None:
    good = train_chunk(SOLVABLE, initial_state(SOLVABLE), 3000).state
    forgetful = replace(good, recent=np.empty(0, np.float32))
    assert train_chunk(SOLVABLE, forgetful, RECENT - 1).ending is None
    chunk = train_chunk(SOLVABLE, forgetful, 3 * RECENT)
    assert chunk.ending is Ending.SOLVED and chunk.state.step == good.step + RECENT


def test_a_chunk_ends_where_training_diverges() -> None:
    chunk = train_chunk(DIVERGING, initial_state(DIVERGING), 400)
    assert chunk.ending is Ending.DIVERGED and chunk.log.diverged
    assert len(chunk.log.loss) == chunk.state.step < 400
    assert all(np.isfinite(value).all() for value in chunk.state.parameters.values())


def test_the_first_chunk_is_a_look_at_the_untrained_network() -> None:
    chunk = first_chunk(SMALL, initial_state(SMALL))
    assert chunk.state.step == 0 and len(chunk.log.loss) == 0 and np.isnan(chunk.score) and chunk.ending is None
    assert chunk.recording.hidden_state.any()


def test_chunks_are_sized_by_what_a_step_costs() -> None:
    for experiment in (SMALL, Experiment(), Experiment(length=200, hidden_size=128, layers=3, batch_size=256)):
        steps = steps_per_chunk((experiment,))
        assert 1 <= steps <= 512 and (steps < 8 or steps % 8 == 0)
        assert steps == 1 or steps * step_cost(experiment) <= CHUNK_SECONDS
    assert steps_per_chunk(LANES) == min(steps_per_chunk((lane,)) for lane in LANES), "the slowest lane decides"
