"""Runs: chunks of training shared among viewers, lanes in step, workers that die without anybody noticing.

Most tests replace the worker processes by executors that work at once, in threads, or only when told to, so that
every order of events can be played through. The last part uses real loky processes and kills some.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engine import Change, Experiment, SeriesError, TrainingState, advance, initial_state, record, streams, task_of
from engine import series as library
from engine.chunks import CHUNK_SECONDS, Chunk, Ending, first_chunk, step_cost, steps_per_chunk, train_chunk
from engine.executor import ATTEMPTS, PAGE_BYTES, WORKERS_VARIABLE, Workers, worker_count
from engine.history import MOST_POINTS, MOST_ROWS, GradientHistory, LossHistory
from engine.lane import Lane, Snapshot, gradient_norms
from engine.runs import Run
from engine.series import series_from_values
from engine.store import ChunkStore
from engine.streams import AHEAD, QUEUE_SECONDS, ChunkPlan
from engine.tasks import Batch
from engine.training import RECENT, one_thread
from tests.oracles import relative_error, unrolled

SMALL = Experiment(task="parity", length=6, hidden_size=5, batch_size=3, steps=400, cell="rnn")
LANES = tuple(replace(SMALL, cell=cell) for cell in ("rnn", "gru", "lstm"))
SOLVABLE = Experiment(length=2, hidden_size=16, learning_rate=0.02, steps=3000, cell="rnn")
DIVERGING = Experiment(
    cell="rnn", activation="relu", optimizer="sgd", learning_rate=10, clip_norm=None, length=100, hidden_size=6,
    batch_size=4, steps=400,
)  # fmt: skip


class AtOnce(Executor):
    """Works in the caller's thread, before `submit` returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        work_on(future, fn, args)
        return future


class WhenTold(Executor):
    """Keeps its tasks until `work`."""

    def __init__(self) -> None:
        self.tasks: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = deque()
        self.worked = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.tasks.append((future, fn, args))
        return future

    def work(self, most: int = 1000) -> None:
        """Do at most `most` tasks, oldest first, those included that come in meanwhile."""
        while self.tasks and most > 0:
            work_on(*self.tasks.popleft())
            self.worked += 1
            most -= 1


def work_on(future: Future[Any], function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Settle `future` with what `function` gives or raises."""
    try:
        result = function(*args)
    except Exception as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def store_on(pool: Executor, **settings: Any) -> ChunkStore:
    """A store whose workers are `pool`, as it is once a first viewer has woken them."""
    workers = Workers(lambda: pool)
    workers.awake = True
    return ChunkStore(workers, **settings)


@pytest.fixture(autouse=True)
def _two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS_VARIABLE, "2")


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Two threads in the place of two worker processes; PyTorch uses one in each, as it does in a worker."""
    with one_thread(), ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield pool


def play(run: Run, until: Callable[[], bool] | None = None) -> None:
    """Look at frame after frame, to the end or until something is the case."""
    frames = 0
    while not (until() if until else run.over):
        run.next_frame(20)
        frames += 1
        assert frames < 3000, "it goes on and on"


def frozen(state: TrainingState) -> list[bytes]:
    """All of a state, byte by byte."""
    arrays = [*state.parameters.values(), *state.optimizer.values(), state.recent, np.array(state.step)]
    return [array.tobytes() for array in arrays]


def trained(experiment: Experiment, steps: int) -> TrainingState:
    """The state after `steps` steps, without any of what is tested here."""
    return advance(experiment, initial_state(experiment), steps)[0]


def assert_as_if_alone(lane: Lane) -> None:
    """The lane stands where plain training of its experiment would stand, and has told all losses on the way."""
    state, log = advance(lane.experiment, initial_state(lane.experiment), lane.step)
    assert frozen(lane.chunk.state) == frozen(state)
    np.testing.assert_array_equal(lane.losses.values, log.loss)


# --- one chunk ---


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


# --- the store ---


def test_requests_for_the_same_chunk_are_merged_while_it_is_computed() -> None:
    pool = WhenTold()
    store = store_on(pool)
    state = initial_state(SMALL)
    futures = [store.request(SMALL, state, 10) for _ in range(5)]
    assert len(pool.tasks) == store.waiting == store.computed == 1 and store.shared == 4
    pool.work()
    assert len({id(future.result()) for future in futures}) == 1
    assert store.waiting == 0
    late = store.request(SMALL, state, 10)
    assert late.done() and not pool.tasks


@pytest.mark.parametrize(
    "other",
    [
        replace(SMALL, steps=999),
        replace(SMALL, changes=(Change(10, 0.1, None),)),
        replace(SMALL, forget_bias=3.0),
        replace(SMALL, spectral_radius=2.0),
        replace(SMALL, series="co2"),
    ],
    ids=["budget", "later change", "other cell's setting", "unused radius", "unused series"],
)
def test_what_trains_alike_is_computed_once(other: Experiment) -> None:
    store = store_on(AtOnce())
    chunk = store.request(SMALL, initial_state(SMALL), 10).result()
    assert store.request(other, initial_state(other), 10).result() is chunk
    assert (store.computed, store.shared) == (1, 1)


@pytest.mark.parametrize(
    ("other", "steps"),
    [
        (replace(SMALL, seed=1), 10),
        (replace(SMALL, learning_rate=0.1), 10),
        (replace(SMALL, changes=(Change(9, 0.1, None),)), 10),
        (replace(SMALL, cell="gru"), 10),
        (SMALL, 9),
    ],
    ids=["seed", "rate", "earlier change", "cell", "fewer steps"],
)
def test_what_trains_otherwise_is_computed_anew(other: Experiment, steps: int) -> None:
    store = store_on(AtOnce())
    chunk = store.request(SMALL, initial_state(SMALL), 10).result()
    assert store.request(other, initial_state(other), steps).result() is not chunk
    assert store.computed == 2
    assert store.request(SMALL, chunk.state, 10).result().state.step == 20


def test_memory_is_bounded_and_what_is_used_stays() -> None:
    one = train_chunk(SMALL, initial_state(SMALL), 10).nbytes
    store = store_on(AtOnce(), kept_bytes=int(4.5 * one))
    seeds = [replace(SMALL, seed=seed) for seed in range(1, 9)]
    for experiment in seeds:
        store.request(SMALL, initial_state(SMALL), 10)  # asked for again and again
        store.request(experiment, initial_state(experiment), 10)
        assert store.nbytes <= 4.5 * one
    for experiment in (SMALL, *seeds[-3:]):
        store.request(experiment, initial_state(experiment), 10)
    assert store.computed == 1 + len(seeds), "each of them once"
    store.request(seeds[0], initial_state(seeds[0]), 10)
    assert store.computed == 2 + len(seeds), "the oldest had given way"


def test_what_is_being_computed_never_gives_way() -> None:
    pool = WhenTold()
    store = store_on(pool, kept_bytes=0)
    first = store.request(SMALL, initial_state(SMALL), 10)
    other = replace(SMALL, seed=1)
    second = store.request(other, initial_state(other), 10)
    pool.tasks.reverse()
    pool.work(1)
    assert second.done() and store.nbytes == 0
    assert store.request(SMALL, initial_state(SMALL), 10) is first, "though it is the oldest"
    pool.work()
    assert first.result().state.step == 10
    assert (store.nbytes, store.waiting, store.computed) == (0, 0, 2)


def test_a_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    pool = WhenTold()
    store = store_on(pool)
    futures = [store.request(SMALL, initial_state(SMALL), 10) for _ in range(2)]
    future, _, _ = pool.tasks.popleft()
    future.set_exception(MemoryError("no room"))
    for each in futures:
        with pytest.raises(MemoryError):
            each.result()
    again = store.request(SMALL, initial_state(SMALL), 10)
    pool.work()
    assert again.result().state.step == 10


# --- the plan of chunk ends ---


def plan_under(waiting: int, workers: int = 2, experiments: tuple[Experiment, ...] = (SMALL,)) -> ChunkPlan:
    """A plan in a process where `waiting` chunks wait."""
    store: Any = SimpleNamespace(waiting=waiting, workers=SimpleNamespace(count=workers))
    return ChunkPlan(store, experiments)


def test_chunks_get_smaller_under_load_and_still_meet() -> None:
    size = steps_per_chunk((SMALL,))
    sizes = [plan_under(waiting).end_after(0) for waiting in (0, 2, 20, 50, 100, 10_000)]
    assert sizes[0] == sizes[1] == size
    assert all(later <= earlier for earlier, later in pairwise(sizes)) and sizes[-1] < size / 4
    assert all(size % each == 0 for each in sizes)
    full, small = plan_under(0), plan_under(10_000)
    ends, step = set(), 0
    while step < 4 * size:
        step = small.end_after(step)
        ends.add(step)
    assert {full.end_after(0), full.end_after(size), full.end_after(2 * size)} <= ends


@pytest.mark.parametrize("waiting", [0, 40, 150, 1000])
def test_the_wait_for_a_worker_stays_short_however_many_wait(waiting: int) -> None:
    size = plan_under(waiting, experiments=(Experiment(),)).end_after(0)
    seconds = size * step_cost(Experiment()) * waiting / 2
    assert seconds <= QUEUE_SECONDS or size % 2 == 1, "as far as the size can be halved"


def test_lanes_that_share_a_plan_have_the_same_ends_even_when_load_changes() -> None:
    plan = plan_under(0)
    first = plan.end_after(0)
    plan._store.waiting = 10_000  # type: ignore[misc]
    assert plan.end_after(0) == first
    assert plan.end_after(first) - first < first


def test_from_an_odd_step_a_chunk_goes_to_the_next_common_end() -> None:
    plan, size = plan_under(0), steps_per_chunk((SMALL,))
    assert plan.end_after(3) == size
    assert plan.end_after(size + 1) == 2 * size


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


def test_a_lane_whose_chunk_is_late_holds_the_others_back() -> None:
    pool = WhenTold()
    run = Run(store_on(pool), LANES)
    run.next_frame(0)
    pool.work(2)
    assert not run.next_frame(0) and run.step == 0
    pool.work(1)
    pool.work(2)  # the chunks after the first are on their way too
    assert run.next_frame(0) and {lane.step for lane in run.lanes} == {steps_per_chunk(LANES)}


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
    assert run.step % steps_per_chunk(LANES) == 0, "back at the ends that are shared"
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


class Failing(Executor):
    """Accepts every task and fails at it."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.tried = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.tried += 1
        future: Future[Any] = Future()
        future.set_exception(self.error)
        return future


class Refusing(Executor):
    """Accepts no task."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise BrokenExecutor("a worker died")


class Forgetful(ChunkStore):
    """A store that after the first chunk no longer has the series."""

    def request(self, experiment: Experiment, state: TrainingState, steps: int) -> Future[Chunk]:
        if state.step > 0:
            raise SeriesError("Upload the file again.")
        return super().request(experiment, state, steps)


def test_an_upload_that_is_forgotten_in_mid_run_is_told_and_does_not_hang() -> None:
    pool = WhenTold()
    run = Run(Forgetful(store_on(pool).workers), LANES)
    run.next_frame(0)
    pool.work()  # the next chunks are asked for as soon as these are done
    with pytest.raises(SeriesError, match="Upload the file again"):
        run.next_frame(1)


def test_a_task_whose_worker_dies_is_done_by_another() -> None:
    pools: list[Executor] = [Failing(BrokenExecutor("a worker died")), Refusing(), AtOnce()]
    made = iter(pools)
    workers = Workers(lambda: next(made))
    run = Run(ChunkStore(workers), (SMALL,))
    assert not run.worker_was_replaced()
    play(run)
    assert workers.renewals == 2
    assert run.worker_was_replaced() and not run.worker_was_replaced(), "told once"
    assert_as_if_alone(run.lanes[0])


def test_a_task_that_kills_every_worker_is_given_up() -> None:
    made = []

    def make_pool() -> Executor:
        made.append(Failing(BrokenExecutor("a worker died")))
        return made[-1]

    workers = Workers(make_pool)
    with pytest.raises(BrokenExecutor):
        workers.submit(abs, -3).result(20)
    assert sum(pool.tried for pool in made) == ATTEMPTS and workers.renewals == ATTEMPTS - 1


def test_where_no_pool_works_that_is_told() -> None:
    workers = Workers(Refusing)
    with pytest.raises(BrokenExecutor):
        workers.submit(abs, -3).result(20)


def test_an_ordinary_error_is_passed_on_and_costs_no_worker() -> None:
    pool = Failing(ZeroDivisionError("x"))
    workers = Workers(lambda: pool)
    with pytest.raises(ZeroDivisionError):
        workers.submit(abs, -3).result(20)
    assert pool.tried == 1 and workers.renewals == 0


def test_a_task_that_the_pool_drops_is_not_waited_for() -> None:
    pool = WhenTold()
    workers = Workers(lambda: pool)
    promised = workers.submit(abs, -3)
    pool.tasks[0][0].cancel()
    with pytest.raises(CancelledError):
        promised.result(20)


def test_after_the_end_of_the_workers_a_request_fails_at_once() -> None:
    workers = Workers(lambda: ThreadPoolExecutor(1))
    assert workers.submit(abs, -3).result(20) == 3
    workers.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        workers.submit(abs, -3).result(20)


@pytest.mark.parametrize(("wanted", "count"), [("3", 3), ("1", 1), ("64", 64)])
def test_the_number_of_workers_can_be_set(wanted: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS_VARIABLE, wanted)
    assert worker_count() == count
    assert Workers(AtOnce).count == count


@pytest.mark.parametrize("wanted", ["", "0", "-2", "many", "²"])
def test_otherwise_there_is_at_least_one_and_at_most_one_a_core(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS_VARIABLE, wanted)
    assert 1 <= worker_count() <= (os.cpu_count() or 1)
    monkeypatch.setattr("engine.executor._memory_limit", lambda: PAGE_BYTES)
    assert worker_count() == 1


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


def test_the_loss_history_keeps_every_loss_and_draws_a_bounded_curve() -> None:
    draw = np.random.default_rng(0)
    history, told = LossHistory(), np.empty(0, np.float32)
    assert [len(each) for each in history.curve()] == [0, 0]
    for count in (0, 1, 5, 290, 4, 1, 1000, 3000, 20_000):
        losses = draw.exponential(size=count).astype(np.float32)
        history.extend(losses)
        told = np.concatenate([told, losses])
        np.testing.assert_array_equal(history.values, told)
        assert len(history) == len(told)
        steps, means = history.curve()
        assert len(steps) == len(means) <= MOST_POINTS
        begins = [0, *steps[:-1].astype(int)]
        blocks = [told[begin:end] for begin, end in zip(begins, steps.astype(int), strict=False)]
        np.testing.assert_allclose(means, [block.mean() for block in blocks if len(block)], rtol=1e-5)
        if len(told):
            assert steps[-1] == len(told) and len(steps) > min(len(told), MOST_POINTS) / 2 - 1


def test_the_gradient_history_is_bounded_even_and_tells_the_past_as_it_was() -> None:
    draw = np.random.default_rng(0)
    history, told, step = GradientHistory(), {}, 0
    for number in range(1000):
        norms = draw.exponential(size=(2, 6, 3)).astype(np.float32)
        history.append(step, norms)
        told[step] = norms
        assert len(history.steps) <= MOST_ROWS
        np.testing.assert_array_equal(history.latest(1, 2), norms[1, :, 2])
        assert history.last_step == step
        if number in (0, 1, 127, 128, 129, 500, 999):
            grid = np.linspace(0, 1.5 * step, 40).round().astype(int)
            rows = history.on_grid(grid, 1, 2)
            assert rows.shape == (40, 6)
            for at, row in zip(grid, rows, strict=True):
                if at > step:
                    assert np.isnan(row).all(), "what is yet to come is unknown"
                else:
                    kept = max(each for each in history.steps if each <= at)
                    np.testing.assert_array_equal(row, told[kept][1, :, 2])
        step += 8
    gaps = np.diff(history.steps)
    assert history.steps[0] == 0 and (gaps == gaps[0]).all(), "dense or even, nowhere in between"
    assert len(history.steps) > MOST_ROWS / 2 - 1


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("task", ["adding", "parity", "recall"])
def test_gradient_norms_are_those_of_each_sequences_own_loss(task: str, cell: str) -> None:
    experiment = Experiment(task=task, cell=cell, length=12, hidden_size=6, layers=2)
    state = initial_state(experiment)
    recording = record(experiment, state)
    norms = gradient_norms(recording)
    assert norms.shape == (2, 12, recording.batch.size)
    for sequence in range(recording.batch.size):
        one = slice(sequence, sequence + 1)
        alone = Batch(*(array[:, one] for array in vars(recording.batch).values()))
        oracle = unrolled(experiment, state.parameters, alone, task_of(experiment).loss)
        for layer in range(2):
            expected = np.linalg.norm(oracle.layers[layer]["hidden_state_grad"][:, 0], axis=-1)
            assert relative_error(norms[layer, :, one], expected[:, np.newaxis]) < 1e-5


# --- real worker processes ---


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """Two loky processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKERS_VARIABLE, "2")
        made = Workers()
        yield made
        made.shutdown()


BIG_ENOUGH = tuple(
    Experiment(task="adding", cell=cell, length=30, hidden_size=16, steps=300, optimizer=optimizer)
    for cell, optimizer in (("rnn", "rmsprop"), ("gru", "momentum"), ("lstm", "adam"))
)


def test_workers_give_the_bytes_that_this_process_would(workers: Workers) -> None:
    run = Run(ChunkStore(workers), BIG_ENOUGH)
    play(run)
    for lane in run.lanes:
        assert lane.step == 300
        assert_as_if_alone(lane)
        here = record(lane.experiment, lane.chunk.state)
        np.testing.assert_allclose(lane.recording.hidden_state_grad, here.hidden_state_grad, rtol=1e-5, atol=1e-12)


def test_workers_stand_back_and_use_one_thread_each(workers: Workers) -> None:
    assert workers.submit(os.nice, 0).result(60) == min(19, os.nice(0) + 5)
    assert workers.submit(torch.get_num_threads).result(60) == 1
    assert workers.submit(os.getpid).result(60) != os.getpid()


def test_an_uploaded_series_reaches_the_workers(workers: Workers) -> None:
    name = library.register(series_from_values("level", np.cumsum(np.sin(np.arange(300.0) ** 1.1))))
    experiment = Experiment(task="series", series=name, length=12, hidden_size=8, steps=150, cell="gru")
    run = Run(ChunkStore(workers), (experiment,))
    play(run)
    (lane,) = run.lanes
    assert_as_if_alone(lane)
    assert lane.chunk.score == pytest.approx(train_chunk(experiment, trained(experiment, 149), 1).score, rel=1e-6)


def test_a_run_goes_on_when_its_worker_is_killed(workers: Workers) -> None:
    renewals = workers.renewals
    run = Run(ChunkStore(workers), BIG_ENOUGH)
    play(run, lambda: run.step > 50)
    os.kill(workers.submit(os.getpid).result(60), signal.SIGKILL)
    play(run)
    assert workers.renewals > renewals
    assert run.worker_was_replaced() and not run.worker_was_replaced()
    for lane in run.lanes:
        assert lane.step == 300 and lane.ending is Ending.BUDGET
        assert_as_if_alone(lane)


OWNER = """
import os, sys, time
from engine.executor import Workers
workers = Workers()
print(workers.submit(os.getpid).result(60), flush=True)
workers.submit(time.sleep, 600)
sys.stdin.read()
"""


def is_alive(pid: int) -> bool:
    """Whether the process runs (one that has ended and waits for its parent does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_no_worker_outlives_its_owner_even_if_it_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS_VARIABLE, "1")
    program = [sys.executable, "-c", OWNER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(program, cwd=Path(__file__).parent.parent, **pipes) as owner:  # type: ignore[call-overload]
        worker = int(owner.stdout.readline())
        assert is_alive(worker)
        owner.kill()
    for _ in range(150):
        if not is_alive(worker):
            break
        time.sleep(0.1)
    assert not is_alive(worker)


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
