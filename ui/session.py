"""All that a viewer's session keeps. Nothing else touches `st.session_state`, but for the widgets' own keys."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from engine.executor import Workers
from engine.experiment import Change
from engine.runs import Run
from engine.setup import Setup
from engine.store import ChunkStore
from figures.playground import Look, PlaygroundFigure

T = TypeVar("T")

CHART_KEY = "live"
_PREFIX = "playground."


@st.cache_resource(show_spinner=False)
def chunk_store() -> ChunkStore:
    """The one store of chunks, with its workers, of the whole process."""
    gc.collect()
    gc.freeze()  # what is loaded by now stays: no collection has to look through it again
    return ChunkStore(Workers())


def run_for(setup: Setup) -> Run:
    """This viewer's run: the one that is on if it can go on as `setup`, else a new one from the seed."""
    run: Run | None = _get("run")
    if run is not None and run.follow(setup.experiments):
        return run
    return start_run(setup)


def start_run(setup: Setup) -> Run:
    """A new run from the seed; the workers do nothing more for the one before."""
    before: Run | None = _get("run")
    if before is not None:
        before.close()
    run = Run(chunk_store(), setup.experiments)
    _set("run", run)
    _set("run_number", run_number() + 1)
    return run


def current_run() -> Run | None:
    """This viewer's run, if there is one."""
    run: Run | None = _get("run")
    return run


def run_number() -> int:
    """How many runs this viewer has started."""
    return int(_get("run_number") or 0)


def figure_for(setup: Setup, look: Look) -> PlaygroundFigure:
    """The figure of `setup` as the viewer wants to see it, laid out once."""
    return kept("figure", (setup, look), lambda: PlaygroundFigure(setup.experiments, look))


def kept(name: str, key: object, make: Callable[[], T]) -> T:
    """What `make()` gave for `key`; made anew only when `key` is another one than last time."""
    last: tuple[object, T] | None = _get(name)
    if last is not None and last[0] == key:
        return last[1]
    made = make()
    _set(name, (key, made))
    return made


def setup_of_link(parse: Callable[[dict[str, str]], T]) -> T | None:
    """What `parse` makes of the link, if the link is not the one that this session wrote itself."""
    items = dict(st.query_params.to_dict())
    written: dict[str, str] | None = _get("link")
    if items == written or (written is not None and not items):
        return None
    _set("link", items)
    return parse(items)


def write_link(items: dict[str, str]) -> None:
    """Make the address bar say `items`."""
    kept = {name: value for name, value in st.query_params.to_dict().items() if name.startswith("embed")}
    if st.query_params.to_dict() != kept | items:
        st.query_params.from_dict(kept | items)
    _set("link", st.query_params.to_dict())


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
    return bool((st.session_state.get(CHART_KEY) or {}).get("narrow"))


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
    st.session_state[name] = value


def _get(name: str) -> Any:
    return st.session_state.get(_PREFIX + name)


def _set(name: str, value: Any) -> None:
    st.session_state[_PREFIX + name] = value
