"""A viewer's run: one to three networks that train side by side, in step, as far ahead as they are looked at."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from copy import copy
from dataclasses import replace

from engine.chunks import Chunk
from engine.experiment import Experiment
from engine.film import Film, Origin
from engine.lane import Lane
from engine.rules import Settings
from engine.store import ChunkStore
from engine.streams import AHEAD, ChunkPlan, ChunkStream

RATE_WINDOW = 2.0  # seconds over which steps per second are counted
SHORTEST = 0.2  # seconds; what comes in less than that, from memory perhaps, tells no rate


class Run:
    """Networks that train side by side on the same data, shown at the same training step once all have caught up.

    Args:
        before: a run whose past is taken over. An experiment that shares it with one of its lanes begins at the last
            moment of the film that both have in common; lanes that are behind then catch up with the others.

    Attributes:
        lanes: one a network.
        playing: whether `next_frame` goes on.
        trouble: what keeps it from going on, in a sentence, until it is played again.
        film: its past.
    """

    def __init__(self, store: ChunkStore, experiments: tuple[Experiment, ...], before: Run | None = None) -> None:
        self._store = store
        self.playing = True
        self.trouble: str | None = None
        self._looked_at = False
        self._taken: deque[tuple[float, int]] = deque()
        self._streams: dict[Lane, ChunkStream] = {}
        self._renewals_seen = store.workers.renewals
        origins = [before.origin_of(experiment) if before else None for experiment in experiments]
        self.film: Film = before.film.cut(origins) if before else Film()
        self.lanes: tuple[Lane, ...] = tuple(
            before.lanes[origin.lane].as_of(origin.still, experiment) if before and origin else Lane(experiment)
            for experiment, origin in zip(experiments, origins, strict=True)
        )
        self.film.add(
            min(lane.step for lane in self.lanes),
            {i: lane.still for i, lane in enumerate(self.lanes) if not origins[i]},
        )
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
            active = self._hindmost()
            for lane in active:
                self._streams[lane].wait(0)  # sets the workers to all lanes before the first is waited for
            if not active or not all(
                self._streams[lane].wait(0 if moved else max(0.0, deadline - time.monotonic())) for lane in active
            ):
                break
            self._move({lane: self._streams[lane].take() for lane in active})
            moved = True
        return moved

    def single_step(self, seconds: float) -> bool:
        """Pause, and make exactly one training step in every lane that is to go on; whether it was made in time."""
        self.pause()
        self._close_streams()
        active = self._hindmost()
        futures = [self._store.request(lane.experiment, lane.chunk.state, 1) for lane in active]
        deadline = time.monotonic() + seconds
        try:
            chunks = [future.result(max(0.0, deadline - time.monotonic())) for future in futures]
        except TimeoutError:
            return False
        finally:
            self._open_streams()
        self._move(dict(zip(active, chunks, strict=True)))
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
            lane.become(experiment)
        self._open_streams()
        return True

    def seen_as(self, lanes: tuple[Lane, ...]) -> Run:
        """A copy to look at, with `lanes` in place of its own; not to be moved on."""
        seen = copy(self)
        seen.lanes = lanes
        return seen

    def succeeded_by(self, experiments: tuple[Experiment, ...]) -> Run:
        """A run of `experiments` in this one's place, in which no network that stands here has to begin again.

        It plays, unless this one is paused and there is nothing to catch up with.
        """
        run = Run(self._store, experiments, self)
        if not self.playing and run.behind is None and all(self.origin_of(each) for each in experiments):
            run.pause()
        self.close()
        return run

    def changed_from_here(self, experiment: Experiment, learning_rate: float, clip_norm: float | None) -> Experiment:
        """`experiment` with other settings from the step on at which it stands, whatever its cell."""
        of_it = [lane.step for lane in self.lanes if replace(lane.experiment, cell=experiment.cell) == experiment]
        step = max(of_it, default=self.step)
        now = experiment.settings_at(max(0, step - 1))
        return experiment.changed_at(step, replace(now, learning_rate=learning_rate, clip_norm=clip_norm))

    def branched(self, lane: int, step: int, settings: Settings) -> Experiment:
        """Network number `lane` with other settings from `step` on, or from where it ended before that.

        An ordinary experiment, since training is pure: its state at that step equals the lane's own, to the byte.

        Raises:
            ExperimentError: it has been changed more often than an experiment can hold.
        """
        return self.lanes[lane].experiment.changed_at(min(step, self.lanes[lane].step), settings)

    def origin_of(self, experiment: Experiment) -> Origin | None:
        """The latest moment of any lane from which training goes on as `experiment`."""
        origins = []
        for number, lane in enumerate(self.lanes):
            if experiment.until(0) == lane.experiment.until(0):
                past = (lane.still, *self.film.before(lane.step, number))
                shared = (each for each in past if lane.shares(experiment, each.state.step))
                origins += [Origin(number, still) for still in shared if still.state.step <= experiment.steps][:1]
        return max(origins, key=lambda origin: origin.still.state.step, default=None)

    def at(self, step: int) -> Past:
        """The run as it was at the last moment of the film up to `step`."""
        stills = [self.film.at(step, number) for number in range(len(self.lanes))]
        lanes = (
            lane.as_of(still) if still else Lane(lane.experiment)
            for lane, still in zip(self.lanes, stills, strict=True)
        )
        return Past(self._store, tuple(lanes), self.film)

    def before(self, step: int) -> Iterator[Past]:
        """The run at each moment of the film before `step`, the latest first."""
        return (self.at(kept) for kept in reversed(self.film.steps) if kept < step)

    @property
    def behind(self) -> int | None:
        """The step of the lanes that catch up with the others; None if there are none."""
        step = min((lane.step for lane in self.lanes if not lane.ending), default=self.step)
        return step if step < self.step else None

    def steps_per_second(self) -> float:
        """Training steps a second of all lanes together, of late; NaN until it can be told."""
        now = time.monotonic()
        while self._taken and self._taken[0][0] < now - RATE_WINDOW:
            self._taken.popleft()
        if len(self._taken) < 2 or self._taken[-1][0] - self._taken[0][0] < SHORTEST:
            return float("nan")
        began, first = self._taken[0]
        return (sum(steps for _, steps in self._taken) - first) / (self._taken[-1][0] - began)

    def worker_was_replaced(self) -> bool:
        """Whether a worker died and was replaced since this was last asked."""
        seen, self._renewals_seen = self._renewals_seen, self._store.workers.renewals
        return self._renewals_seen != seen

    def _hindmost(self) -> list[Lane]:
        """The lanes that go on next: of those that still train, those that are not ahead of others."""
        active = [lane for lane in self.lanes if not lane.ending]
        return [lane for lane in active if lane.step == min(each.step for each in active)]

    def _move(self, chunks: dict[Lane, Chunk]) -> None:
        for lane, chunk in chunks.items():
            self._taken.append((time.monotonic(), len(chunk.log.loss)))
            lane.show(chunk)
        stills = {number: lane.still for number, lane in enumerate(self.lanes) if lane in chunks}
        self.film.add(max(lane.step for lane in chunks), stills)

    def _open_streams(self) -> None:
        self._close_streams()
        stops = {lane.step for lane in self.lanes} | set(self.film.steps)  # lanes that catch up stop at moments too
        plan = ChunkPlan(self._store, self.experiments, stops)
        self._streams = {lane: ChunkStream(self._store, lane.experiment, lane.chunk, plan) for lane in self.lanes}

    def _close_streams(self) -> None:
        for stream in self._streams.values():
            stream.close()


class Past(Run):
    """A run as it was: it can be looked at like any other, and trains no further.

    Args:
        lanes: as they were.
        film: of the run that it was.
    """

    def __init__(self, store: ChunkStore, lanes: tuple[Lane, ...], film: Film) -> None:
        self._store = store
        self.lanes = lanes
        for lane in lanes:
            lane.is_past = True
        self.film = film
        self.playing = False
        self.trouble = None
        self._taken = deque()
        self._streams = {}
        self._renewals_seen = store.workers.renewals
