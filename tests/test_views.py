"""The views of the playground: each opens for every network, and analyses come from the workers without waiting."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, Future
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from engine import Experiment
from engine.lane import Lane
from tests.test_pages import opened
from ui import session
from ui.payload import Encoder, encode
from ui.views import VIEWS
from ui.views.analysed import analysed, begin_frame, is_behind


@pytest.mark.parametrize("cells", ["rnn,gru,lstm", "window,lstm"])
@pytest.mark.parametrize("name", VIEWS)
def test_every_view_opens_for_every_network_and_says_what_to_look_for(name: str, cells: str) -> None:
    app = opened(f"cells={cells}&length=8&hidden_size=4&steps=20")
    if len(VIEWS) > 1:
        app.selectbox(key="view").select(name).run()
    assert not app.exception and not app.error
    setup = app.session_state["kept.setup"]
    assert all(title and sentence for title, sentence in VIEWS[name].guide(setup))
    shown = app.session_state["kept.playground.figure"][1].show(app.session_state["kept.playground.run"])
    assert shown.data and all(label.html is not None for label in shown.labels)


@pytest.mark.parametrize("task", ["adding", "recall", "series"])
@pytest.mark.parametrize("name", VIEWS)
def test_what_an_encoder_remembers_of_a_figure_is_what_it_would_write_anew(name: str, task: str) -> None:
    app = opened(f"task={task}&length=12&hidden_size=5&steps=400")
    app.selectbox(key="view").select(name).run()
    run, figure = app.session_state["kept.playground.run"], app.session_state["kept.playground.figure"][1]
    encoder, seen = Encoder(), set()
    while not run.over and run.step < 300:  # past the first time that the axes grow
        canvas = figure.show(run)
        content = {"version": canvas.version, "data": canvas.data, "layout": canvas.layout}
        seen.add(encoder.encode(content))
        assert encoder.encode(content) == encode(content)
        run.next_frame(5)
    assert len(seen) > 1 and canvas.version


def double(number: int) -> int:
    return 2 * number


class Asked:
    """Stands in for the worker pool; answers when told."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []
        self.keys: list[object] = []

    def request(self, key: object, function: Any, argument: Any) -> Future[Any]:
        self.keys.append(key)
        self.futures.append(Future())
        return self.futures[-1]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """A session that is a dictionary, and workers that wait."""
    pool, kept = Asked(), {}
    monkeypatch.setattr(session, "results", lambda: pool)
    monkeypatch.setattr(session, "_get", kept.get)
    monkeypatch.setattr(session, "_set", kept.__setitem__)
    return pool


def lane_at(step: int, **settings: Any) -> Lane:
    lane = Lane(Experiment(length=4, hidden_size=2, batch_size=2, **settings))
    lane.chunk = SimpleNamespace(state=SimpleNamespace(step=step))  # type: ignore[assignment]
    return lane


def test_an_analysis_never_waits_and_is_asked_for_once_at_a_time(asked: Asked) -> None:
    for step in (0, 8, 16):
        begin_frame()
        assert analysed("a", lane_at(step), double, lambda: 1) is None and is_behind()
    assert len(asked.futures) == 1
    asked.futures[0].set_result(2)
    begin_frame()
    assert analysed("a", lane_at(16), double, lambda: 1) == (0, 2)
    assert is_behind() and len(asked.futures) == 2
    asked.futures[1].set_result(4)
    begin_frame()
    assert analysed("a", lane_at(16), double, lambda: 1) == (16, 4)
    assert not is_behind() and len(asked.futures) == 2


def test_another_network_or_choice_is_another_analysis(asked: Asked) -> None:
    for settings, choice in (({}, 1), ({}, 2), ({"seed": 5}, 2)):
        assert analysed("a", lane_at(0, **settings), double, lambda: 1, choice) is None
        asked.futures[-1].set_result(choice)
        assert analysed("a", lane_at(0, **settings), double, lambda: 1, choice) == (0, choice)
    assert len(set(asked.keys)) == 3


def test_an_analysis_whose_worker_died_is_asked_for_again(asked: Asked) -> None:
    analysed("a", lane_at(0), double, lambda: 1)
    asked.futures[0].set_exception(BrokenExecutor())
    assert analysed("a", lane_at(0), double, lambda: 1) is None and len(asked.futures) == 2


def test_an_analysis_of_the_real_workers_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Any] = {}
    with patch.object(session, "_get", kept.get), patch.object(session, "_set", kept.__setitem__):
        analysed("a", lane_at(0), abs, lambda: -3)
        asked = kept["analysis.a"][1].asked
        if asked is not None:  # else it has come at once
            asked[1].result(60)
        assert analysed("a", lane_at(0), abs, lambda: -3) == (0, 3)
