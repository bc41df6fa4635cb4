"""Measured series to forecast: the shipped ones, and the reader's own."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from engine.csv_table import column_numbers, read_table
from engine.errors import SeriesError

DATA = Path(__file__).parent / "data"
FEWEST, MOST = 30, 50_000  # values of a series
TRAINING_SHARE = 0.8  # of a series' changes, the earliest; the others are kept back to judge by
REMEMBERED_VALUES = 1_000_000  # of uploaded series kept in a process, 8 MB
OWN_PREFIX = "own-"


@dataclass(frozen=True, eq=False)
class Series:
    """Measured values at equal intervals, oldest first.

    Attributes:
        name: identifier, as in a URL; `own-…` with a digest of the values for the reader's own.
        title: what is measured.
        unit: of the values, for the axis.
        interval: what one step is ("month").
        values: (n,) float64, finite.
        times: n labels, or empty.
        source, licence: of the data, for the screen.
        notes: what had to be done to the data, in sentences.
    """

    name: str
    title: str
    unit: str
    interval: str
    values: np.ndarray
    times: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Shipped:
    title: str
    unit: str
    interval: str
    source: str
    licence: str = "public domain"


_SHIPPED = {
    "el_nino": _Shipped(
        "Sea-surface temperature, El Niño region",
        "°C",
        "month",
        "NOAA, ERSST.V3B, Niño 1+2 (0–10° S, 90–80° W), 1950–2010",
    ),
    "co2": _Shipped(
        "Carbon dioxide in the air, Mauna Loa",
        "ppm",
        "month",
        "Keeling & Whorf (2004), Scripps Institution of Oceanography, by way of CDIAC; 1958–2001, "
        "means of weekly values",
    ),
    "sunspots": _Shipped(
        "Sunspots",
        "spots",
        "year",
        "NOAA National Geophysical Data Center, yearly sunspot activity, 1700–2008",
    ),
}
SHIPPED = tuple(_SHIPPED)
"""Names of the series that come with the app."""

_own: OrderedDict[str, Series] = OrderedDict()
_own_lock = threading.Lock()


def series_from_values(title: str, values: np.ndarray, notes: tuple[str, ...] = ()) -> Series:
    """The reader's own series, cleaned, checked and named by its content.

    Args:
        title: what is measured, a column's name say.
        values: (n,) numbers; NaN and infinity count as missing and are filled by linear interpolation.

    Raises:
        SeriesError: too few values, or all of them alike.
    """
    values = np.asarray(values, dtype=np.float64)
    notes = tuple(notes)
    if len(values) > MOST:
        notes += (f"Only the last {MOST:,} of {len(values):,} values are used.",)
        values = values[-MOST:]
    missing = ~np.isfinite(values)
    if len(values) - missing.sum() < FEWEST:
        raise SeriesError(
            f"“{title}” has {len(values) - missing.sum()} numbers: a series needs at least {FEWEST} to learn from."
        )
    if np.abs(values[~missing]).max() > 1e100:
        raise SeriesError(f"“{title}” has values beyond 1e100: rescale the column and upload it again.")
    if missing.any():
        notes += (f"{missing.sum():,} missing value(s) were filled by linear interpolation.",)
        values = _fill(values, missing)
    training = values[: training_values(len(values))]
    if np.ptp(training) == 0:
        raise SeriesError(f"“{title}” hardly ever changes: choose a column whose values vary.")
    if np.ptp(values) > 1e30 * np.ptp(training):  # which float32 could not hold after standardisation
        raise SeriesError(f"“{title}” ends in values far beyond all earlier ones: correct them and upload it again.")
    digest = hashlib.sha256(title.encode() + values.tobytes()).hexdigest()[:16]
    return Series(OWN_PREFIX + digest, title, "", "step", values, source="your own file", notes=notes)


def training_values(count: int) -> int:
    """How many of `count` values the training part has: those that its changes are between."""
    return 1 + int(TRAINING_SHARE * (count - 1))


def register(series: Series) -> str:
    """Make `series` known in this process by its name, which is returned. The oldest give way when many come."""
    with _own_lock:
        _own[series.name] = series
        _own.move_to_end(series.name)
        while len(_own) > 1 and sum(len(each.values) for each in _own.values()) > REMEMBERED_VALUES:
            _own.popitem(last=False)
    return series.name


def find(name: str) -> Series:
    """The series called `name`.

    Raises:
        SeriesError: not shipped, and not registered in this process (any more).
    """
    if name in _SHIPPED:
        return _load(name)
    with _own_lock:
        if name in _own:
            _own.move_to_end(name)
            return _own[name]
    if name.startswith(OWN_PREFIX):
        raise SeriesError("This link is about an uploaded file that is no longer here: upload the file again.")
    raise SeriesError(f"series={name!r} is unknown: choose one of {', '.join(_SHIPPED)}.")


def is_own(name: str) -> bool:
    """Whether `name` is that of an uploaded series."""
    return name.startswith(OWN_PREFIX)


def is_here(name: str) -> bool:
    """Whether `find(name)` would succeed."""
    with _own_lock:
        return name in _SHIPPED or name in _own


@cache
def _load(name: str) -> Series:
    about = _SHIPPED[name]
    table = read_table((DATA / f"{name}.csv").read_bytes())
    values = column_numbers(table, "value")
    missing = ~np.isfinite(values)
    notes = (f"{missing.sum()} missing value(s) were filled by linear interpolation.",) if missing.any() else ()
    return Series(
        name,
        about.title,
        about.unit,
        about.interval,
        _fill(values, missing),
        times=table.columns["time"],
        source=about.source,
        licence=about.licence,
        notes=notes,
    )


def _fill(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """`values` with the missing ones replaced by linear interpolation, in the training part from that part alone."""
    at = np.arange(len(values))
    filled = np.interp(at, at[~missing], values[~missing])
    end = training_values(len(values))
    known = at[:end][~missing[:end]]
    return filled if not len(known) else np.concatenate([np.interp(at[:end], known, values[known]), filled[end:]])
