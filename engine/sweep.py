"""A sweep: many jobs on the worker pool, whose results are looked at as they come.

    jobs = [Job(experiment, start, advance_trial) for experiment, start in …]
    sweep = Sweep(results, jobs)
    while not sweep.over:
        sweep.next_frame(0.5)          # sweep.progress holds what every job has reached

A job is a chain of slices, each a call of a pure function that takes about a second at most. No more of them are
under way than keep the workers busy, and new ones start only while somebody looks: `next_frame` is what moves
things on. So a sweep ends by itself when its viewer leaves.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from engine.executor import Workers

MOST_RESULTS = 2000
AHEAD = 2  # slices a worker: one that is computed, one that waits


class Progress(Protocol):
    """What a job has reached."""

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""


P = TypeVar("P", bound=Progress)


@dataclass(frozen=True)
class Job(Generic[P]):
    """A chain of slices.

    Attributes:
        key: equal keys, equal results: whoever asks for the same shares them.
        start: from where.
        function: takes a progress further; pure, a top-level function, about a second at most.
    """

    key: Hashable
    start: P
    function: Callable[[P], P]


class Results:
    """What slices have given, for all viewers of the process: each is computed once.

    Attributes:
        computed: slices that a worker had to compute.
    """

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.computed = 0
        self._futures: OrderedDict[Hashable, Future[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def request(self, key: Hashable, function: Callable[[P], P], progress: P) -> Future[P]:
        """`function(progress)`, from memory if it is known by this key."""
        with self._lock:
            known = self._futures.get(key)
            if known is not None and not (known.done() and known.exception() is not None):
                self._futures.move_to_end(key)
                return known
            self.computed += 1
            future = self._futures[key] = self.workers.submit(function, progress)
            while len(self._futures) > MOST_RESULTS:
                self._futures.popitem(last=False)
            return future


class Sweep(Generic[P]):
    """Jobs that are worked on side by side while they are looked at.

    Attributes:
        progress: what each job has reached, in the order of the jobs.
        playing: whether `next_frame` goes on.
        trouble: what keeps it from going on, in a sentence, until it is played again.
    """

    def __init__(self, results: Results, jobs: Sequence[Job[P]]) -> None:
        self.progress: list[P] = [job.start for job in jobs]
        self.playing = True
        self.trouble: str | None = None
        self._results = results
        self._jobs = tuple(jobs)
        self._slices = [0] * len(jobs)
        self._under_way: dict[int, Future[P]] = {}

    @property
    def over(self) -> bool:
        """Whether all jobs are done."""
        return all(each.done for each in self.progress)

    @property
    def share_done(self) -> float:
        """Jobs that are done, 0…1."""
        return sum(each.done for each in self.progress) / max(1, len(self.progress))

    def next_frame(self, seconds: float) -> bool:
        """Take what has come in and set the workers to more; wait at most `seconds` for something new.

        Returns whether there is something new to see.

        Raises:
            BrokenExecutor: workers keep dying.
        """
        if not self.playing:
            return False
        deadline = time.monotonic() + seconds
        while True:
            self._request()
            if self._collect():
                self._request()
                return True
            left = deadline - time.monotonic()
            if left <= 0 or not self._under_way:
                return False
            wait(self._under_way.values(), timeout=left, return_when=FIRST_COMPLETED)

    def play(self) -> None:
        """Let `next_frame` go on, also after an error."""
        self.playing = True
        self.trouble = None

    def pause(self) -> None:
        """Let `next_frame` stand still."""
        self.playing = False

    def close(self) -> None:
        """Ask the workers for nothing more."""
        self.playing = False

    def _request(self) -> None:
        """Start slices of the first jobs that are not done, up to what keeps the workers busy."""
        for number, job in enumerate(self._jobs):
            if len(self._under_way) >= AHEAD * self._results.workers.count:
                return
            if number not in self._under_way and not self.progress[number].done:
                key = (job.function.__qualname__, job.key, self._slices[number])
                self._under_way[number] = self._results.request(key, job.function, self.progress[number])

    def _collect(self) -> bool:
        """Take the slices that have been computed; whether there were any."""
        finished = [number for number, future in self._under_way.items() if future.done()]
        for number in finished:
            self.progress[number] = self._under_way.pop(number).result()
            self._slices[number] += 1
        return bool(finished)
