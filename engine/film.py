"""The film of a run: what it takes to see any moment of it again, or to train on from there; bounded in bytes.

A moment is a training step with the state of each network there. When there are too many, one between two others
goes, so that what stays is dense early, where most happens, and even later on. States are kept by reference: what
two viewers share through the chunk store, their films share too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.chunks import Ending
from engine.training import TrainingState

MOST_BYTES = 8_000_000
MOST_MOMENTS = 120
EARLY = 32  # training steps; from about there on moments lie further and further apart


@dataclass(frozen=True)
class Still:
    """One network at one moment.

    Attributes:
        state: all that training goes on from; a recording can be made of it at any time.
        score: as the chunk's.
        ending: why it trains no further, if so.
    """

    state: TrainingState
    score: float
    ending: Ending | None


@dataclass(frozen=True)
class Origin:
    """Where a network's past comes from: network number `lane` of a run before, as it was in `still`."""

    lane: int
    still: Still


class Film:
    """Moments of a run in order of their training steps.

    Args:
        most_bytes: of all states together; never exceeded.
        most_moments: never exceeded either.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, most_moments: int = MOST_MOMENTS) -> None:
        self._most_bytes = most_bytes
        self._most_moments = most_moments
        self._steps: list[int] = []
        self._moments: list[dict[int, Still]] = []  # lane → still; a lane that stood still since is not named again
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def steps(self) -> tuple[int, ...]:
        """The training steps kept, in order."""
        return tuple(self._steps)

    def add(self, step: int, stills: Mapping[int, Still]) -> None:
        """Keep the networks that have moved, by their number, as they are at training step `step`.

        No new moment is made between earlier ones: there it belongs to the next of them, where a network that
        catches up with the others is seen until it has got there itself.
        """
        place = bisect_left(self._steps, step)
        if place == len(self._steps):
            self._steps.append(step)
            self._moments.append({})
        moment = self._moments[place]
        for lane, still in stills.items():
            self.nbytes += still.state.nbytes - (moment[lane].state.nbytes if lane in moment else 0)
            moment[lane] = still
        self._fit()

    def _fit(self) -> None:
        while len(self) and (self.nbytes > self._most_bytes or len(self) > self._most_moments):
            self._drop(thinned(self._steps) if len(self) > 2 else len(self) - 1)

    def shrink(self, most_bytes: int) -> None:
        """Keep no more than `most_bytes` from now on."""
        self._most_bytes = min(self._most_bytes, most_bytes)
        self._fit()

    def at(self, step: int, lane: int) -> Still | None:
        """Network number `lane` at the last moment up to `step` in which it was seen."""
        return next(self.before(step + 1, lane), None)

    def before(self, step: int, lane: int) -> Iterator[Still]:
        """Network number `lane` at all moments before `step`, the latest first."""
        for place in range(bisect_left(self._steps, step) - 1, -1, -1):
            if lane in self._moments[place]:
                yield self._moments[place][lane]

    def cut(self, origins: Sequence[Origin | None]) -> Film:
        """A film in which network number n has the past that `origins[n]` names, and none where that is None."""
        film = Film(self._most_bytes, self._most_moments)
        for step, moment in zip(self._steps, self._moments, strict=True):
            stills = {
                number: moment[origin.lane]
                for number, origin in enumerate(origins)
                if origin and origin.lane in moment and moment[origin.lane].state.step <= origin.still.state.step
            }
            if stills:
                film.add(step, stills)
        return film

    def _drop(self, place: int) -> None:
        """Forget a moment; what a network did last before it stood still is moved to the next one."""
        dropped = self._moments.pop(place)
        del self._steps[place]
        heirs = self._moments[place] if place < len(self._moments) else dropped
        for lane, still in dropped.items():
            if lane in heirs:
                self.nbytes -= still.state.nbytes
            else:
                heirs[lane] = still


def thinned(steps: Sequence[int]) -> int:
    """Which of increasing `steps` to forget, neither the first nor the last, so that those left lie well.

    They lie well if they are evenly spread over step ÷ last + log(1 + step ÷ EARLY) ÷ log(1 + last ÷ EARLY): half of
    them evenly over all of training, the other half ever denser towards its beginning.
    """
    at = np.asarray(steps, dtype=np.float64)
    places = at / at[-1] + np.log1p(at / EARLY) / np.log1p(at[-1] / EARLY)
    return 1 + int(np.argmin(places[2:] - places[:-2]))
