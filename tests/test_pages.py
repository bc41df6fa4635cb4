"""The pages by AppTest: they open, their widgets make experiments, and bad input is met with one sentence."""

from __future__ import annotations

import random
from concurrent.futures import BrokenExecutor
from pathlib import Path
from unittest.mock import patch
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from engine import TASKS
from engine.experiment import RULES
from engine.setup import Setup
from figures.canvas import Canvas
from ui import controls, session

APP = str(Path(__file__).parent.parent / "app.py")


def opened(query: str = "") -> AppTest:
    """The app, opened by a link."""
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in parse_qsl(query, keep_blank_values=True):
        app.query_params[name] = value
    return app.run()


def setup_of(app: AppTest) -> Setup:
    """The setup that the page has understood."""
    setup = app.session_state["kept.setup"]
    assert isinstance(setup, Setup)
    return setup


def test_opens_on_the_adding_problem_with_rnn_beside_lstm() -> None:
    app = opened()
    assert not app.exception and not app.warning and not app.error
    experiment = setup_of(app).experiment
    assert (experiment.task, experiment.length, setup_of(app).cells) == ("adding", 50, ("rnn", "lstm"))
    assert app.session_state["kept.playground.run"].playing


@pytest.mark.parametrize("task", list(TASKS))
def test_every_task_opens_at_its_own_length(task: str) -> None:
    app = opened()
    app.selectbox(key="task").select(task).run()
    assert not app.exception and not app.error
    experiment = setup_of(app).experiment
    assert (experiment.task, experiment.length) == (task, TASKS[task].default_length)
    assert TASKS[task].description in " ".join(each.value for each in app.caption)


def test_every_slider_retrains_at_once_from_the_seed() -> None:
    app = opened()
    for key, value in (("length", 30), ("hidden_size", 16)):
        before = app.session_state["kept.playground.run_number"]
        app.slider(key=key).set_value(value).run()
        assert app.session_state["kept.playground.run_number"] == before + 1
        assert getattr(setup_of(app).experiment, key) == value
        assert app.session_state["kept.playground.run"].lanes[0].step == 0
    app.select_slider(key="learning_rate").set_value(0.01).run()
    assert setup_of(app).experiment.learning_rate == 0.01


def test_the_budget_changes_without_a_restart() -> None:
    app = opened()
    run = app.session_state["kept.playground.run"]
    app.select_slider(key="steps").set_value(500).run()
    assert app.session_state["kept.playground.run"] is run
    assert run.lanes[0].experiment.steps == 500


def test_widgets_that_an_interrupted_run_did_not_reach_are_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    last, _ = Setup.from_query_leniently({"cells": "gru", "activation": "relu", "clip_norm": "off", "batch_size": "8"})
    widgets: dict[str, object] = {"batch_size": 16, "cells": []}
    monkeypatch.setattr(session, "last_setup", lambda: last)
    monkeypatch.setattr(session, "widget", widgets.get)
    monkeypatch.setattr(session, "set_widget", widgets.__setitem__)
    controls._restore_what_is_lost()
    assert (widgets["activation"], widgets["clip_norm"], widgets["length"]) == ("relu", "off", 50)
    assert (widgets["batch_size"], widgets["cells"]) == (16, []), "what is there stays"


def test_the_link_says_what_the_widgets_say() -> None:
    app = opened()
    app.slider(key="length").set_value(30).run()
    assert app.query_params["length"] == "30"
    other = opened("&".join(f"{name}={value}" for name, value in app.query_params.items()))
    assert setup_of(other) == setup_of(app)


def test_a_link_opens_exactly_what_it_says() -> None:
    query = (
        "task=parity&length=17&cells=gru&hidden_size=33&learning_rate=0.0123"
        "&clip_norm=off&seed=99&layers=2&changes=40:0.001:0.5"
    )
    app = opened(query)
    assert not app.exception and not app.warning
    setup = setup_of(app)
    assert setup.cells == ("gru",)
    assert setup.experiment.hidden_size == 33
    assert setup.experiment.learning_rate == 0.0123
    assert setup.experiment.clip_norm is None
    assert setup.experiment.changes[0].step == 40


def test_edited_links_open_a_valid_experiment_with_at_most_one_notice() -> None:
    draw = random.Random(5)
    values = ["", "0", "-1", "1e9", "nan", "lstm", "адд", "<b>", "50", "off", "0.003", "3:4", "x" * 300]
    for _ in range(25):
        names = draw.sample([*RULES, "cells", "nonsense", "cell"], k=draw.randint(1, 5))
        app = opened("&".join(f"{name}={draw.choice(values)}" for name in names))
        assert not app.exception and not app.error
        assert len(app.warning) <= 1
        assert setup_of(app).experiments


def test_no_network_chosen_keeps_the_last_ones() -> None:
    app = opened()
    app.pills(key="cells").set_value([]).run()
    assert not app.exception
    assert setup_of(app).cells == ("rnn", "lstm")


def test_new_seed_starts_a_new_run() -> None:
    app = opened()
    before = app.session_state["kept.playground.run"]
    app.button(key="new_seed").click().run()
    assert app.session_state["kept.playground.run"] is not before
    assert setup_of(app).experiment.seed == app.number_input(key="seed").value


def captions(app: AppTest) -> str:
    """All small print of the page."""
    return " ".join(each.value for each in app.caption)


def test_a_pinned_network_stands_beside_what_is_changed_next_and_is_not_trained_again() -> None:
    app = opened("cells=lstm&length=8&hidden_size=6&seed=61")
    run = app.session_state["kept.playground.run"]
    while run.step < 40:
        run.next_frame(1)
    run.pause()
    app.button(key="pin lstm").click().run()
    assert "LSTM as it is: now change a setting" in captions(app)
    assert app.session_state["kept.playground.run"] is run and "pin" not in app.query_params
    app.select_slider(key="learning_rate").set_value(0.01).run()
    assert not app.exception and not app.error
    after = app.session_state["kept.playground.run"]
    assert setup_of(app).titles == ("LSTM", "LSTM · learning rate 0.003")
    assert after.lanes[1].step >= 40 and after.lanes[0].experiment.learning_rate == 0.01
    assert after.lanes[1].losses.values[:40].tobytes() == run.lanes[0].losses.values[:40].tobytes()
    assert "**LSTM · learning rate 0.003**" in captions(app)
    assert app.query_params["pin"] == "learning_rate:0.003"
    assert setup_of(opened(app_link(app))) == setup_of(app)
    app.button(key="unpin 0").click().run()
    assert setup_of(app).titles == ("LSTM",) and "pin" not in app.query_params
    assert app.session_state["kept.playground.run"].lanes[0].step >= after.lanes[0].step


def app_link(app: AppTest) -> str:
    """The query in the address bar."""
    return "&".join(f"{name}={value}" for name, value in app.query_params.items())


def test_three_networks_side_by_side_are_enough() -> None:
    app = opened("length=8&hidden_size=6&seed=62")
    assert not app.button(key="pin rnn").disabled and not app.button(key="pin lstm").disabled
    app.button(key="pin rnn").click().run()
    assert app.button(key="pin rnn").disabled and app.button(key="pin lstm").disabled
    app.slider(key="hidden_size").set_value(7).run()
    assert setup_of(app).titles == ("RNN", "LSTM", "RNN · 6 units")
    app.pills(key="cells").set_value(["rnn", "gru", "lstm"]).run()
    assert not app.exception and not app.error
    assert setup_of(app).titles == ("RNN", "GRU", "LSTM")
    assert "RNN · 6 units is not shown: no room for it beside the others." in captions(app)
    app.pills(key="cells").set_value(["rnn"]).run()
    assert setup_of(app).titles == ("RNN", "RNN · 6 units")


def test_a_pinned_network_that_does_not_suit_another_task_is_told_and_comes_back() -> None:
    app = opened("task=cycle&cells=rnn&length=20&hidden_size=6&target_way=units")
    app.button(key="pin rnn").click().run()
    app.selectbox(key="task").select("parity").run()
    assert not app.exception and not app.error
    assert "is not shown: it does not suit these settings." in captions(app)
    assert setup_of(app).titles == ("RNN",)
    app.selectbox(key="task").select("cycle").run()
    assert setup_of(app).titles == ("RNN", "RNN · units as output")


@pytest.mark.parametrize("task", ["adding", "cycle", "parity"])
def test_any_pinned_network_opens_by_a_link(task: str) -> None:
    app = opened(f"task={task}&cells=gru,lstm&length=12&hidden_size=5&pin=hidden_size:4,layers:2,cell:window")
    assert not app.exception and not app.warning
    assert setup_of(app).titles == ("GRU", "LSTM", "Feed-forward · 4 units, 2 layers")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (bytes(range(256)) * 20, "not text"),
        (b"name\nanna\nberta\n", "no column of numbers"),
        (b"value\n3\n", "at least"),
        (b"value\n" + b"7\n" * 100, "hardly ever changes"),
    ],
)
def test_a_bad_upload_gets_one_clear_sentence(content: bytes, says: str) -> None:
    app = opened("task=series&length=20")
    app.segmented_control(key="series").set_value("own").run()
    app.file_uploader(key="upload").upload("data.csv", content).run()
    assert not app.exception
    assert len(app.error) == 1 and says in app.error[0].value
    assert setup_of(app).experiment.task == "series"


def test_a_good_upload_is_trained_on() -> None:
    app = opened("task=series&length=20")
    app.segmented_control(key="series").set_value("own").run()
    rows = "\n".join(f"{day};{(day * 7) % 13},5" for day in range(200))
    app.file_uploader(key="upload").upload("data.csv", b"\xef\xbb\xbfday;level\n" + rows.encode()).run()
    assert not app.exception and not app.error
    column = next(box for box in app.selectbox if box.label == "Column")
    assert column.value == "level", "the first column only counts the rows"
    column.select("level").run()
    setup = setup_of(app)
    assert setup.experiment.series.startswith("own-")
    assert app.session_state["kept.playground.run"].lanes[0].task.series.title == "level"


def test_workers_that_keep_dying_are_met_with_a_sentence_and_play_tries_again() -> None:
    app = opened("seed=77")
    with patch("engine.store.ChunkStore.request", side_effect=BrokenExecutor):
        app.slider(key="hidden_size").set_value(11).run()
        run = app.session_state["kept.playground.run"]
        assert not app.exception
        assert "press Play" in app.error[0].value
        assert not run.playing
    app.button(key="play").click().run()
    assert run.playing and not app.exception and not app.error


def test_the_figure_is_drawn_by_streamlit_where_plotly_js_can_not_be_loaded() -> None:
    app = AppTest.from_file(APP, default_timeout=60)
    app.session_state["kept.chart_failed"] = True
    app.run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 1


def test_canvas_is_what_the_session_keeps() -> None:
    app = opened()
    assert isinstance(app.session_state["kept.playground.figure"][1].canvas, Canvas)


def test_a_change_in_mid_run_needs_a_run_that_goes_on_and_something_to_change() -> None:
    app = opened("cells=rnn&length=5&hidden_size=2&steps=200&seed=78")
    run = app.session_state["kept.playground.run"]
    assert app.button(key="apply").disabled, "the settings are as they were"
    app.select_slider(key="rate_now").set_value(0.03).run()
    assert not app.button(key="apply").disabled
    while not run.over:
        run.next_frame(1)
    app.run()
    assert app.button(key="apply").disabled and any("This run is over" in each.value for each in app.caption)


def test_more_changes_in_mid_run_than_a_link_can_hold_are_met_with_a_sentence() -> None:
    changes = ";".join(f"{step}:0.001:1" for step in range(1, 51))
    app = opened(f"changes={changes}&cells=rnn&length=5&hidden_size=2&seed=77")
    run = app.session_state["kept.playground.run"]
    while run.step <= 60:
        run.next_frame(1)
    run.pause()
    app.select_slider(key="rate_now").set_value(0.003).run()
    app.button(key="apply").click().run()
    assert not app.exception and "at most 50 changes" in app.error[0].value
