"""The views of gradient flow and attribution in the app, and what the page about gradients adds to its lesson."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from engine import Experiment
from engine.analysis.attribution import attribution
from engine.analysis.gradient_flow import recurrent_radii
from engine.analysis.health import LENGTHS, RADII
from engine.analysis.questions import (
    AttributionQuestion,
    FlowQuestion,
    RadiiQuestion,
    Subject,
    answer_flow,
    answer_moments,
    answer_radii,
    answer_steps,
)
from engine.intervention import HoldGate
from engine.lane import Lane
from engine.series import register, series_from_values
from engine.setup import Setup
from tests.test_lessons import guessed, words
from tests.test_lessons import opened as opened_lesson
from tests.test_pages import opened
from ui import session
from ui.intervened import Active
from ui.navigation import lesson_named
from ui.views.analysed import begin_frame, is_behind
from ui.views.by_moment import by_moment


def view(query: str, name: str) -> AppTest:
    app = opened(query)
    app.selectbox(key="view").select(name).run()
    assert not app.exception and not app.error
    return app


def until_known(app: AppTest, seconds: float = 60) -> AppTest:
    """Run the page until nothing that it shows is behind."""
    deadline = time.monotonic() + seconds
    while app.session_state["kept.analyses behind"] and time.monotonic() < deadline:
        time.sleep(0.1)
        app.run()
    assert not app.session_state["kept.analyses behind"] and not app.exception
    return app


@pytest.mark.parametrize(
    "query",
    [
        "cells=rnn,gru,lstm&length=8&hidden_size=4&steps=20&layers=3",
        "cells=rnn,lstm&length=8&hidden_size=8&steps=20&input_way=clamped",
        "cells=rnn,gru&task=attractors&input_way=initial&target_way=units&length=8&hidden_size=6&steps=20",
        "cells=rnn&activation=relu&task=echo&length=8&hidden_size=4&driven_units=2&initial_state=learned&steps=20",
        "cells=lstm&task=series&length=8&hidden_size=4&steps=20",
        "cells=window,lstm&task=recall&length=8&hidden_size=4&steps=20",
        "cells=rnn,lstm&length=8&hidden_size=4&steps=60&activation=identity&learning_rate=10&clip_norm=off&optimizer=sgd",
    ],
)
@pytest.mark.parametrize("name", ["gradient_flow", "attribution"])
def test_it_shows_all_kinds_of_networks_and_gets_to_know_all_it_asks_for(name: str, query: str) -> None:
    app = view(query, name)
    run = app.session_state["kept.playground.run"]
    for _ in range(3):
        run.next_frame(1)
    run.pause()
    app = until_known(app.run())
    assert app.session_state["kept.playground.figure"][1].show(run).figure().data


def test_any_output_step_and_channel_can_be_asked_for() -> None:
    app = until_known(view("cells=gru&task=recall&length=12&hidden_size=4&steps=20", "attribution"))
    for channel in ("what is wanted", "C"):
        names = app.selectbox(key="attribution.output recall").options
        app.selectbox(key="attribution.output recall").select(channel if channel in names else names[-1]).run()
        app.slider(key="attribution.at recall 12").set_value(7).run()
        app.segmented_control(key="attribution.measure").set_value("strength").run()
        assert not app.exception and not app.error
    run = app.session_state["kept.playground.run"]
    run.pause()
    app = until_known(app.run())
    lane = run.lanes[0]
    name = app.selectbox(key="attribution.output recall").value
    rows = app.session_state["kept.moments.attribution.0.rows"][1].known
    inputs, channel_number = lane.recording.inputs[:, 0], lane.task.outputs.index(name)
    for step in lane.moments.steps:
        expected = attribution(lane.experiment, lane.moments[step], inputs, 7, channel_number).gradient
        np.testing.assert_allclose(rows[step], expected, atol=1e-12)


def test_moments_that_others_have_had_worked_out_are_all_shown_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then each request is answered at once, and the browser has to go on asking all the same."""

    class Answered:
        """Results that are all there."""

        def request(self, key: object, function: Callable[[Any], Any], argument: Any) -> Future[Any]:
            """A promise that is kept already."""
            future: Future[Any] = Future()
            future.set_result(function(argument))
            return future

    monkeypatch.setattr(session.st, "session_state", {})
    monkeypatch.setattr(session, "results", Answered)
    moments = SimpleNamespace(steps=tuple(range(0, 2000, 100)))
    lane: Any = SimpleNamespace(is_past=False, experiment=Experiment(), step=1900, moments=moments)
    rows, behind = {}, True
    while behind:
        begin_frame()
        rows = dict(by_moment("rows", lane, np.array, lambda steps: steps))
        behind = is_behind()
    assert rows == {step: step for step in moments.steps}


@pytest.mark.parametrize("name", ["gradient_flow", "attribution"])
def test_of_a_network_to_which_something_is_done_it_says_what_it_shows(name: str) -> None:
    app = view("cells=rnn,lstm&length=8&hidden_size=4&steps=20", name)
    app.session_state["kept.playground.run"].pause()
    app.session_state["kept.interventions"] = (Active(("lstm",), HoldGate("forget_gate", 0.0)),)
    app = until_known(app.run())
    figure = app.session_state["kept.playground.figure"][1]._figure
    says = [label.html for label in figure.canvas.labels if "left alone" in label.html]
    assert len(says) == 1 and "LSTM" in says[0]


def test_radii_arrive_for_every_moment() -> None:
    app = view("cells=lstm&length=8&hidden_size=4&steps=40", "gradient_flow")
    run = app.session_state["kept.playground.run"]
    run.next_frame(5)
    run.pause()
    app = until_known(app.run())
    known, lane = app.session_state["kept.moments.view.radii.0"][1].known, run.lanes[0]
    assert set(lane.moments.steps) <= set(known)
    for step in lane.moments.steps:
        np.testing.assert_allclose(known[step], recurrent_radii(lane.experiment, lane.moments[step]))


def test_a_worker_answers_for_an_uploaded_series_too() -> None:
    own = series_from_values("Mine", np.sin(np.arange(120.0)))
    register(own)
    lane = Lane(Experiment(task="series", series=own.name, cell="lstm", length=6, hidden_size=3))
    inputs, parameters = lane.recording.inputs[:, 0], lane.chunk.state.parameters
    subject = Subject.of(lane.experiment, (parameters,), inputs)
    assert subject.own_series is not None
    grad = np.ones((6, 1))
    assert answer_flow(FlowQuestion(subject, grad, 0)).ways.all_ways.shape == (6, 3)
    assert answer_radii(RadiiQuestion(subject, 0)).shape == (1, 4)
    question = AttributionQuestion(subject, (3, 5), 0)
    assert answer_moments(question).shape == (1, 6, 1) and answer_steps(question).shape == (2, 6, 1)
    np.testing.assert_allclose(answer_moments(question)[0], answer_steps(question)[0], atol=1e-14)


def test_the_map_is_measured_and_a_click_sets_up_the_experiment() -> None:
    lesson = lesson_named("gradients")
    app = opened_lesson(lesson)
    assert app.button(key="gradients.map.play").disabled, "a guess first"
    app = guessed(app, lesson, "map")
    app.button(key="gradients.map.play").click().run()
    going = app.session_state["kept.gradients.map.sweep"][1]
    deadline = time.monotonic() + 120
    while not going.over and time.monotonic() < deadline:
        going.next_frame(0.5)
    assert len(going.progress) == len(RADII) * len(LENGTHS)
    app.run()
    assert "**It vanishes**, as you guessed." in words(app) and not app.exception
    app.session_state["kept.gradients.spot"] = (1.2, 100)  # what a click remembers
    app.run()
    assert "ρ = 1.2, T = 100: **healthy**" in words(app) and not app.exception
    spot = next(
        each for each in going.progress if (each.experiment.spectral_radius, each.experiment.length) == (1.2, 100)
    )
    setup = Setup(spot.experiment, ("rnn",))
    again, problems = Setup.from_query_leniently(setup.query_items())
    assert not problems and again == setup and again.experiment.spectral_radius == 1.2
    for network in ("relu", "lstm", "identity"):
        app.segmented_control(key="gradients.mapped").set_value(network).run()
        assert not app.exception


def test_the_page_says_how_many_steps_were_clipped() -> None:
    app = opened_lesson(lesson_named("gradients"))
    app.button(key="gradients.clipping.play").click().run()
    run = app.session_state["kept.gradients.clipping.run"]
    deadline = time.monotonic() + 90
    while not run.over and time.monotonic() < deadline:
        run.next_frame(0.5)
    app.run()
    share = float(np.mean(run.lanes[1].norms.values > 1.0))
    assert f"**{share:.0%}** of its steps were clipped" in words(app) and 0 < share < 1
