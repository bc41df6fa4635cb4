"""All that a viewer's session keeps. Nothing else touches `st.session_state`, but for the widgets' own keys."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from engine.executor import Workers
from engine.experiment import Experiment
from engine.rules import Change
from engine.runs import Run
from engine.setup import Setup
from engine.store import ChunkStore
from engine.sweep import Job, Progress, Results, Sweep

T = TypeVar("T")
P = TypeVar("P", bound=Progress)

LINK_LAG = 3.0  # seconds in which the browser may not have heard yet that the link has changed
INSISTENCE = 1.5  # seconds in which the browser may not have heard yet that a widget was set
_PREFIX = "kept."


@st.cache_resource(show_spinner=False)
def workers() -> Workers:
    """The worker processes of the whole process."""
    gc.collect()
    gc.freeze()  # what is loaded by now stays: no collection has to look through it again
    return Workers()


@st.cache_resource(show_spinner=False)
def chunk_store() -> ChunkStore:
    """The one store of chunks."""
    return ChunkStore(workers())


@st.cache_resource(show_spinner=False)
def results() -> Results:
    """The one store of what sweeps have found."""
    return Results(workers())


FILMS, FILM_BYTES = 2, 1_000_000
"""A viewer's so many last runs keep their whole film, the others so many bytes of it."""


def run_for(name: str, experiments: tuple[Experiment, ...], wait: bool = False) -> Run:
    """The viewer's run called `name`: the one that is on if it can go on as `experiments`, else a new one.

    Args:
        wait: whether a first run waits until it is played. A run that follows another goes on as that did.
    """
    _look_at(name)
    before = current_run(name)
    if before is not None and before.follow(experiments):
        return before
    run = start_run(name, experiments)
    if wait and (before is None or not (before.playing or before.step)):
        run.pause()
    return run


def run_beside(name: str, experiments: tuple[Experiment, ...]) -> Run:
    """Like `run_for`, but networks that are there already stand where they stand, and new ones catch up."""
    _look_at(name)
    before = current_run(name)
    if before is None:
        return start_run(name, experiments)
    return before if before.follow(experiments) else _begin(name, before.succeeded_by(experiments))


def start_run(name: str, experiments: tuple[Experiment, ...]) -> Run:
    """A new run from the seed; the workers do nothing more for the one before."""
    before = current_run(name)
    if before is not None:
        before.close()
    return _begin(name, Run(chunk_store(), experiments))


def _begin(name: str, run: Run) -> Run:
    _set(f"{name}.run", run)
    _set(f"{name}.run_number", run_number(name) + 1)
    return run


def current_run(name: str) -> Run | None:
    """The viewer's run called `name`, if there is one."""
    run: Run | None = _get(f"{name}.run")
    return run


def _look_at(name: str) -> None:
    """Note that the run called `name` is looked at, and shrink the films of those that were long ago."""
    last: tuple[str, ...] = _get("runs looked at") or ()
    if last[:1] == (name,):
        return
    names = (name, *(each for each in last if each != name))
    _set("runs looked at", names)
    for each in names[FILMS:]:
        run = current_run(each)
        if run is not None:
            run.film.shrink(FILM_BYTES)


def run_number(name: str) -> int:
    """How many runs called `name` the viewer has started."""
    return int(_get(f"{name}.run_number") or 0)


def sweep_for(name: str, key: object, jobs: Callable[[], Sequence[Job[P]]]) -> Sweep[P]:
    """The viewer's sweep called `name` over `jobs()`; a new one, which waits to be played, if `key` is new."""

    def make() -> Sweep[P]:
        sweep = Sweep(results(), jobs())
        sweep.pause()
        return sweep

    return kept(f"{name}.sweep", key, make)


def kept(name: str, key: object, make: Callable[[], T]) -> T:
    """What `make()` gave for `key`; made anew only when `key` is another one than last time."""
    last: tuple[object, T] | None = _get(name)
    if last is not None and last[0] == key:
        return last[1]
    made = make()
    _set(name, (key, made))
    return made


def kept_now(name: str) -> Any:
    """What `kept` gave by this name last time, or None."""
    last: tuple[object, Any] | None = _get(name)
    return last[1] if last else None


def remembered(name: str) -> Any:
    """What was remembered by this name, or None."""
    return _get(name)


def remember(name: str, value: Any) -> None:
    """Remember `value` by this name."""
    _set(name, value)


def setup_of_link(parse: Callable[[dict[str, str]], T]) -> T | None:
    """What `parse` makes of the link, if the link is not one that this session wrote itself."""
    items = dict(st.query_params.to_dict())
    written: dict[str, str] | None = _get("link")
    if items == written or (written is not None and not items) or _was_just_replaced(items):
        return None
    _set("link", items)
    return parse(items)


def write_link(items: dict[str, str]) -> None:
    """Make the address bar say `items`."""
    kept = {name: value for name, value in st.query_params.to_dict().items() if name.startswith("embed")}
    if st.query_params.to_dict() != kept | items:
        st.query_params.from_dict(kept | items)
    link = st.query_params.to_dict()
    if link != _get("link"):
        _set("replaced links", [*(_get("replaced links") or [])[-20:], (_get("link"), time.monotonic())])
    _set("link", link)


def _was_just_replaced(items: dict[str, str]) -> bool:
    """Whether the link was replaced a moment ago; the browser sends the old one with what a viewer does just then."""
    since = time.monotonic() - LINK_LAG
    return any(link == items and moment > since for link, moment in _get("replaced links") or [])


def last_setup() -> Setup | None:
    """What the playground was about when this viewer was last there."""
    setup: Setup | None = _get("setup")
    return setup


def keep_setup(setup: Setup) -> None:
    """Remember what the playground is about."""
    _set("setup", setup)


def changes() -> tuple[Change, ...]:
    """Settings changed in mid-run."""
    made: tuple[Change, ...] = _get("changes") or ()
    return made


def set_changes(made: tuple[Change, ...]) -> None:
    """Remember settings changed in mid-run."""
    _set("changes", made)


def pins() -> tuple[Experiment, ...]:
    """What the viewer has pinned in the playground, whether or not it is shown."""
    pinned: tuple[Experiment, ...] = _get("pins") or ()
    return pinned


def set_pins(pinned: tuple[Experiment, ...]) -> None:
    """Remember what is pinned."""
    _set("pins", pinned)


def own_series() -> str | None:
    """The name of the viewer's uploaded series, if there is one."""
    name: str | None = _get("own_series")
    return name


def set_own_series(name: str | None) -> None:
    """Remember the name of the viewer's uploaded series."""
    _set("own_series", name)


def notice() -> str | None:
    """What the viewer has to be told, until it is taken back."""
    text: str | None = _get("notice")
    return text


def set_notice(text: str | None) -> None:
    """Tell the viewer `text`, or take it back."""
    _set("notice", text)


def is_narrow() -> bool:
    """Whether the browser has said that the viewer's screen is as narrow as a phone's."""
    return bool(_get("narrow"))


def note_narrow_of(chart: str) -> None:
    """Remember what the chart with key `chart` says of the screen's width; a callback."""
    _set("narrow", bool((st.session_state.get(chart) or {}).get("narrow")))


def note_past_wanted(chart: str) -> None:
    """Remember what the chart with key `chart` has just asked for of a run's past; a callback."""
    _set(f"{chart}.past", (st.session_state.get(chart) or {}).get("past"))


def take_past_wanted(chart: str) -> dict[str, Any] | None:
    """What the chart with key `chart` has asked for of a run's past, once."""
    wanted: dict[str, Any] | None = _get(f"{chart}.past")
    _set(f"{chart}.past", None)
    return wanted


def chart_failed() -> bool:
    """Whether the viewer's browser could not load plotly.js."""
    return bool(_get("chart_failed"))


def note_chart_failed() -> None:
    """Remember that the viewer's browser could not load plotly.js."""
    _set("chart_failed", True)


def next_frame_number() -> int:
    """1, then 2, and so on."""
    number = int(_get("frame") or 0) + 1
    _set("frame", number)
    return number


def give_way() -> None:
    """End this script run here if the viewer has done something that calls for a newer one.

    Streamlit looks for that whenever the session's state is read.
    """
    _get("run")


def widget(name: str) -> Any:
    """The value of the widget with key `name`, or None."""
    return st.session_state.get(name)


def set_widget(name: str, value: Any) -> None:
    """Set the widget with key `name`, before it is made or from a callback."""
    before = widget(name)
    if before is not None and before != value:
        _set("set", {**(_get("set") or {}), name: (before, time.monotonic())})
    st.session_state[name] = value


def insist(values: Mapping[str, Any]) -> None:
    """Set widgets, from a part of the page that runs by itself; the page has to be rerun.

    For a moment the browser goes on sending what its widgets said before, which would overrule it.
    """
    _set("insisted", (dict(values), time.monotonic()))
    set_insisted()


def set_insisted() -> None:
    """Set once more what was insisted on a moment ago, before the widgets are made."""
    for name, value in _insisted().items():
        set_widget(name, value)


def is_overruled() -> bool:
    """Whether the browser has overruled what was insisted on a moment ago."""
    return any(widget(name) != value for name, value in _insisted().items())


def widgets() -> dict[str, Any]:
    """Key → value of each widget, but for the charts."""
    return {
        str(name): value
        for name, value in st.session_state.to_dict().items()
        if not str(name).startswith(_PREFIX) and not isinstance(value, Mapping)
    }


def is_late(name: str, value: Any) -> bool:
    """Whether the widget with key `name` said `value` until it was set here a moment ago.

    The browser may not have heard of that yet, and go on saying it.
    """
    before, moment = (_get("set") or {}).get(name, (None, 0.0))
    return bool(value == before and time.monotonic() - moment < LINK_LAG)


def _insisted() -> dict[str, Any]:
    values, moment = _get("insisted") or ({}, 0.0)
    return values if time.monotonic() - moment < INSISTENCE else {}


def _get(name: str) -> Any:
    return st.session_state.get(_PREFIX + name)


def _set(name: str, value: Any) -> None:
    st.session_state[_PREFIX + name] = value
