"""Workers: tasks whose process dies are done by another, and real processes that get killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import Experiment, record
from engine import series as library
from engine.chunks import Ending, train_chunk
from engine.executor import ATTEMPTS, PAGE_BYTES, WORKERS_VARIABLE, Workers, worker_count
from engine.runs import Run
from engine.series import series_from_values
from engine.store import ChunkStore
from tests.stand_ins import (
    SMALL,
    AtOnce,
    Failing,
    Refusing,
    WhenTold,
    assert_as_if_alone,
    play,
    trained,
)

pytestmark = pytest.mark.usefixtures("two_workers")


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
