"""Worker processes that run pure functions, and outlive the death of any of them.

loky is used because its workers do not re-run the main module: under Streamlit that would be the app itself.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from pathlib import Path
from typing import ParamSpec, TypeVar

import loky
from loky.process_executor import ProcessPoolExecutor

P = ParamSpec("P")
R = TypeVar("R")

ATTEMPTS = 3  # at a task whose worker dies
WORKER_BYTES, PAGE_BYTES = 230e6, 200e6  # measured; see docs/benchmarks.md
WORKERS_VARIABLE = "RNN_PLAYGROUND_WORKERS"
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # glibc: keep what has been freed. A training step frees and takes the same memory, and asking the kernel for it
    # each time took an eighth of a GRU's step.
    "MALLOC_TRIM_THRESHOLD_": "33554432",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
}


class Workers:
    """A pool of processes behind `submit`, renewed when one of them is killed.

    Attributes:
        count: how many processes there are.
        renewals: how often the pool had to be renewed.
        awake: whether anything was submitted yet; the processes start with the first submission.
    """

    def __init__(self, make_pool: Callable[[], Executor] | None = None) -> None:
        self.count = worker_count()
        self.renewals = 0
        self.awake = False
        self._make_pool = make_pool or _local_pool
        self._pool = self._make_pool()
        self._lock = threading.Lock()

    def submit(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run a pure function in a worker; if the worker dies, run it again in another one, up to ATTEMPTS times."""
        self.awake = True
        promised: Future[R] = Future()
        self._attempt(promised, lambda pool: pool.submit(function, *args, **kwargs), ATTEMPTS)
        return promised

    def shutdown(self) -> None:
        """End all workers."""
        with self._lock:
            self._pool.shutdown(wait=False)

    def _attempt(self, promised: Future[R], start: Callable[[Executor], Future[R]], attempts: int) -> None:
        pool = self._pool
        try:
            try:
                future = start(pool)
            except BrokenExecutor:
                self._renew(pool)
                future = start(self._pool)
        except RuntimeError as error:  # shut down, or broken again
            promised.set_exception(error)
            return

        def finish(done: Future[R]) -> None:
            error = CancelledError() if done.cancelled() else done.exception()
            if isinstance(error, BrokenExecutor) and attempts > 1:
                self._renew(pool)
                # not from this callback: it runs in the dead pool's own thread
                threading.Thread(target=self._attempt, args=(promised, start, attempts - 1), daemon=True).start()
            elif error is not None:
                promised.set_exception(error)
            else:
                promised.set_result(done.result())

        future.add_done_callback(finish)

    def _renew(self, broken: Executor) -> None:
        with self._lock:
            if self._pool is broken:
                self._pool = self._make_pool()
                self.renewals += 1


def worker_count() -> int:
    """One worker a core, as far as memory reaches; or what RNN_PLAYGROUND_WORKERS says."""
    wanted = os.environ.get(WORKERS_VARIABLE, "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    affordable = int((_memory_limit() - PAGE_BYTES) / WORKER_BYTES)
    return max(1, min(int(loky.cpu_count()), affordable))


def _local_pool() -> Executor:
    loky.set_loky_pickler("pickle")  # all that travels can be imported by name; cloudpickle takes longer
    pool: Executor = ProcessPoolExecutor(
        max_workers=worker_count(),
        timeout=None,
        initializer=_settle_in,
        initargs=(os.getpid(),),
        env=WORKER_ENVIRONMENT,
    )
    return pool


def _settle_in(owner: int) -> None:
    """In a new worker: step back behind the page, load PyTorch, and leave when the page's process is gone."""
    if hasattr(os, "nice"):  # not on Windows
        os.nice(5)
    threading.Thread(target=_leave_after, args=(owner,), daemon=True).start()
    _load_torch()
    gc.collect()
    gc.freeze()  # loky collects garbage every second, which would take 0.2 s with all of PyTorch to look through


def _leave_after(owner: int) -> None:
    while os.getppid() == owner:
        time.sleep(2)
    os._exit(0)


def _load_torch() -> None:
    import torch

    from engine.experiment import Experiment
    from engine.training import advance, initial_state

    torch.set_num_threads(1)
    experiment = Experiment(length=2, batch_size=1)
    advance(experiment, initial_state(experiment), steps=1)


def _memory_limit() -> float:
    """Bytes that this process and its workers may use: the container's limit, else the machine's memory."""
    limits: list[float] = []
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            limits.append(float(text))
    try:
        limits.append(float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")))
    except (ValueError, OSError, AttributeError):
        limits.append(4e9)
    return min(limits)
