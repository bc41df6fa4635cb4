"""The chunks of a run in order, a few of them computed before they are looked at."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future

from engine.chunks import Chunk, step_cost, steps_per_chunk
from engine.experiment import Experiment
from engine.store import ChunkStore

AHEAD = 2  # chunks computed before they are looked at; more would go on after a tab closes
FIRST = 8  # training steps of the first chunks, about; later ones are up to a quarter of the steps made before them
QUEUE_SECONDS = 0.07  # work waiting before each worker from which on chunks are made smaller


class ChunkPlan:
    """Where the chunks of a run end: at the same steps for all its lanes.

    They are closer together at first, when a network changes most and a small one learns in a blink, and when many
    viewers wait.

    Args:
        stops: training steps that no chunk goes past, those at which other lanes wait among them.
    """

    def __init__(self, store: ChunkStore, experiments: tuple[Experiment, ...], stops: Iterable[int] = ()) -> None:
        self._store = store
        self._size = steps_per_chunk(experiments)
        self._seconds = self._size * max(step_cost(experiment) for experiment in experiments)
        self._stops = sorted(stops)
        self._ends: dict[int, int] = {}
        self._lock = threading.Lock()

    def end_after(self, step: int) -> int:
        """The end of the chunk that begins at `step`."""
        with self._lock:
            if step not in self._ends:
                size, most = self._size, max(FIRST, step // 4)
                queue = self._seconds / self._size * self._queue()  # for each step of a chunk
                while size % 2 == 0 and (size > most or size * queue > QUEUE_SECONDS):
                    size //= 2
                # up to the next multiple of the size, so that runs which paused in between share chunks again
                end = step + size - step % size
                self._ends[step] = min([end, *self._stops[bisect_right(self._stops, step) :][:1]])
            return self._ends[step]

    def _queue(self) -> float:
        """How many chunks each worker has before it."""
        return self._store.waiting / self._store.workers.count


class ChunkStream:
    """The chunks of one experiment in order, at most AHEAD of them computed before they are taken."""

    def __init__(self, store: ChunkStore, experiment: Experiment, start: Chunk, plan: ChunkPlan) -> None:
        self._store = store
        self._experiment = experiment
        self._plan = plan
        self._last = start
        self._ready: deque[Chunk] = deque()
        self._error: BaseException | None = None
        self._waiting = False
        self._closed = False
        self._changed = threading.Condition()

    def wait(self, seconds: float) -> bool:
        """Make sure that a chunk is on its way, and wait for it; whether `take` would give one now."""
        with self._changed:
            self._request_next()
            self._changed.wait_for(lambda: self._ready or self._error or not self._waiting, timeout=seconds)
            if self._error is not None:
                raise self._error
            return bool(self._ready)

    def take(self) -> Chunk:
        """The next chunk, once `wait` has said that there is one."""
        with self._changed:
            chunk = self._ready.popleft()
            self._request_next()
            return chunk

    def ready(self) -> int:
        """How many chunks could be taken now."""
        return len(self._ready)

    def close(self) -> None:
        """Ask for nothing more."""
        with self._changed:
            self._closed = True

    def _request_next(self) -> None:
        step = self._last.state.step
        left = self._experiment.steps - step
        if self._waiting or self._closed or self._last.ending or left <= 0 or len(self._ready) >= AHEAD:
            return
        steps = min(left, self._plan.end_after(step) - step)
        try:
            future = self._store.request(self._experiment, self._last.state, steps)
        except Exception as error:  # kept for `wait`: in the callback of the last chunk nobody would hear of it
            self._error = error
            return
        self._waiting = True
        future.add_done_callback(self._receive)

    def _receive(self, future: Future[Chunk]) -> None:
        with self._changed:
            self._waiting = False
            error = future.exception()
            if error is not None:
                self._error = error
            else:
                self._last = future.result()
                self._ready.append(self._last)
                self._request_next()
            self._changed.notify_all()
