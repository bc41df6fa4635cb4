"""Chunks, computed once for everybody: whoever asks for the same steps of the same experiment shares them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future

from engine import series as library
from engine.chunks import Chunk, train_chunk
from engine.executor import Workers
from engine.experiment import Experiment
from engine.training import TrainingState

Key = tuple[Experiment, int, int]

KEPT_BYTES = 24_000_000


class ChunkStore:
    """One for the whole process. Requests for a chunk are merged while it is computed, and later answered at once.

    Sharing is right because `train_chunk` is pure: equal experiments have equal states at equal steps.

    Attributes:
        computed: chunks that a worker had to compute.
        shared: requests answered without one.
    """

    def __init__(self, workers: Workers, kept_bytes: int = KEPT_BYTES) -> None:
        self.workers = workers
        self.computed = 0
        self.shared = 0
        self._kept_bytes = kept_bytes
        self._futures: OrderedDict[Key, Future[Chunk]] = OrderedDict()
        self._sizes: dict[Key, int] = {}
        self._nbytes = 0
        self._lock = threading.RLock()

    def request(self, experiment: Experiment, state: TrainingState, steps: int) -> Future[Chunk]:
        """The chunk of `steps` steps from `state`, which must be `experiment`'s own state at that step."""
        key = (experiment.until(state.step + steps), state.step, steps)
        with self._lock:
            if key in self._futures:
                self.shared += 1
                self._futures.move_to_end(key)
                return self._futures[key]
            self.computed += 1
            series = library.find(experiment.series) if _needs_series(experiment) else None
            future = self._futures[key] = self.workers.submit(train_chunk, experiment, state, steps, series)
        future.add_done_callback(lambda done: self._settle(key, done))
        return future

    @property
    def waiting(self) -> int:
        """How many chunks are being computed or wait to be."""
        return len(self._futures) - len(self._sizes)

    @property
    def nbytes(self) -> int:
        """Size of all chunks kept."""
        return self._nbytes

    def _settle(self, key: Key, future: Future[Chunk]) -> None:
        with self._lock:
            if future.exception() is not None:
                self._futures.pop(key, None)
                return
            self._sizes[key] = future.result().nbytes
            self._nbytes += self._sizes[key]
            while self._nbytes > self._kept_bytes:
                oldest = next(each for each in self._futures if each in self._sizes)
                self._nbytes -= self._sizes.pop(oldest)
                del self._futures[oldest]


def _needs_series(experiment: Experiment) -> bool:
    return experiment.task == "series" and library.is_own(experiment.series)
