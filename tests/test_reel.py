"""What the page sends for the browser's film, the bounds of that film, and branches by their widgets."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from playwright.sync_api import Browser
from streamlit.testing.v1 import AppTest

from engine.film import thinned
from engine.runs import Run
from engine.setup import Setup
from tests.test_pages import opened, setup_of
from ui import reel
from ui.payload import Encoder, decode, encode

FILM_JS = Path(__file__).parent.parent / "ui" / "film.js"
NAME = "kept.playground"


def trained(app: AppTest, step: int) -> Run:
    """The app's run, paused at about `step`."""
    run: Run = app.session_state[f"{NAME}.run"]
    while run.step < step and not run.over:
        run.next_frame(5)
    run.pause()
    return run


def sent(app: AppTest) -> dict[str, Any]:
    """What the browser gets in the next run of the app, decoded."""
    contents: list[bytes] = []
    plain = Encoder.encode

    def note(encoder: Encoder, content: dict[str, Any]) -> bytes:
        contents.append(plain(encoder, content))
        return contents[-1]

    with patch.object(Encoder, "encode", note):
        app.run()
    assert not app.exception
    return decode(contents[-1])  # pictures of the past are encoded first, by themselves


def test_the_past_is_sent_when_it_is_asked_for_and_only_then() -> None:
    app = opened("seed=50&cells=rnn&length=10&hidden_size=6&steps=900")
    run = trained(app, 600)
    content = sent(app)
    assert content["past"] == [] and content["left"] == -1 and content["film"]
    film = content["film"]
    app.session_state[f"{NAME}.past"] = {"near": 200, "before": run.step, "known": []}
    content = sent(app)
    steps = [each["step"] for each in content["past"]]
    assert steps and steps == sorted(steps, key=lambda step: abs(step - 200)), "the nearest first"
    assert content["left"] == len(run.film) - 1 - len(steps) and content["step"] == run.step
    for step, each in zip(steps, content["past"], strict=True):
        picture = decode(each["frame"].tobytes())
        assert picture["step"] == step and picture["film"] == film
        assert picture["count"].startswith(f"step {step:,} of 900") and f"at step {step:,}" in picture["alt"]
        assert not picture["running"]
        losses = picture["data"][0]["x"]
        assert (losses[-1] if len(losses) else 0) == step
    assert sent(app)["past"] == [], "once"


def test_what_the_browser_has_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reel, "AT_ONCE", 60.0)
    app = opened("seed=50&cells=rnn&length=10&hidden_size=6&steps=900")
    run = trained(app, 600)
    kept = run.film.steps
    app.session_state[f"{NAME}.past"] = {"near": 0, "before": kept[-2], "known": list(kept[:3])}
    content = sent(app)
    assert [each["step"] for each in content["past"]] == list(kept[3:-2]) and content["left"] == 0


def test_pictures_of_another_figure_belong_to_another_film() -> None:
    app = opened("seed=50&cells=rnn&length=10&hidden_size=6&steps=900")
    trained(app, 100)
    film = sent(app)["film"]
    assert sent(app)["film"] == film
    app.segmented_control(key="sequence").set_value(2)
    assert sent(app)["film"] != film


def test_a_branch_is_pinned_and_trains_on_from_the_film() -> None:
    app = opened("seed=51&cells=rnn&length=10&hidden_size=6&steps=900")
    run = trained(app, 600)
    step = run.film.steps[-4]
    app.session_state["kept.branch from"] = step
    app.run()
    assert not app.exception
    next(each for each in app.selectbox if each.label == "Batch").set_value(64).run()
    next(each for each in app.selectbox if each.label == "Learning rate").set_value(0.01).run()
    app.button(key="branch").click().run()
    assert not app.exception and not app.error
    (branch,) = setup_of(app).pinned
    assert (branch.changes[0].step, branch.changes[0].learning_rate, branch.changes[0].batch_size) == (step, 0.01, 64)
    assert app.query_params["pin"] == f"changes:{step}:0.01:1:64"
    after: Run = app.session_state[f"{NAME}.run"]
    assert after is not run and after.playing
    assert after.lanes[1].step >= step and after.lanes[0].step >= 600
    assert len(after.lanes[1].losses.values) == after.lanes[1].step
    other, problems = Setup.from_query_leniently({name: value for name, value in app.query_params.items()})
    assert not problems and other == setup_of(app)
    assert not [each for each in app.button if each.key == "branch"], "its settings are put away"


def test_a_branch_without_a_change_is_refused_and_can_be_cancelled() -> None:
    app = opened("seed=51&cells=rnn&length=10&hidden_size=6&steps=900")
    trained(app, 100)
    app.session_state["kept.branch from"] = 50
    app.run()
    app.button(key="branch").click().run()
    assert "change one of the settings" in app.error[0].value and not app.exception
    app.button(key="no branch").click().run()
    assert not setup_of(app).pinned and not [each for each in app.button if each.key == "branch"]


def test_the_oldest_branch_gives_way_and_three_cells_leave_no_room() -> None:
    app = opened("seed=52&cells=rnn,gru&length=10&hidden_size=6&steps=900&pin=hidden_size:7")
    trained(app, 50)
    app.session_state["kept.branch from"] = 30
    app.run()
    assert any("the oldest pinned one gives way" in each.value for each in app.caption)
    next(each for each in app.selectbox if each.label == "Learning rate").set_value(0.01).run()
    app.button(key="branch").click().run()
    (branch,) = setup_of(app).pinned
    assert branch.hidden_size == 6 and branch.changes
    app = opened("seed=52&cells=rnn,gru,lstm&length=10&hidden_size=6&steps=900")
    trained(app, 50)
    app.session_state["kept.branch from"] = 30
    app.run()
    assert app.button(key="branch").disabled


@pytest.mark.browser
def test_the_browsers_film_is_bounded_by_the_same_rule(browser: Browser) -> None:
    page = browser.new_page()
    page.add_script_tag(content=FILM_JS.read_text(encoding="utf-8"))
    film = "(film) => ({steps: film.frames.map(({step}) => step), bytes: film.bytes})"
    seen = page.evaluate(
        f"""() => {{
            const film = new Film()
            for (let step = 0; step <= 8000; step += 8) film.add(step, new Uint8Array(1000))
            return ({film})(film)
        }}"""
    )
    expected: list[int] = []
    for step in range(0, 8001, 8):
        expected.append(step)
        if len(expected) > 160:
            del expected[thinned(expected)]
    assert seen["steps"] == expected and seen["bytes"] == 160_000
    large = page.evaluate(
        f"""() => {{
            const film = new Film()
            for (let step = 0; step <= 8000; step += 80) film.add(step, new Uint8Array(1e6))
            return ({film})(film)
        }}"""
    )
    assert len(large["steps"]) == 16 and large["bytes"] == 16e6
    assert (large["steps"][0], large["steps"][-1]) == (0, 8000)
    steps = random.Random(3).sample(range(1000), 100)
    mixed = page.evaluate(
        f"""(steps) => {{
            const film = new Film()
            for (const step of [...steps, ...steps]) film.add(step, new Uint8Array(10))
            return {{...({film})(film), nearest: [-5, 431.4, 5000].map((step) => film.frames[film.nearest(step)].step)}}
        }}""",
        steps,
    )
    assert mixed["steps"] == sorted(steps) and mixed["bytes"] == 1000
    assert mixed["nearest"] == [min(steps, key=lambda each: abs(each - at)) for at in (-5, 431.4, 5000)]
    page.close()


def test_a_picture_in_a_picture_can_be_read_where_it_lies() -> None:
    inner = encode({"a": np.arange(5, dtype=np.float32)})
    outer = decode(encode({"past": [{"frame": np.frombuffer(inner, np.uint8)}], "z": np.ones(3, np.float64)}))
    frame = outer["past"][0]["frame"]
    assert decode(frame.tobytes())["a"].tolist() == [0, 1, 2, 3, 4]
