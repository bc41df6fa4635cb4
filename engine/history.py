"""What a run remembers of its past: bounded, however long it trains."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from engine.parameters import Parameters

MOST_ROWS = 128
MOST_POINTS = 300
MOST_MOMENTS, FEWEST_MOMENTS = 64, 8
MOMENT_BYTES = 4_000_000  # of parameters kept, unless so few moments take more


class LossHistory:
    """The loss of every training step so far."""

    def __init__(self) -> None:
        self._values = np.empty(1024, np.float32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, values: np.ndarray) -> None:
        """Add the losses (n,) of the next n steps."""
        needed = self._count + len(values)
        if needed > len(self._values):
            self._values = np.concatenate([self._values[: self._count], np.empty(needed, np.float32)])
        self._values[self._count : needed] = values
        self._count = needed

    def until(self, step: int) -> Self:
        """The first `step` of them; what is added to either later does not show in the other."""
        past = type(self)()
        past._values = self._values[:step]  # shared: values once written never change, and `extend` copies
        past._count = min(step, self._count)
        return past

    @property
    def values(self) -> np.ndarray:
        """(steps,) float32."""
        return self._values[: self._count]

    def curve(self, most: int = MOST_POINTS) -> tuple[np.ndarray, np.ndarray]:
        """Steps and losses to draw, at most `most` of each: means over blocks of 1, 2, 4 … steps."""
        block = 1
        while self._count > block * most:
            block *= 2
        starts = np.arange(0, self._count, block)
        if not len(starts):
            return starts.astype(np.float32), np.empty(0, np.float32)
        sums = np.add.reduceat(self.values.astype(np.float64), starts)
        ends = np.minimum(starts + block, self._count)
        return ends.astype(np.float32), (sums / (ends - starts)).astype(np.float32)


class NormHistory(LossHistory):
    """The norm of the whole gradient, before clipping, of every training step so far."""


class Moments:
    """The parameters at many moments of training, for what is computed only when somebody looks.

    When they get many, every second one goes: dense at first, then even. Nothing is copied: states are read-only.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[int, Parameters]] = []
        self._stride = 1
        self._seen = 0

    def append(self, step: int, parameters: Parameters) -> None:
        """Add the parameters after training step `step`."""
        if self._seen % self._stride == 0:
            self._kept.append((step, parameters))
            if len(self._kept) > self._most(parameters):
                self._kept = self._kept[::2]
                self._stride *= 2
        self._seen += 1

    def until(self, step: int) -> Moments:
        """Those up to training step `step`."""
        past = Moments()
        past._kept = [each for each in self._kept if each[0] <= step]
        past._stride, past._seen = self._stride, len(past._kept) * self._stride
        return past

    @property
    def steps(self) -> tuple[int, ...]:
        """Training steps, from the first on."""
        return tuple(step for step, _ in self._kept)

    def __getitem__(self, step: int) -> Parameters:
        """The parameters after training step `step`, one of `steps`."""
        return next(parameters for each, parameters in self._kept if each == step)

    @property
    def nbytes(self) -> int:
        """Size of what is kept."""
        return sum(value.nbytes for _, parameters in self._kept for value in parameters.values())

    @staticmethod
    def _most(parameters: Parameters) -> int:
        size = sum(value.nbytes for value in parameters.values())
        return max(FEWEST_MOMENTS, min(MOST_MOMENTS, MOMENT_BYTES // size))


class GradientHistory:
    """How large the gradient at each time step was, at many moments of training.

    When rows get many, every second one goes: dense at first, then even.
    """

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._rows: list[np.ndarray] = []
        self._stride = 1
        self._seen = 0
        self._latest = np.empty((0, 0, 0), np.float32)
        self.last_step = 0

    def append(self, step: int, norms: np.ndarray) -> None:
        """Add the norms (layers, T, B) after training step `step`."""
        self._latest, self.last_step = norms.astype(np.float32), step
        if self._seen % self._stride == 0:
            self._steps.append(step)
            self._rows.append(self._latest)
            if len(self._rows) > MOST_ROWS:
                self._steps, self._rows = self._steps[::2], self._rows[::2]
                self._stride *= 2
        self._seen += 1

    def until(self, step: int, norms: np.ndarray) -> GradientHistory:
        """What was known at training step `step`, when the norms were `norms`."""
        past = GradientHistory()
        count = int(np.searchsorted(self.steps, step, side="right"))
        past._steps, past._rows = self._steps[:count], self._rows[:count]
        past._stride = self._stride
        past._seen = count * self._stride
        past._latest, past.last_step = norms.astype(np.float32), step
        return past

    @property
    def steps(self) -> np.ndarray:
        """(rows,) training steps."""
        return np.array(self._steps)

    def latest(self, layer: int, sequence: int) -> np.ndarray:
        """(T,) of one layer and displayed sequence, now."""
        return np.asarray(self._latest[layer, :, sequence])

    def seen_as(self, norms: np.ndarray) -> GradientHistory:
        """A copy to look at, with other norms (layers, T, B) now; the past is shared."""
        seen = copy(self)
        seen._latest = norms.astype(np.float32)
        return seen

    def norms(self, layer: int, sequence: int) -> np.ndarray:
        """(rows, T) of one layer and displayed sequence, at `steps`."""
        return np.stack([row[layer, :, sequence] for row in self._rows])

    def on_grid(self, steps: np.ndarray, layer: int, sequence: int) -> np.ndarray:
        """(n, T): for each of n training steps the last row at or before it, NaN for those yet to come."""
        row_of = np.searchsorted(self.steps, steps, side="right") - 1
        grid = np.stack([self._rows[row][layer, :, sequence] for row in row_of])
        grid[steps > self.last_step] = np.nan
        return grid
