"""Measured series: nothing of the held-out part is known in training, and forecasts are judged in the series' unit.

Held-out values are changed at random and everything that training sees has to stay the same, to the byte.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from engine import Experiment, ExperimentError, SeriesError, advance, initial_state, task_of
from engine import series as library
from engine.chunks import train_chunk
from engine.csv_table import column_numbers, read_table
from engine.network import unroll
from engine.randomness import Stream, generator
from engine.recording import held_out_metric, record
from engine.series import DATA, FEWEST, MOST, SHIPPED, Series, series_from_values, training_values
from engine.tasks import Role
from engine.tasks.series import BoundSeriesForecast

every_series = pytest.mark.parametrize("name", SHIPPED)


@pytest.fixture(autouse=True)
def _forget_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins without uploads."""
    monkeypatch.setattr(library, "_own", type(library._own)())


def walk(count: int = 300, seed: int = 0, missing: tuple[int, ...] = ()) -> np.ndarray:
    """A random walk with a trend, and gaps."""
    values = np.cumsum(np.random.default_rng(seed).standard_normal(count) + 0.3) * 5 + 100
    values[list(missing)] = np.nan
    return values


def task_on(values: np.ndarray) -> BoundSeriesForecast:
    """The forecasting of `values` as an upload."""
    return BoundSeriesForecast(series_from_values("level", values))


# --- what is held out stays unknown ---


def training_batches(task: BoundSeriesForecast, length: int) -> list[bytes]:
    """Everything that 200 training steps would see."""
    batches = [task.sample(generator(0, Stream.TRAINING, step), length, 16) for step in range(200)]
    return [array.tobytes() for batch in batches for array in (batch.inputs, batch.targets, batch.target_mask)]


@pytest.mark.parametrize("missing", [(), (3, 4, 90), (240,), (238, 239, 240, 241), (239, 240, 241, 299), (0, 1, 299)])
@pytest.mark.parametrize("length", [4, 24, 59])
def test_held_out_values_leave_no_trace_in_training(missing: tuple[int, ...], length: int) -> None:
    values = walk(missing=missing)
    others = values.copy()
    others[training_values(300) :] = walk(seed=9)[training_values(300) :] * 7 - 1000
    task, other = task_on(values), task_on(others)
    assert (task.mean, task.scale, task.training_count) == (other.mean, other.scale, other.training_count)
    assert training_batches(task, length) == training_batches(other, length)
    assert task.held_out(length).inputs.tobytes() != other.held_out(length).inputs.tobytes()


@pytest.mark.parametrize("count", [30, 31, 64, 300, 1001])
def test_every_training_value_is_used_and_none_beyond(count: int) -> None:
    """The series counts upwards by one less each time, so every change tells where it comes from."""
    values = -np.cumsum(np.arange(count, dtype=float))
    task = task_on(values)
    seen = set()
    for step in range(400):
        batch = task.sample(generator(0, Stream.TRAINING, step), 4, 16)
        changes = np.concatenate([batch.inputs, batch.targets[-1:]]) * task.scale + task.mean
        seen |= set((-changes).round().astype(int).ravel().tolist())
    assert seen <= set(range(1, task.training_count + 1))
    assert len(seen) >= task.training_count - (count > 300) * 5
    assert task.training_count + 1 == training_values(count) <= 0.8 * count + 1


def test_standardisation_is_that_of_the_training_changes() -> None:
    values = walk()
    task = task_on(values)
    training = [later - earlier for earlier, later in pairwise(values[:240].tolist())]
    assert task.mean == pytest.approx(sum(training) / 239)
    assert task.scale == pytest.approx(float(np.sqrt(sum((each - task.mean) ** 2 for each in training) / 239)))


@every_series
@pytest.mark.parametrize("length", [4, 24, 36, 60])
def test_held_out_windows_count_held_out_targets_only_and_all_of_them(name: str, length: int) -> None:
    task = BoundSeriesForecast(library.find(name))
    batch, starts = task.held_out(length), task._held_out_starts(length)
    counted = (starts + np.arange(1, length + 1)[:, np.newaxis])[batch.target_mask]  # numbers of the changes
    changes = (np.diff(task.series.values) - task.mean) / task.scale
    np.testing.assert_allclose(batch.targets[batch.target_mask][:, 0], changes[counted], rtol=1e-5, atol=1e-6)
    assert counted.min() == task.training_count
    assert counted.max() == len(changes) - 1
    assert set(counted) == set(range(task.training_count, len(changes))), "the whole held-out part is judged"
    assert not batch.target_mask[: length // 4].any() and batch.target_mask[length // 4 :].all()


def test_a_long_held_out_part_is_judged_in_windows_spread_over_it() -> None:
    task = task_on(walk(20_000))
    starts = task._held_out_starts(8)
    assert len(starts) == 64 and (np.diff(starts) > 0).all()
    assert starts[0] == task.training_count - 8 // 4 - 1
    assert starts[-1] + 8 == 19_999 - 1, "the last value is the last target"


@every_series
def test_what_is_displayed_is_held_out(name: str) -> None:
    task = BoundSeriesForecast(library.find(name))
    shown = task.display(generator(0, Stream.DISPLAY), 24, 4)
    held_out = task.held_out(24)
    columns = {held_out.inputs[:, window].tobytes() for window in range(held_out.size)}
    assert {shown.inputs[:, sequence].tobytes() for sequence in range(4)} <= columns


# --- errors and forecasts in the unit of the series ---


@every_series
def test_the_naive_error_is_that_of_repeating_the_last_value(name: str) -> None:
    series = library.find(name)
    task, length = BoundSeriesForecast(series), 24
    errors = []
    for start in task._held_out_starts(length):
        for step in range(length // 4, length):  # at step t (from 0) value start + 1 + t has been seen
            errors.append(series.values[start + 2 + step] - series.values[start + 1 + step])
    chance = task.chance(length)
    assert chance.metric == pytest.approx(float(np.sqrt(np.mean(np.square(errors)))), rel=1e-5)
    assert chance.says == "repeating the last value"
    assert task.metric.unit == series.unit and task.metric.solved is None


@every_series
def test_curves_are_in_the_unit_of_the_series(name: str) -> None:
    """A perfect forecast lies on the target, and the forecast of no change on the last value."""
    series = library.find(name)
    task, length = BoundSeriesForecast(series), 24
    batch = task.display(generator(0, Stream.DISPLAY), length, 4)
    no_change = np.full_like(batch.targets, -task.mean / task.scale)
    for sequence in range(4):
        curves = {curve.role: curve for curve in task.curves(batch, batch.targets, sequence)}
        target, naive, perfect = (curves[role] for role in (Role.TARGET, Role.NAIVE, Role.PREDICTION))
        assert (sliding_window_view(series.values, length) == target.values).all(axis=1).any()
        assert target.steps.tolist() == list(range(1, length + 1))
        assert perfect.steps.tolist() == naive.steps.tolist() == list(range(length // 4 + 1, length + 1))
        np.testing.assert_array_equal(naive.values, target.values[naive.steps - 2])
        np.testing.assert_allclose(perfect.values, target.values[perfect.steps - 1], rtol=1e-5, atol=1e-4)
        forecast = next(curve for curve in task.curves(batch, no_change, sequence) if curve.role is Role.PREDICTION)
        np.testing.assert_allclose(forecast.values, naive.values, rtol=1e-5, atol=1e-4)


@every_series
def test_the_held_out_error_is_in_the_unit_of_the_series(name: str) -> None:
    experiment = Experiment(task="series", series=name, length=24)
    state, _ = advance(experiment, initial_state(experiment), 30)
    task, series = task_of(experiment), library.find(name)
    assert isinstance(task, BoundSeriesForecast)
    batch = task.held_out(24)
    outputs = unroll(experiment, state.parameters, batch.inputs).outputs
    errors = []
    for window, start in enumerate(task._held_out_starts(24)):
        for step in range(6, 24):
            last, following = series.values[start + 1 + step], series.values[start + 2 + step]
            errors.append(last + outputs[step, window, 0] * task.scale + task.mean - following)
    assert held_out_metric(experiment, state) == pytest.approx(float(np.sqrt(np.mean(np.square(errors)))), rel=1e-4)


@every_series
def test_a_chunk_is_scored_on_held_out_data(name: str) -> None:
    experiment = Experiment(task="series", series=name, length=24, hidden_size=8)
    chunk = train_chunk(experiment, initial_state(experiment), 5)
    assert chunk.score == held_out_metric(experiment, chunk.state)
    assert chunk.ending is None


def test_the_span_names_the_dates_of_what_is_drawn() -> None:
    series = library.find("el_nino")
    task = BoundSeriesForecast(series)
    batch = task.display(generator(0, Stream.DISPLAY), 24, 4)
    outputs = np.zeros_like(batch.targets)
    for sequence in range(4):
        first, last = task.span(batch, sequence).split(" to ")
        target = next(curve for curve in task.curves(batch, outputs, sequence) if curve.role is Role.TARGET)
        begin, end = series.times.index(first), series.times.index(last)
        np.testing.assert_array_equal(series.values[begin : end + 1], target.values)


def test_the_span_of_an_upload_names_rows() -> None:
    task = task_on(walk())
    batch = task.display(generator(0, Stream.DISPLAY), 24, 4)
    target = next(curve for curve in task.curves(batch, batch.targets, 3) if curve.role is Role.TARGET)
    words = task.span(batch, 3).replace(",", "").split()
    begin, end = int(words[1]), int(words[3])
    np.testing.assert_array_equal(task.series.values[begin - 1 : end], target.values)


@every_series
def test_lengths_that_a_series_is_too_short_for_are_refused(name: str) -> None:
    task = BoundSeriesForecast(library.find(name))
    held_out = len(task.series.values) - training_values(len(task.series.values))
    assert task.max_length == min(200, held_out)
    for length in (task.min_length, task.max_length):
        record(experiment := Experiment(task="series", series=name, length=length), initial_state(experiment))
        task.held_out(length)
    if task.max_length < 200:
        with pytest.raises(ExperimentError, match=rf"too long for a series of {len(task.series.values)} values"):
            Experiment(task="series", series=name, length=task.max_length + 1)


def test_the_shortest_upload_can_be_trained_on() -> None:
    name = library.register(series_from_values("level", walk(FEWEST)))
    task = task_of(Experiment(task="series", series=name, length=4))
    for length in range(task.min_length, task.max_length + 1):
        experiment = Experiment(task="series", series=name, length=length, hidden_size=4)
        chunk = train_chunk(experiment, initial_state(experiment), 3)
        assert np.isfinite(chunk.score) and chunk.state.step == 3


# --- the shipped series ---


@every_series
def test_a_shipped_series_is_whole_documented_and_free(name: str) -> None:
    series = library.find(name)
    assert series.name == name and series.title and series.unit and series.interval
    assert series.licence == "public domain" and len(series.source) > 20
    assert len(series.values) == len(series.times) >= 300
    assert np.isfinite(series.values).all() and np.ptp(series.values) > 0
    assert list(series.times) == sorted(set(series.times)), "in order of time, each once"
    assert library.find(name) is series


@pytest.mark.parametrize(
    ("name", "first", "last", "count", "low", "high"),
    [
        ("el_nino", "1950-01", "2010-12", 61 * 12, 15, 32),
        ("co2", "1958-03", "2001-12", 43 * 12 + 10, 310, 380),
        ("sunspots", "1700", "2008", 309, 0, 200),
    ],
)
def test_shipped_values_are_plausible(name: str, first: str, last: str, count: int, low: float, high: float) -> None:
    series = library.find(name)
    assert (series.times[0], series.times[-1], len(series.times)) == (first, last, count)
    assert low <= series.values.min() and series.values.max() <= high
    assert first[:4] in series.source and last[:4] in series.source


def test_known_values_of_the_shipped_series() -> None:
    co2, nino, sunspots = (library.find(name) for name in ("co2", "el_nino", "sunspots"))
    assert co2.values[co2.times.index("1958-03")] == 316.1
    assert nino.values[nino.times.index("1998-01")] > nino.values[nino.times.index("1997-01")] + 3, "El Niño of 1998"
    assert sunspots.values[sunspots.times.index("1957")] > 150, "the highest maximum on record"


def test_a_gap_in_a_shipped_series_is_filled_and_told() -> None:
    table = read_table((DATA / "co2.csv").read_bytes())
    raw = column_numbers(table, "value")
    series = library.find("co2")
    known = np.isfinite(raw)
    assert (~known).sum() > 0
    np.testing.assert_array_equal(series.values[known], raw[known])
    assert series.values[3] == pytest.approx((raw[2] + raw[4]) / 2)
    assert str((~known).sum()) in series.notes[0]


# --- uploads ---


def test_an_upload_is_named_by_its_content() -> None:
    one, same, other, renamed = (
        series_from_values(title, walk(seed=seed)) for title, seed in (("a", 0), ("a", 0), ("a", 1), ("b", 0))
    )
    assert one.name == same.name
    assert len({one.name, other.name, renamed.name}) == 3
    assert library.is_own(one.name) and not library.is_own("co2")
    assert one.source and one.title == "a"


def test_gaps_and_infinities_of_an_upload_are_filled_in_a_straight_line() -> None:
    values = np.arange(100.0) ** 1.5
    broken = values.copy()
    broken[[10, 11, 50]] = np.nan, np.inf, -np.inf
    series = series_from_values("level", broken)
    assert series.values[10] == pytest.approx(values[9] + (values[12] - values[9]) / 3)
    assert series.values[11] == pytest.approx(values[9] + (values[12] - values[9]) * 2 / 3)
    assert series.notes == ("3 missing value(s) were filled by linear interpolation.",)
    assert np.isnan(broken[10]), "the reader's own array stays as it was"


def test_of_a_long_upload_the_latest_values_are_used() -> None:
    values = walk(MOST + 10)
    series = series_from_values("level", values)
    np.testing.assert_array_equal(series.values, values[10:])
    assert "Only the last 50,000 of 50,010" in series.notes[0]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (walk(29), "has 29 numbers: a series needs at least 30"),
        (np.full(100, np.nan), "has 0 numbers"),
        (np.full(100, 3.0), "hardly ever changes"),
        (np.r_[np.full(90, 3.0), walk(10)], "hardly ever changes"),
        (np.r_[np.full(170, np.nan), walk(35)], "hardly ever changes"),
        (np.r_[walk(60), np.full(90, 1e120)], "beyond 1e100"),
        (np.r_[walk(100) * 1e-9, 1e99], "far beyond all earlier ones"),
    ],
)
def test_a_series_to_learn_nothing_from_is_refused(values: np.ndarray, says: str) -> None:
    with pytest.raises(SeriesError, match=says) as refused:
        series_from_values("level", values)
    assert str(refused.value).endswith(".") and "“level”" in str(refused.value)


def test_an_upload_is_found_once_it_is_registered() -> None:
    series = series_from_values("level", walk())
    assert not library.is_here(series.name)
    with pytest.raises(SeriesError, match="upload the file again"):
        library.find(series.name)
    assert library.register(series) == series.name
    assert library.find(series.name) is series and library.is_here(series.name)
    with pytest.raises(SeriesError, match="choose one of el_nino, co2, sunspots"):
        library.find("unknown")
    assert not library.is_here("unknown")


def test_the_least_recently_used_uploads_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "REMEMBERED_VALUES", 1000)
    names = [library.register(series_from_values("level", walk(300, seed))) for seed in range(3)]
    library.find(names[0])
    latest = library.register(series_from_values("level", walk(300, 3)))
    assert [library.is_here(name) for name in (*names, latest)] == [True, False, True, True]
    huge = library.register(series_from_values("level", walk(5000)))
    assert library.is_here(huge) and not library.is_here(names[0]), "one that is larger than all that is kept stays"


def test_a_link_to_an_upload_that_is_gone_is_still_an_experiment() -> None:
    experiment = Experiment(task="series", series="own-0123456789abcdef", length=200)
    assert Experiment.from_query(experiment.to_query()) == experiment
    with pytest.raises(SeriesError, match="upload the file again"):
        initial_state(experiment)


def test_an_uploads_own_limits_hold_once_it_is_here() -> None:
    name = library.register(series_from_values("level", walk(100)))
    with pytest.raises(ExperimentError, match="too long for a series of 100 values"):
        Experiment(task="series", series=name, length=50)
    experiment, problems = Experiment.from_query_leniently({"task": "series", "series": name, "length": "50"})
    assert experiment.length == task_of(experiment).default_length == 20
    assert len(problems) == 1


def test_a_series_survives_the_way_to_a_worker() -> None:
    series = series_from_values("level", walk())
    arrived: Series = pickle.loads(pickle.dumps(series))
    assert arrived.name == series.name
    np.testing.assert_array_equal(arrived.values, series.values)


def scaled(values: np.ndarray) -> Iterator[np.ndarray]:
    """The same measurements in other units."""
    yield from (values * 1e-12, values * 1e12, values - 1e6, -values)


def test_the_unit_of_measurement_makes_no_difference_to_learning() -> None:
    """All but the sign and the rounding of the standardised changes is the same, whatever the unit."""
    task = task_on(walk())
    expected = task.sample(generator(0, Stream.TRAINING, 0), 12, 8).inputs
    for values in scaled(walk()):
        inputs = task_on(values).sample(generator(0, Stream.TRAINING, 0), 12, 8).inputs
        np.testing.assert_allclose(np.abs(inputs), np.abs(expected), rtol=1e-3, atol=1e-4)


def test_a_straight_line_is_no_trouble() -> None:
    name = library.register(series_from_values("level", np.arange(100.0)))
    experiment = Experiment(task="series", series=name, length=10, hidden_size=4)
    chunk = train_chunk(experiment, initial_state(experiment), 5)
    assert np.isfinite(chunk.score) and np.isfinite(chunk.log.loss).all()
    assert task_of(experiment).chance(10).metric == pytest.approx(1)
    assert replace(experiment, seed=1).series == name
