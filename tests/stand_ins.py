"""What stands in for worker processes in the tests, and the small experiments that they compute.

The executors work at once, only when told to, or not at all, so that every order of events can be played through.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import replace
from typing import Any

import numpy as np

from engine import Experiment, SeriesError, TrainingState, advance, initial_state
from engine.chunks import Chunk
from engine.executor import Workers
from engine.lane import Lane
from engine.runs import Run
from engine.store import ChunkStore

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
