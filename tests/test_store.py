"""The chunk store and the plan: what is computed once for everybody, and where chunks end."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine import Change, Experiment, initial_state
from engine.chunks import step_cost, steps_per_chunk, train_chunk
from engine.streams import FIRST, QUEUE_SECONDS, ChunkPlan
from tests.stand_ins import (
    SMALL,
    AtOnce,
    WhenTold,
    store_on,
)

pytestmark = pytest.mark.usefixtures("two_workers")


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
    late = 100 * size
    sizes = [plan_under(waiting).end_after(late) - late for waiting in (0, 2, 20, 50, 100, 10_000)]
    assert sizes[0] == sizes[1] == size
    assert all(later <= earlier for earlier, later in pairwise(sizes)) and sizes[-1] < size / 4
    assert all(size % each == 0 for each in sizes)
    full, small = plan_under(0), plan_under(10_000)
    ends, step = set(), 0
    while step < late + 4 * size:
        step = small.end_after(step)
        ends.add(step)
    assert {full.end_after(step) for step in (0, size, late, late + size, late + 2 * size)} <= ends


@pytest.mark.parametrize("waiting", [0, 40, 150, 1000])
def test_the_wait_for_a_worker_stays_short_however_many_wait(waiting: int) -> None:
    late = 1024
    size = plan_under(waiting, experiments=(Experiment(),)).end_after(late) - late
    seconds = size * step_cost(Experiment()) * waiting / 2
    assert seconds <= QUEUE_SECONDS or size % 2 == 1, "as far as the size can be halved"


def test_lanes_that_share_a_plan_have_the_same_ends_even_when_load_changes() -> None:
    plan, late = plan_under(0), 100 * steps_per_chunk((SMALL,))
    first = plan.end_after(late)
    plan._store.waiting = 10_000  # type: ignore[misc]
    assert plan.end_after(late) == first
    assert plan.end_after(first) - first < first - late


def test_from_an_odd_step_a_chunk_goes_to_the_next_common_end() -> None:
    plan, size = plan_under(0), steps_per_chunk((SMALL,))
    late = 100 * size
    assert plan.end_after(late + 3) == late + size
    assert plan.end_after(late + size + 1) == late + 2 * size


def test_the_first_chunks_are_short_and_grow_with_the_steps_made() -> None:
    plan, size = plan_under(0), steps_per_chunk((SMALL,))
    ends = [0]
    while ends[-1] - (ends[-2] if len(ends) > 1 else 0) < size:
        ends.append(plan.end_after(ends[-1]))
    sizes = np.diff(ends)
    assert sizes[0] <= 2 * FIRST and len(sizes) > 5
    assert (np.diff(sizes) >= 0).all()
    assert all(each <= max(2 * FIRST, end / 4) for each, end in zip(sizes, ends, strict=False))
