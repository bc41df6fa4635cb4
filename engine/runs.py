"""A viewer's run: one to three networks that train side by side, in step, as far ahead as they are looked at."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, replace

import numpy as np

from engine.chunks import Chunk, Ending, first_chunk, step_cost, steps_per_chunk
from engine.experiment import Change, Experiment
from engine.history import GradientHistory, LossHistory
from engine.parameters import parameter_count
from engine.recording import Recording
from engine.store import ChunkStore
from engine.tasks import Task, task_of
from engine.training import TrainingState, initial_state

AHEAD = 2  # chunks computed before they are looked at; more would go on after a tab closes
QUEUE_SECONDS = 0.12  # work waiting before each worker from which on chunks are made smaller
RATE_WINDOW = 2.0  # seconds over which steps per second are counted


class ChunkPlan:
    """Where the chunks of a run end: at the same steps for all its lanes, closer together when many viewers wait."""

    def __init__(self, store: ChunkStore, experiments: tuple[Experiment, ...]) -> None:
        self._store = store
        self._size = steps_per_chunk(experiments)
        self._seconds = self._size * max(step_cost(experiment) for experiment in experiments)
        self._ends: dict[int, int] = {}
        self._lock = threading.Lock()

    def end_after(self, step: int) -> int:
        """The end of the chunk that begins at `step`."""
        with self._lock:
            if step not in self._ends:
                size = self._size
                while size % 2 == 0 and self._seconds * size / self._size * self._queue() > QUEUE_SECONDS:
                    size //= 2
                # up to the next multiple of the size, so that runs which paused in between share chunks again
                self._ends[step] = step + size - step % size
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


class Lane:
    """One network of a run.

    Attributes:
        experiment: its configuration.
        chunk: where it stands, and the look inside there.
        losses: of all steps so far.
        gradients: ‖∂L/∂h_t‖ of each displayed sequence, at many moments of training.
        ending: why it trains no further, or None.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.losses = LossHistory()
        self.gradients = GradientHistory()
        self.ending: Ending | None = None
        self.chunk = first_chunk(experiment, initial_state(experiment))
        self.show(self.chunk)

    @property
    def step(self) -> int:
        """Training steps made."""
        return self.chunk.state.step

    @property
    def recording(self) -> Recording:
        """The look inside, now."""
        return self.chunk.recording

    @property
    def solved(self) -> bool:
        """Whether it has solved its task."""
        return self.ending is Ending.SOLVED

    @property
    def diverged(self) -> bool:
        """Whether its loss or gradient has stopped being a number."""
        return self.ending is Ending.DIVERGED

    @property
    def gradient_ratio(self) -> float:
        """‖∂L/∂h_1‖ ÷ ‖∂L/∂h_T‖ of the last layer, the median over the displayed sequences."""
        norms = gradient_norms(self.recording)[-1]  # (T, B)
        with np.errstate(all="ignore"):
            return float(np.median(norms[0] / norms[-1]))

    @property
    def parameter_count(self) -> int:
        """How many numbers it learns."""
        return parameter_count(self.chunk.state.parameters)

    @property
    def task(self) -> Task:
        """What it learns."""
        return task_of(self.experiment)

    def show(self, chunk: Chunk) -> None:
        """Stand at the end of `chunk`."""
        self.losses.extend(chunk.log.loss)
        self.gradients.append(chunk.state.step, gradient_norms(chunk.recording))
        self.chunk = chunk
        self.ending = chunk.ending or (Ending.BUDGET if self.step >= self.experiment.steps else None)

    def could_become(self, experiment: Experiment) -> bool:
        """Whether `experiment` has the same past up to here, so that this lane can go on as it."""
        return experiment.until(self.step) == self.experiment.until(self.step)


@dataclass(frozen=True)
class Snapshot:
    """Networks as they stand, which train no further.

    Attributes:
        lanes: one a network.
    """

    lanes: tuple[Lane, ...]

    @property
    def step(self) -> int:
        """Training steps made by the lane that is furthest."""
        return max(lane.step for lane in self.lanes)

    @classmethod
    def of(cls, experiment: Experiment, *states: TrainingState) -> Snapshot:
        """The network of `experiment` in each of `states`."""
        lanes = tuple(Lane(experiment) for _ in states)
        for lane, state in zip(lanes, states, strict=True):
            lane.show(first_chunk(experiment, state))
        return cls(lanes)


class Run:
    """Networks that train side by side on the same data, always shown at the same training step.

    Attributes:
        lanes: one a network.
        playing: whether `next_frame` goes on.
        trouble: what keeps it from going on, in a sentence, until it is played again.
    """

    def __init__(self, store: ChunkStore, experiments: tuple[Experiment, ...]) -> None:
        self._store = store
        self.lanes = tuple(Lane(experiment) for experiment in experiments)
        self.playing = True
        self.trouble: str | None = None
        self._looked_at = False
        self._taken: deque[tuple[float, int]] = deque()
        self._streams: dict[Lane, ChunkStream] = {}
        self._renewals_seen = store.workers.renewals
        self._open_streams()

    @property
    def step(self) -> int:
        """Training steps made by the lane that is furthest."""
        return max(lane.step for lane in self.lanes)

    @property
    def over(self) -> bool:
        """Whether no lane trains any further."""
        return all(lane.ending for lane in self.lanes)

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """The lanes' configurations."""
        return tuple(lane.experiment for lane in self.lanes)

    def next_frame(self, seconds: float) -> bool:
        """Go on to the next chunk of every lane that still trains; more than one if looking is slower than training.

        Waits at most `seconds`. Returns whether there is something new to see. The first call shows the untrained
        networks, without waiting for any worker.
        """
        if not self.playing:
            return False
        if not self._looked_at:
            self._looked_at = True
            if self._store.workers.awake:  # else they would load PyTorch just when the browser loads the page
                for stream in self._streams.values():
                    stream.wait(0)  # which sets the workers to work
            return True
        deadline = time.monotonic() + seconds
        moved = False
        for _ in range(AHEAD):
            active = [lane for lane in self.lanes if not lane.ending]
            for lane in active:
                self._streams[lane].wait(0)  # sets the workers to all lanes before the first is waited for
            if not active or not all(
                self._streams[lane].wait(0 if moved else max(0.0, deadline - time.monotonic())) for lane in active
            ):
                break
            for lane in active:
                self._move(lane, self._streams[lane].take())
            moved = True
        return moved

    def single_step(self, seconds: float) -> bool:
        """Pause, and make exactly one training step in every lane that still can; whether it was made in time."""
        self.pause()
        self._close_streams()
        active = [lane for lane in self.lanes if not lane.ending]
        futures = [self._store.request(lane.experiment, lane.chunk.state, 1) for lane in active]
        deadline = time.monotonic() + seconds
        try:
            chunks = [future.result(max(0.0, deadline - time.monotonic())) for future in futures]
        except TimeoutError:
            return False
        finally:
            self._open_streams()
        for lane, chunk in zip(active, chunks, strict=True):
            self._move(lane, chunk)
        self._open_streams()
        return True

    def play(self) -> None:
        """Let `next_frame` go on, also after an error."""
        self.playing = True
        self.trouble = None
        self._open_streams()
        self._taken.clear()

    def pause(self) -> None:
        """Let `next_frame` stand still."""
        self.playing = False
        self._taken.clear()

    def close(self) -> None:
        """Ask the workers for nothing more."""
        self.playing = False
        self._close_streams()

    def follow(self, experiments: tuple[Experiment, ...]) -> bool:
        """Go on as `experiments` if they share this run's past; False if a new run from the seed is needed."""
        if experiments == self.experiments:
            return True
        if len(experiments) != len(self.lanes) or not all(
            lane.could_become(experiment) for lane, experiment in zip(self.lanes, experiments, strict=True)
        ):
            return False
        self._close_streams()
        for lane, experiment in zip(self.lanes, experiments, strict=True):
            lane.experiment = experiment
            if lane.ending in (None, Ending.BUDGET):
                lane.ending = Ending.BUDGET if lane.step >= experiment.steps else None
        self._open_streams()
        return True

    def changed_from_here(self, experiment: Experiment, learning_rate: float, clip_norm: float | None) -> Experiment:
        """`experiment` with other settings from the step on at which this run stands."""
        now = experiment.settings_at(max(0, self.step - 1))
        return experiment.changed_at(self.step, replace(now, learning_rate=learning_rate, clip_norm=clip_norm))

    def steps_per_second(self) -> float:
        """Training steps a second of all lanes together, of late; NaN until it can be told."""
        now = time.monotonic()
        while self._taken and self._taken[0][0] < now - RATE_WINDOW:
            self._taken.popleft()
        if len(self._taken) < 2:
            return float("nan")
        began, first = self._taken[0]
        return (sum(steps for _, steps in self._taken) - first) / max(1e-3, self._taken[-1][0] - began)

    def worker_was_replaced(self) -> bool:
        """Whether a worker died and was replaced since this was last asked."""
        seen, self._renewals_seen = self._renewals_seen, self._store.workers.renewals
        return self._renewals_seen != seen

    def _move(self, lane: Lane, chunk: Chunk) -> None:
        self._taken.append((time.monotonic(), len(chunk.log.loss)))
        lane.show(chunk)

    def _open_streams(self) -> None:
        self._close_streams()
        plan = ChunkPlan(self._store, self.experiments)
        self._streams = {lane: ChunkStream(self._store, lane.experiment, lane.chunk, plan) for lane in self.lanes}

    def _close_streams(self) -> None:
        for stream in self._streams.values():
            stream.close()


def gradient_norms(recording: Recording) -> np.ndarray:
    """‖∂L_b/∂h_t‖ of each layer, step and displayed sequence, (layers, T, B), where L_b is sequence b's own loss.

    A recording's L is the mean over its B sequences, so that ∂L_b/∂h_t is B times its gradient.
    """
    grads = np.stack([layer.hidden_state_grad for layer in recording.layers]).astype(np.float64)
    with np.errstate(all="ignore"):
        norms: np.ndarray = recording.batch.size * np.linalg.norm(grads, axis=-1)
        return norms
