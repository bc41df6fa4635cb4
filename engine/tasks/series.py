"""Forecasting a measured series: the next value at every step, judged on values kept back."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from engine import series as library
from engine.errors import ExperimentError
from engine.series import Series
from engine.tasks.base import Batch, Chance, Curve, Loss, Metric, Picture, Role, Shape, Task

MOST_WINDOWS = 64  # of held-out windows, evenly spread when there are more


class SeriesForecast(Task):
    """Forecast the next change of a measured series from its changes so far.

    The network sees changes, not values, standardised with the mean and the standard deviation of the
    training part. So a trend does not carry the held-out part out of the range it was trained on, and
    forecasting no change at all is the naive forecast "same as the last value".
    """

    name = "series"
    title = "Forecast a real series"
    description = "Measured values come in one by one: forecast the next, and be judged on the last fifth, kept back."
    source = "the data's source stands beside the chart"
    shape = Shape.MANY_TO_MANY
    loss = Loss.MSE
    metric = Metric("held-out error", solved=None, is_share=False)
    picture = Picture.CURVES
    inputs = ("change",)
    outputs = ("next change",)
    order = 8
    default_length = 36
    min_length = 4

    def bound_to(self, series: str) -> BoundSeriesForecast:
        return _bound(library.find(series))

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        return self._default.sample(generator, length, batch_size)

    def chance(self, length: int) -> Chance:
        return self._default.chance(length)

    @cached_property
    def _default(self) -> BoundSeriesForecast:
        return self.bound_to(library.SHIPPED[0])


class BoundSeriesForecast(SeriesForecast):
    """The forecasting of one given series.

    Attributes:
        series: the measured values.
    """

    def __init__(self, series: Series) -> None:
        self.series = series
        self.metric = Metric("held-out error", solved=None, is_share=False, unit=series.unit)
        changes = np.diff(series.values)
        self.training_count = library.training_values(len(series.values)) - 1
        training = changes[: self.training_count]
        self.mean, self.scale = float(training.mean()), float(training.std()) or 1.0
        self._changes = ((changes - self.mean) / self.scale).astype(np.float32)
        held_out_count = len(changes) - self.training_count
        self.max_length = min(type(self).max_length, self.training_count // 2, held_out_count)
        self.default_length = min(type(self).default_length, self.max_length)

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        return self._windows(generator.integers(0, self.training_count - length, batch_size), length)

    def display(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        return self._windows(self._display_starts(length, batch_size), length)

    def held_out(self, length: int) -> Batch:
        return self._windows(self._held_out_starts(length), length)

    def chance(self, length: int) -> Chance:
        batch = self.held_out(length)
        naive = np.full_like(batch.targets, -self.mean / self.scale)
        return Chance(
            loss=1 + (self.mean / self.scale) ** 2,
            metric=self.measure(naive, batch),
            says="repeating the last value",
            name="same as last value",
        )

    def score(self, outputs: np.ndarray, targets: np.ndarray) -> float:
        """Root mean squared error in the series' unit."""
        return float(self.scale * np.sqrt(np.mean(np.square(outputs - targets, dtype=np.float64))))

    def curves(self, batch: Batch, outputs: np.ndarray, sequence: int) -> list[Curve]:
        start = int(self._display_starts(batch.length, batch.size)[sequence])
        length = batch.length
        last = self.series.values[start + 1 : start + 1 + length]  # the network has seen up to here at steps 1 … T
        forecast = last + self.scale * outputs[:, sequence, 0] + self.mean
        shown = batch.target_mask[:, sequence]
        steps = np.arange(1, length + 1)
        return [
            Curve("next value", Role.TARGET, steps, self.series.values[start + 2 : start + 2 + length]),
            Curve("same as last value", Role.NAIVE, steps[shown], last[shown]),
            Curve("forecast", Role.PREDICTION, steps[shown], forecast[shown]),
        ]

    def span(self, batch: Batch, sequence: int) -> str:
        """From when to when the displayed window reaches, or its rows."""
        first = int(self._display_starts(batch.length, batch.size)[sequence])
        last = first + batch.length + 1
        first += 2
        if self.series.times:
            return f"{self.series.times[first]} to {self.series.times[last]}"
        return f"rows {first + 1:,} to {last + 1:,}"

    def check_length(self, length: int) -> None:
        if length > self.max_length and self.max_length < type(self).max_length:
            raise ExperimentError(
                f"length={length} is too long for a series of {len(self.series.values)} values: "
                f"choose {self.min_length} to {self.max_length} steps."
            )
        super().check_length(length)

    def _windows(self, starts: np.ndarray, length: int) -> Batch:
        index = starts + np.arange(length + 1)[:, np.newaxis]
        changes = self._changes[index][..., np.newaxis]
        mask = np.zeros((length, len(starts)), dtype=bool)
        mask[length // 4 :] = True  # the first quarter only gives context
        return Batch(changes[:-1], changes[1:], mask)

    def _held_out_starts(self, length: int) -> np.ndarray:
        """Starts of windows all of whose counted targets lie in the held-out part, and cover it."""
        context = length // 4
        first = max(0, self.training_count - context - 1)
        last = len(self._changes) - length - 1
        count = min(MOST_WINDOWS, 1 + -(-(last - first) // (length - context)))
        return np.linspace(first, last, count).round().astype(int)

    def _display_starts(self, length: int, count: int) -> np.ndarray:
        """Starts of the `count` displayed windows, spread over the held-out part."""
        starts = self._held_out_starts(length)
        chosen: np.ndarray = starts[np.linspace(0, len(starts) - 1, count).round().astype(int)]
        return chosen


@lru_cache(maxsize=16)
def _bound(series: Series) -> BoundSeriesForecast:
    return BoundSeriesForecast(series)
