"""The film of a run: bounded, dense early and then even; moments seen again; branches that train on from them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from engine import Change, Experiment, TrainingState, advance, chunks, initial_state, record
from engine.chunks import Ending
from engine.film import MOST_BYTES, MOST_MOMENTS, Film, Origin, Still
from engine.history import GradientHistory, LossHistory
from engine.lane import gradient_norms
from engine.rules import Settings
from engine.runs import Past, Run
from tests.stand_ins import LANES, SMALL, SOLVABLE, AtOnce, WhenTold, frozen, play, store_on

LONG = Experiment(task="parity", length=4, hidden_size=3, batch_size=2, steps=6000, cell="rnn", seed=3)
FASTER = Settings(0.01, None, 7, "rmsprop")
SLOWER = Settings(1e-5, None, 7, "sgd")


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a run has many moments before anything is solved."""
    monkeypatch.setattr(chunks, "CHUNK_SECONDS", 0.006)


def still(step: int, size: int = 10) -> Still:
    """A network of `size` numbers at training step `step`."""
    state = TrainingState({"w": np.full(size, step, np.float32)}, {}, step, np.empty(0, np.float32))
    return Still(state, step / 100, None)


def filmed(steps: range, film: Film | None = None, size: int = 10) -> Film:
    """A film of one network at `steps`."""
    film = Film() if film is None else film
    for step in steps:
        film.add(step, {0: still(step, size)})
    return film


def assert_as_alone(run: Run) -> None:
    """Every lane stands where plain training of its experiment would stand, with all losses on the way."""
    for lane in run.lanes:
        state, log = advance(lane.experiment, initial_state(lane.experiment), lane.step)
        assert frozen(lane.chunk.state) == frozen(state)
        np.testing.assert_array_equal(lane.losses.values, log.loss)


# --- the film ---


def test_what_fits_is_all_kept() -> None:
    film = filmed(range(0, 100 * 24, 24))
    assert film.steps == tuple(range(0, 100 * 24, 24))
    assert film.nbytes == 100 * 40


@pytest.mark.parametrize("last", [3000, 20_000, 100_000])
def test_too_many_moments_are_thinned_dense_early_then_even(last: int) -> None:
    film = filmed(range(0, last + 1, 8))
    steps = np.array(film.steps)
    assert len(film) == MOST_MOMENTS and film.nbytes == MOST_MOMENTS * 40
    assert steps[0] == 0 and steps[-1] == last - last % 8
    gaps = np.diff(steps)
    early, late = gaps[steps[:-1] < 100], gaps[steps[:-1] > last / 2]
    assert early.max() <= 24, "dense where most happens"
    assert late.max() <= 3.1 * late.min(), "even later on"
    assert late.max() < last / 40, "and nowhere a hole"


def test_the_film_of_the_largest_networks_stays_within_its_bytes() -> None:
    film = Film()
    experiments = [Experiment(cell=cell, hidden_size=128, layers=3) for cell in ("rnn", "gru", "lstm")]
    for step in range(0, 400, 8):
        stills = {}
        for lane, experiment in enumerate(experiments):
            parameters = initial_state(experiment).parameters
            count = sum(each.size for each in parameters.values())
            moments = {name: np.zeros(count, np.float32) for name in ("exp_avg", "exp_avg_sq")} if step else {}
            stills[lane] = Still(TrainingState(parameters, moments, step, np.zeros(50, np.float32)), 0.1, None)
        film.add(step, stills)
        assert film.nbytes <= MOST_BYTES
        assert film.steps[0] == 0, "the beginning stays"


def test_a_smaller_bound_keeps_fewer_moments() -> None:
    film = filmed(range(0, 4000, 8), Film(most_bytes=4000), size=100)
    assert film.nbytes <= 4000 and len(film) == 10


def test_a_film_that_is_shrunk_stays_small() -> None:
    film = filmed(range(0, 800, 8), size=100)
    film.shrink(4000)
    assert film.nbytes <= 4000 and film.steps[0] == 0 and film.steps[-1] == 792
    filmed(range(800, 1600, 8), film, size=100)
    assert film.nbytes <= 4000 and film.steps[-1] == 1592


def test_what_a_network_did_last_outlives_the_moment_it_did_it_in() -> None:
    film = Film(most_moments=5)
    film.add(0, {0: still(0), 1: still(0)})
    film.add(8, {0: still(8), 1: still(7)})  # network 1 is solved at step 7
    for step in range(16, 400, 8):
        film.add(step, {0: still(step)})
    last = film.at(400, 1)
    assert last is not None and last.state.step == 7
    first = film.at(0, 1)
    assert first is not None and first.state.step == 0
    assert film.nbytes == 40 * sum(lane in moment for moment in film._moments for lane in (0, 1))


def test_a_network_that_catches_up_is_seen_at_the_moments_that_there_are() -> None:
    film = filmed(range(0, 41, 10))
    film.add(10, {1: still(10)})
    film.add(14, {1: still(14)})
    film.add(20, {1: still(20)})
    film.add(23, {1: still(23)})  # where it ends
    assert film.steps == (0, 10, 20, 30, 40)
    assert [each.state.step for each in film.before(41, 1)] == [23, 20, 10]
    assert film.at(9, 1) is None


def test_a_past_is_taken_over_up_to_where_it_is_shared() -> None:
    film = filmed(range(0, 41, 10))
    cut = film.cut([Origin(0, still(40)), Origin(0, still(20)), None])
    assert cut.steps == film.steps
    assert [each.state.step for each in cut.before(99, 0)] == [40, 30, 20, 10, 0]
    assert [each.state.step for each in cut.before(99, 1)] == [20, 10, 0]
    assert cut.at(99, 2) is None


# --- histories of the past ---


def test_a_loss_history_of_the_past_and_its_future_do_not_disturb_each_other() -> None:
    history = LossHistory()
    history.extend(np.arange(10, dtype=np.float32))
    past = history.until(4)
    past.extend(np.array([50, 60], np.float32))
    history.extend(np.array([10], np.float32))
    assert past.values.tolist() == [0, 1, 2, 3, 50, 60]
    assert history.values.tolist() == list(range(11))


def test_a_gradient_history_of_the_past_ends_there() -> None:
    history = GradientHistory()
    for step in range(0, 300, 1):
        history.append(step, np.full((1, 2, 1), step, np.float64))
    past = history.until(101, np.full((1, 2, 1), 101.0))
    assert past.last_step == 101 and past.steps[-1] <= 101 and past.latest(0, 0).tolist() == [101, 101]
    grid = past.on_grid(np.array([0.0, 50.0, 101.0, 102.0]), 0, 0)
    assert (
        np.isnan(grid[-1]).all() and (grid[:-1, 0] == history.on_grid(np.array([0.0, 50.0, 101.0]), 0, 0)[:, 0]).all()
    )
    count = len(past.steps)
    for step in range(102, 110):
        past.append(step, np.full((1, 2, 1), step, np.float64))
    assert list(past.steps) == sorted(past.steps) and len(past.steps) > count
    assert len(history.steps) == len(history.norms(0, 0))


# --- moments of a run ---


def test_every_moment_of_a_run_is_seen_again_as_it_was(threads: ThreadPoolExecutor) -> None:
    run = Run(store_on(threads), LANES)
    seen = {}
    while not run.over:
        if run.next_frame(20):
            seen[run.step] = [(lane.recording, lane.chunk.score, lane.losses.values.copy()) for lane in run.lanes]
    assert len(run.film) > 3
    for step in run.film.steps:
        past = run.at(step)
        assert isinstance(past, Past) and past.step == step and not past.playing and not past.next_frame(1)
        for lane, (recording, score, losses) in zip(past.lanes, seen.get(step, ()), strict=False):
            assert lane.recording.hidden_state_grad.tobytes() == recording.hidden_state_grad.tobytes()
            assert lane.chunk.score == score or np.isnan(score)
            np.testing.assert_array_equal(lane.losses.values, losses)
            np.testing.assert_allclose(lane.gradients.latest(0, 0), gradient_norms(recording)[0, :, 0], rtol=1e-6)
            assert lane.gradients.last_step == step
    assert [past.step for past in run.before(run.step)] == [*reversed(run.film.steps[:-1])]
    assert set(run.film.steps) >= {0, run.step}


def test_a_network_that_ended_early_is_seen_as_it_ended() -> None:
    run = Run(store_on(AtOnce()), (SOLVABLE, replace(SOLVABLE, learning_rate=1e-5, steps=1000)))
    play(run)
    solved, other = run.at(900).lanes
    assert solved.ending is Ending.SOLVED and solved.step == run.lanes[0].step < 900
    assert other.ending is None and other.step <= 900
    early = run.at(solved.step // 2).lanes[0]
    assert early.ending is None and early.step <= solved.step // 2


def test_states_in_the_film_are_the_ones_that_viewers_share() -> None:
    store = store_on(AtOnce())
    one, other = Run(store, (SMALL,)), Run(store, (SMALL,))
    play(one)
    play(other)
    for step in one.film.steps[1:]:
        first, second = one.film.at(step, 0), other.film.at(step, 0)
        assert first and second and first.state is second.state


# --- branches ---


def test_a_branch_equals_the_original_at_its_step_and_then_an_uninterrupted_run_with_the_change() -> None:
    run = Run(store_on(AtOnce()), (LONG,))
    play(run, lambda: run.step >= 2000)
    at = run.film.steps[-5]
    branch = run.branched(0, at, FASTER)
    assert branch.changes == (Change(at, 0.01, None, 7, "rmsprop"),)
    both = Run(run._store, (LONG, branch), before=run)
    original, other = both.lanes
    assert original.step == run.step and other.step == at
    assert frozen(other.chunk.state) == frozen(advance(LONG, initial_state(LONG), at)[0])
    np.testing.assert_array_equal(other.losses.values, original.losses.values[:at])
    assert other.recording.hidden_state.tobytes() == record(LONG, other.chunk.state).hidden_state.tobytes()
    assert both.behind == at
    play(both, lambda: both.step > 2400)
    assert both.behind is None and original.step == other.step
    assert_as_alone(both)
    assert frozen(original.chunk.state) != frozen(other.chunk.state)


def test_a_branch_off_the_film_is_replayed_from_the_last_moment_before_it() -> None:
    run = Run(store_on(AtOnce()), (LONG,))
    play(run, lambda: run.step >= 2000)
    before, after = run.film.steps[-3:-1]
    branch = run.branched(0, before + 3, FASTER)
    assert before + 3 < after
    both = Run(run._store, (LONG, branch), before=run)
    assert both.lanes[1].step == before
    play(both, lambda: both.step > 2400)
    assert_as_alone(both)


@pytest.mark.usefixtures("small_chunks")
def test_the_others_wait_until_a_branch_has_caught_up_and_then_they_go_on_in_step() -> None:
    run = Run(store_on(AtOnce()), (LONG, replace(LONG, cell="gru")))
    play(run, lambda: run.step >= 300)
    front, at = run.step, run.film.steps[len(run.film) // 2]
    both = Run(run._store, (*run.experiments, run.branched(1, at, SLOWER)), before=run)
    seen = []
    while both.step <= front + 200:
        both.next_frame(20)
        assert both.lanes[0].step == both.lanes[1].step
        seen.append((both.lanes[0].step, both.lanes[2].step, both.behind))
    assert all(others == front or branch == others for others, branch, _ in seen)
    assert (front, front, None) in seen or any(branch > front for _, branch, _ in seen)
    assert all((behind is None) == (others == branch) for others, branch, behind in seen)


def test_the_film_shows_a_branch_and_its_original_in_step() -> None:
    run = Run(store_on(AtOnce()), (LONG,))
    play(run, lambda: run.step >= 2000)
    at = run.film.steps[len(run.film) // 2]
    both = Run(run._store, (LONG, run.branched(0, at, FASTER)), before=run)
    kept = both.film.steps
    play(both, lambda: both.behind is None)
    assert both.film.steps[: len(kept)] == kept
    for step in kept:
        original, other = both.at(step).lanes
        assert original.step == other.step == step
        assert (frozen(original.chunk.state) == frozen(other.chunk.state)) == (step <= at)


def test_a_branch_of_a_network_that_is_over_trains_on() -> None:
    run = Run(store_on(AtOnce()), (SMALL,))
    play(run)
    assert run.lanes[0].ending is Ending.BUDGET
    at = run.film.steps[-2]
    both = Run(run._store, (SMALL, run.branched(0, at, FASTER)), before=run)
    assert not both.over and both.lanes[0].ending is Ending.BUDGET
    play(both)
    assert both.lanes[1].step == SMALL.steps
    assert_as_alone(both)


def test_a_branch_at_the_beginning_has_other_settings_from_the_start() -> None:
    run = Run(store_on(AtOnce()), (SMALL,))
    play(run)
    assert run.branched(0, 0, FASTER) == replace(
        SMALL, learning_rate=0.01, clip_norm=None, batch_size=7, optimizer="rmsprop"
    )


def test_a_branch_of_a_solved_network_starts_where_that_ended_at_the_latest() -> None:
    run = Run(store_on(AtOnce()), (SOLVABLE, replace(SOLVABLE, learning_rate=1e-5, steps=1000)))
    play(run)
    solved = run.lanes[0]
    branch = run.branched(0, 900, FASTER)
    assert branch.changes[0].step == solved.step
    both = Run(run._store, (*run.experiments, branch), before=run)
    assert both.lanes[2].step == solved.step and both.lanes[2].ending is None
    assert both.lanes[0].ending is Ending.SOLVED


def test_networks_that_stay_go_on_from_where_they_stand_and_a_new_one_catches_up() -> None:
    run = Run(store_on(AtOnce()), LANES[:2])
    play(run, lambda: run.step >= 200)
    states = [lane.chunk.state for lane in run.lanes]
    more = Run(run._store, LANES, before=run)
    assert [lane.chunk.state for lane in more.lanes[:2]] == states
    assert more.lanes[2].step == 0 == more.behind
    play(more)
    assert {lane.step for lane in more.lanes} == {400}
    assert_as_alone(more)


def test_nothing_is_taken_over_by_networks_that_share_no_past() -> None:
    run = Run(store_on(AtOnce()), (SMALL,))
    play(run)
    other = Run(run._store, (replace(SMALL, hidden_size=6),), before=run)
    assert other.step == 0 and other.film.steps == (0,) and other.behind is None


def test_a_change_taken_back_goes_on_from_before_it() -> None:
    run = Run(store_on(AtOnce()), (LONG,))
    play(run, lambda: run.step >= 500)
    at = run.step
    assert run.follow((run.changed_from_here(LONG, 0.1, None),))
    play(run, lambda: run.step >= 1000)
    back = Run(run._store, (LONG,), before=run)
    assert back.step == at
    play(back, lambda: back.step >= 700)
    assert_as_alone(back)


@pytest.mark.usefixtures("small_chunks")
def test_a_run_with_a_past_waits_for_nobody() -> None:
    run = Run(store_on(AtOnce()), (LONG,))
    play(run, lambda: run.step >= 300)
    pool = WhenTold()
    both = Run(store_on(pool), (LONG, run.branched(0, run.film.steps[3], FASTER)), before=run)
    assert both.next_frame(60) and both.step == run.step
    assert not both.next_frame(0.01)
