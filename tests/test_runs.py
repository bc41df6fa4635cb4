"""Runs: lanes in step, shared among viewers, followed, branched and succeeded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine import Change, Experiment, SeriesError, advance, initial_state, record, streams
from engine.chunks import Ending, train_chunk
from engine.lane import Snapshot
from engine.runs import Run
from engine.streams import AHEAD
from tests.stand_ins import (
    DIVERGING,
    LANES,
    SMALL,
    SOLVABLE,
    AtOnce,
    Failing,
    Forgetful,
    WhenTold,
    assert_as_if_alone,
    frozen,
    play,
    store_on,
    trained,
)

pytestmark = pytest.mark.usefixtures("two_workers")


# --- runs ---


def test_a_run_opens_with_the_untrained_networks_and_waits_for_nobody() -> None:
    pool = WhenTold()
    run = Run(store_on(pool), LANES)
    assert run.playing and not run.over and run.step == 0
    assert run.next_frame(60) and run.step == 0
    assert len(pool.tasks) == 3, "the workers are at it meanwhile"
    assert not run.next_frame(0.01)


def test_lanes_stay_in_step(threads: ThreadPoolExecutor) -> None:
    run = Run(store_on(threads), LANES)
    seen = []
    while not run.over:
        if run.next_frame(20):
            assert len({lane.step for lane in run.lanes}) == 1
            seen.append(run.step)
    assert seen[0] == 0 and seen[-1] == 400 and seen == sorted(set(seen))
    assert not run.next_frame(20), "there is nothing more to see"
    for lane in run.lanes:
        assert lane.ending is Ending.BUDGET
        assert lane.recording.step == len(lane.losses) == 400
        assert_as_if_alone(lane)


def end_after(step: int) -> int:
    """The end of the chunk of LANES that begins at `step`, when nobody else waits."""
    return streams.ChunkPlan(store_on(AtOnce()), LANES).end_after(step)


def test_a_lane_whose_chunk_is_late_holds_the_others_back() -> None:
    pool = WhenTold()
    run = Run(store_on(pool), LANES)
    run.next_frame(0)
    pool.work(2)
    assert not run.next_frame(0) and run.step == 0
    pool.work(1)
    pool.work(2)  # the chunks after the first are on their way too
    assert run.next_frame(0) and {lane.step for lane in run.lanes} == {end_after(0)}


def test_all_lanes_are_set_to_work_before_the_first_is_waited_for() -> None:
    pool = WhenTold()
    run = Run(store_on(pool), LANES)
    run.next_frame(0)
    pool.work()
    run.next_frame(0)
    pool.work()
    assert run.follow(tuple(run.changed_from_here(each, 0.1, None) for each in LANES))
    assert not pool.tasks and not run.next_frame(0)
    assert len(pool.tasks) == 3


def test_nobody_looks_nothing_is_computed_beyond_what_lies_ahead() -> None:
    pool = WhenTold()
    run = Run(store_on(pool), tuple(replace(lane, steps=5000) for lane in LANES))
    run.next_frame(0)
    pool.work()
    assert pool.worked == 3 * AHEAD and not pool.tasks
    assert run.next_frame(0)
    pool.work()
    assert pool.worked == 2 * 3 * AHEAD, "as many as were taken"


def test_a_paused_run_stands_still_and_goes_on_where_it_stood(threads: ThreadPoolExecutor) -> None:
    run = Run(store_on(threads), LANES)
    play(run, lambda: run.step > 0)
    run.pause()
    step = run.step
    assert not run.next_frame(0.05) and run.step == step and not run.over
    run.play()
    play(run)
    for lane in run.lanes:
        assert_as_if_alone(lane)


def test_a_closed_run_asks_for_nothing_more() -> None:
    pool = WhenTold()
    store = store_on(pool)
    run = Run(store, LANES)
    run.next_frame(0)
    run.close()
    pool.work()
    assert pool.worked == 3, "what was on its way was finished, and nothing came after"
    assert not run.next_frame(0) and not run.playing


def test_a_run_that_is_solved_says_so_and_stops() -> None:
    run = Run(store_on(AtOnce()), (SOLVABLE,))
    play(run)
    (lane,) = run.lanes
    assert lane.ending is Ending.SOLVED and lane.step < 3000 and lane.chunk.score < 0.01
    assert lane.step == train_chunk(SOLVABLE, initial_state(SOLVABLE), 3000).state.step
    assert_as_if_alone(lane)


def test_one_lane_ends_and_the_other_goes_on() -> None:
    run = Run(store_on(AtOnce()), (DIVERGING, replace(DIVERGING, learning_rate=0.01)))
    play(run)
    diverged, other = run.lanes
    assert diverged.ending is Ending.DIVERGED and diverged.step < 400
    assert other.ending is Ending.BUDGET and other.step == run.step == 400
    for lane in run.lanes:
        assert_as_if_alone(lane)
        assert np.isfinite(lane.losses.values).all()


@pytest.mark.parametrize("sizes", [(1, 7), (13, 400), (64, 8)])
@pytest.mark.parametrize("experiment", [*LANES, SOLVABLE, DIVERGING], ids=lambda each: f"{each.task}-{each.cell}")
def test_the_size_of_the_chunks_changes_no_byte(
    experiment: Experiment, sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []
    for size in sizes:
        monkeypatch.setattr(streams, "steps_per_chunk", lambda experiments, size=size: size)
        run = Run(store_on(AtOnce()), (experiment,))
        play(run)
        (lane,) = run.lanes
        ends.append((lane.step, lane.ending, frozen(lane.chunk.state), lane.losses.values.tobytes()))
        assert lane.recording.hidden_state.tobytes() == record(experiment, lane.chunk.state).hidden_state.tobytes()
    assert ends[0] == ends[1]


def test_the_second_viewer_of_a_link_costs_no_training(threads: ThreadPoolExecutor) -> None:
    store = store_on(threads)
    first, second = Run(store, LANES), Run(store, LANES)
    while not (first.over and second.over):
        first.next_frame(20)
        second.next_frame(20)
    alone = store_on(threads)
    play(Run(alone, LANES))
    assert store.computed == alone.computed
    computed = store.computed
    third = Run(store, LANES)
    play(third)
    assert store.computed == computed
    for one, other in zip(first.lanes, third.lanes, strict=True):
        assert frozen(one.chunk.state) == frozen(other.chunk.state)
        assert one.recording.hidden_state_grad.tobytes() == other.recording.hidden_state_grad.tobytes()


# --- step by step ---


def test_a_single_step_is_one_step_of_every_lane() -> None:
    run = Run(store_on(AtOnce()), LANES)
    run.next_frame(0)
    for step in (1, 2, 3):
        assert run.single_step(1)
        assert {lane.step for lane in run.lanes} == {step}
        assert not run.playing
    run.play()
    play(run, lambda: run.step > 3)
    assert run.step in (end_after(0), end_after(end_after(0))), "back at the ends that are shared"
    play(run)
    for lane in run.lanes:
        assert_as_if_alone(lane)


def test_a_single_step_that_comes_too_late_is_not_made() -> None:
    pool = WhenTold()
    run = Run(store_on(pool), LANES)
    assert not run.single_step(0.01)
    assert {lane.step for lane in run.lanes} == {0} and not run.playing
    pool.work()
    assert run.single_step(0.01) and run.step == 1


def test_a_single_step_leaves_lanes_that_have_ended_alone() -> None:
    run = Run(store_on(AtOnce()), (replace(SMALL, steps=2), replace(SMALL, steps=9)))
    for _ in range(3):
        run.single_step(1)
    assert [lane.step for lane in run.lanes] == [2, 3]
    assert run.lanes[0].ending is Ending.BUDGET


# --- changes in mid-run ---


def run_at(step: int, experiments: tuple[Experiment, ...] = LANES) -> Run:
    """A run that stands at `step`."""
    run = Run(store_on(AtOnce()), tuple(replace(each, steps=step) for each in experiments))
    play(run)
    assert run.follow(experiments)
    assert not run.over
    return run


def test_a_run_follows_a_new_rate_without_a_restart() -> None:
    run = run_at(100)
    losses = run.lanes[0].losses.values.copy()
    changed = tuple(run.changed_from_here(each, 0.1, 0.5) for each in LANES)
    assert {each.changes for each in changed} == {(Change(100, 0.1, 0.5),)}
    assert run.follow(changed) and run.experiments == changed and run.step == 100
    play(run)
    assert run.lanes[0].losses.values[:100].tobytes() == losses.tobytes()
    for lane in run.lanes:
        assert_as_if_alone(lane)
        assert frozen(lane.chunk.state) != frozen(trained(replace(lane.experiment, changes=()), 400))


def test_changed_from_here_keeps_the_past_and_drops_what_was_to_come() -> None:
    run = run_at(100)
    past, now, future = Change(50, 0.2, None), Change(100, 0.3, 1.0), Change(150, 0.4, 1.0)
    changed = run.changed_from_here(replace(SMALL, changes=(past, now, future)), 0.05, None)
    assert changed.changes == (past, Change(100, 0.05, None))
    at_start = Run(store_on(AtOnce()), LANES).changed_from_here(replace(SMALL, changes=(past,)), 0.05, None)
    assert at_start == replace(SMALL, learning_rate=0.05, clip_norm=None)


def test_the_budget_can_be_raised_and_lowered_in_mid_run() -> None:
    run = run_at(100)
    assert run.follow(tuple(replace(each, steps=60) for each in LANES))
    assert run.over and {lane.ending for lane in run.lanes} == {Ending.BUDGET} and run.step == 100
    assert run.follow(tuple(replace(each, steps=250) for each in LANES))
    play(run)
    assert {lane.step for lane in run.lanes} == {250}
    for lane in run.lanes:
        assert_as_if_alone(lane)


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"hidden_size": 6}, {"changes": (Change(99, 0.1, None),)}, {"learning_rate": 0.1}, {"task": "echo"}],
    ids=str,
)
def test_another_past_needs_a_new_run(change: dict[str, Any]) -> None:
    run = run_at(100)
    others = tuple(replace(each, **change) for each in LANES)
    assert not any(lane.could_become(other) for lane, other in zip(run.lanes, others, strict=True))
    assert not run.follow(others)
    assert run.experiments == LANES and run.step == 100
    assert not run.follow(LANES[:2]), "nor can a lane go or come"


@pytest.mark.parametrize(
    "change",
    [{"steps": 77}, {"changes": (Change(100, 0.1, None),)}, {"spectral_radius": 2.0}, {"series": "co2"}],
    ids=str,
)
def test_the_same_past_can_go_on(change: dict[str, Any]) -> None:
    run = run_at(100)
    others = tuple(replace(each, **change) for each in LANES)
    assert all(lane.could_become(other) for lane, other in zip(run.lanes, others, strict=True))
    assert run.follow(others) and run.experiments == others and run.step == 100


def test_what_is_solved_or_has_diverged_stays_so() -> None:
    for experiment, ending in ((SOLVABLE, Ending.SOLVED), (DIVERGING, Ending.DIVERGED)):
        run = Run(store_on(AtOnce()), (experiment,))
        play(run)
        assert run.follow((replace(experiment, steps=5000),))
        assert run.over and run.lanes[0].ending is ending


# --- lanes that come and go ---


def test_what_stands_already_does_not_begin_again_and_the_rest_catches_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "steps_per_chunk", lambda experiments: 8)
    run = run_at(100)
    losses = [lane.losses.values.tobytes() for lane in run.lanes]
    faster = replace(LANES[2], learning_rate=0.02)
    after = run.succeeded_by((LANES[0], faster, LANES[2]))
    assert [lane.step for lane in after.lanes] == [100, 0, 100]
    assert [after.lanes[0].losses.values.tobytes(), after.lanes[2].losses.values.tobytes()] == losses[::2]
    steps = []
    play(after, lambda: steps.append([lane.step for lane in after.lanes]) or after.step > 150)
    waiting = [each for each in steps if each[1] < 100]
    assert len(waiting) > 2 and all(each[0] == each[2] == 100 for each in waiting), "they wait for the one behind"
    assert all(len(set(each)) == 1 for each in steps if min(each) > 104), "and then go on in step"
    play(after)
    for lane in after.lanes:
        assert_as_if_alone(lane)


def test_a_run_that_has_a_successor_asks_for_nothing_more() -> None:
    pool = WhenTold()
    run = Run(store_on(pool), LANES)
    after = run.succeeded_by((LANES[0], replace(LANES[0], layers=2)))
    assert not run.next_frame(0) and not pool.tasks
    assert after.playing


def test_one_lane_branches_into_two_that_know_their_common_past() -> None:
    run = run_at(100)
    changed = replace(LANES[0], changes=(Change(100, 0.05, 1.0),))
    after = run.succeeded_by((changed, LANES[0]))
    assert [lane.step for lane in after.lanes] == [100, 100]
    play(after)
    for lane in after.lanes:
        assert_as_if_alone(lane)
    one, other = (lane.losses.values for lane in after.lanes)
    assert one[:100].tobytes() == other[:100].tobytes() and one[101:].tobytes() != other[101:].tobytes()
    assert len(run.lanes[0].losses.values) == 100, "the run before keeps what it had"


def test_a_paused_run_stays_paused_unless_there_is_something_to_catch_up_with() -> None:
    run = run_at(100)
    run.pause()
    fewer = run.succeeded_by(LANES[:2])
    assert not fewer.playing and [lane.step for lane in fewer.lanes] == [100, 100]
    assert fewer.succeeded_by((*LANES[:2], replace(LANES[0], hidden_size=9))).playing


def test_a_change_in_mid_run_begins_where_the_networks_it_is_about_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "steps_per_chunk", lambda experiments: 8)
    run = run_at(100).succeeded_by((replace(SMALL, hidden_size=9), LANES[0]))
    play(run, lambda: run.lanes[0].step >= 40)
    behind = run.changed_from_here(run.lanes[0].experiment, 0.1, None)
    assert behind.changes == (Change(run.lanes[0].step, 0.1, None),) and run.lanes[0].step < 100
    assert run.changed_from_here(LANES[0], 0.1, None).changes == (Change(100, 0.1, None),)


# --- what can go wrong ---


def test_the_failure_of_a_chunk_surfaces() -> None:
    pool = WhenTold()
    run = Run(store_on(pool), LANES)
    run.next_frame(0)
    pool.tasks[0][0].set_exception(MemoryError("no room"))
    pool.tasks.popleft()
    pool.work()
    with pytest.raises(MemoryError, match="no room"):
        run.next_frame(1)
    with pytest.raises(MemoryError, match="no room"):
        Run(store_on(Failing(MemoryError("no room"))), LANES).single_step(1)


def test_an_upload_that_is_forgotten_in_mid_run_is_told_and_does_not_hang() -> None:
    pool = WhenTold()
    run = Run(Forgetful(store_on(pool).workers), LANES)
    run.next_frame(0)
    pool.work()  # the next chunks are asked for as soon as these are done
    with pytest.raises(SeriesError, match="Upload the file again"):
        run.next_frame(1)


# --- what a run remembers ---


def test_steps_per_second_can_be_told_once_frames_have_come_in_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(store_on(AtOnce()), LANES)
    run.next_frame(0)
    assert np.isnan(run.steps_per_second())
    monkeypatch.setattr("engine.runs.SHORTEST", 1000)
    play(run)
    assert np.isnan(run.steps_per_second())
    monkeypatch.setattr("engine.runs.SHORTEST", 0)
    assert run.steps_per_second() > 0
    run.pause()
    assert np.isnan(run.steps_per_second())


# --- waking the workers ---


def test_the_first_picture_wakes_nobody_and_the_second_does() -> None:
    """PyTorch would load just when the browser loads the page."""
    pool = WhenTold()
    store = store_on(pool)
    store.workers.awake = False
    run = Run(store, (Experiment(length=4, hidden_size=2, batch_size=2),))
    assert run.next_frame(0) and not pool.tasks and not store.workers.awake
    run.next_frame(0)
    assert len(pool.tasks) == 1 and store.workers.awake


def test_once_somebody_has_woken_the_workers_the_first_picture_sets_them_to_work() -> None:
    pool = WhenTold()
    run = Run(store_on(pool), (Experiment(length=4, hidden_size=2, batch_size=2),))
    assert run.next_frame(0) and len(pool.tasks) == 1


def test_a_snapshot_shows_the_states_it_was_given_and_stands_still() -> None:
    experiment = Experiment(length=4, hidden_size=2, batch_size=2)
    later, _ = advance(experiment, initial_state(experiment), 3)
    snapshot = Snapshot.of(experiment, initial_state(experiment), later)
    assert [lane.step for lane in snapshot.lanes] == [0, 3] and snapshot.step == 3
    assert snapshot.lanes[1].recording.step == 3
