"""Sweeps: every job gets done, in slices, shared among viewers, and no further than somebody looks."""

from __future__ import annotations

import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import Any

import pytest

from engine.executor import Workers
from engine.sweep import AHEAD, Job, Results, Sweep


@dataclass(frozen=True)
class Count:
    """A job that counts to its goal."""

    goal: int
    reached: int = 0

    @property
    def done(self) -> bool:
        return self.reached >= self.goal


def count_on(count: Count) -> Count:
    return replace(count, reached=count.reached + 1)


def fail(count: Count) -> Count:
    raise ValueError("no such luck")


class ByHand(Executor):
    """A pool whose work is done when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Any, Any]] = []
        self.submitted = 0

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, function, args))
        self.submitted += 1
        return future

    def work(self, count: int = 1) -> None:
        for _ in range(min(count, len(self.waiting))):
            future, function, args = self.waiting.pop(0)
            try:
                future.set_result(function(*args))
            except ValueError as error:
                future.set_exception(error)


@pytest.fixture
def pool() -> ByHand:
    return ByHand()


@pytest.fixture
def results(pool: ByHand) -> Results:
    return Results(Workers(lambda: pool))


def finish(sweep: Sweep[Count], pool: ByHand) -> None:
    """Look and work until all is done."""
    for _ in range(1000):
        sweep.next_frame(0)
        pool.work(1)
        if sweep.over:
            return
    raise AssertionError("the sweep does not end")


def test_every_job_reaches_its_goal_and_results_stand_in_the_order_of_the_jobs(pool: ByHand, results: Results) -> None:
    sweep = Sweep(results, [Job(goal, Count(goal), count_on) for goal in (3, 1, 5, 2)])
    assert sweep.share_done == 0 and not sweep.over
    finish(sweep, pool)
    assert [each.reached for each in sweep.progress] == [3, 1, 5, 2]
    assert sweep.share_done == 1 and pool.submitted == 11


def test_a_job_with_nothing_to_do_needs_no_worker(pool: ByHand, results: Results) -> None:
    sweep = Sweep(results, [Job(0, Count(0), count_on)])
    assert sweep.over and not sweep.next_frame(0) and pool.submitted == 0


def test_no_more_is_under_way_than_keeps_the_workers_busy(pool: ByHand, results: Results) -> None:
    sweep = Sweep(results, [Job(number, Count(9), count_on) for number in range(50)])
    for _ in range(5):
        sweep.next_frame(0)
    assert pool.submitted == AHEAD * results.workers.count


def test_nothing_new_starts_while_nobody_looks_and_nothing_at_all_when_paused(pool: ByHand, results: Results) -> None:
    sweep = Sweep(results, [Job(number, Count(9), count_on) for number in range(50)])
    sweep.next_frame(0)
    before = pool.submitted
    pool.work(100)
    assert pool.submitted == before and not pool.waiting
    sweep.pause()
    assert not sweep.next_frame(0) and pool.submitted == before
    sweep.play()
    assert sweep.next_frame(0) and pool.submitted > before


def test_two_viewers_of_the_same_jobs_cost_one_computation(pool: ByHand, results: Results) -> None:
    jobs = [Job(("same", goal), Count(goal), count_on) for goal in (2, 3)]
    one, other = Sweep(results, jobs), Sweep(results, jobs)
    one.next_frame(0)
    other.next_frame(0)
    finish(one, pool)
    finish(other, pool)
    assert one.progress == other.progress
    assert results.computed == pool.submitted == 5


def test_an_error_reaches_whoever_looks_and_the_next_try_computes_anew(pool: ByHand, results: Results) -> None:
    sweep = Sweep(results, [Job("bad", Count(1), fail)])
    sweep.next_frame(0)
    pool.work()
    with pytest.raises(ValueError, match="no such luck"):
        sweep.next_frame(0)
    sweep.next_frame(0)
    assert pool.submitted == 2


def test_waiting_ends_as_soon_as_something_is_there(pool: ByHand, results: Results) -> None:
    sweep = Sweep(results, [Job("one", Count(1), count_on)])
    sweep.next_frame(0)
    pool.work()
    begin = time.monotonic()
    assert sweep.next_frame(30)
    assert time.monotonic() - begin < 20
    assert sweep.over
