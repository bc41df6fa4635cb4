"""Time travel in a real Chromium: the scrubber moves all charts in step without the server, and branches train on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect

from tests.conftest import Server
from tests.test_browser import CHART, PATIENCE, drag_to_zoom, opened, state, wait_for_end, wait_for_step

pytestmark = pytest.mark.browser

SHOWN = f"""(() => {{
    const chart = document.querySelector('{CHART}')
    const plot = chart.querySelector('.plot')
    return {{
        step: +chart.dataset.step,
        count: chart.querySelector('.count').textContent,
        words: plot.getAttribute('aria-label'),
        said: chart.querySelector('.film').getAttribute('aria-valuetext'),
        sentences: [...chart.querySelectorAll('.sentences span')].map((each) => each.textContent),
        losses: plot._fullData[0].x.length ? plot._fullData[0].x.at(-1) : 0,
        image: chart.querySelector('.heatmaplayer image').getAttribute('href'),
    }}
}})()"""


@contextmanager
def held(page: Page, share: float) -> Iterator[None]:
    """The slider, pressed at `share` of its length."""
    move(page, share)
    page.mouse.down()
    yield
    page.mouse.up()


def move(page: Page, share: float, steps: int = 1) -> None:
    """The mouse, to `share` of the slider's length."""
    box = page.locator(f"{CHART} .bar").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2, steps=steps)


def wait_until_drawn(page: Page) -> None:
    """Wait until the chart shows the step that the slider is at."""
    page.wait_for_function(
        f"""(() => {{
            const chart = document.querySelector('{CHART}')
            const said = chart.querySelector('.film').getAttribute('aria-valuetext').replace(/\\D/g, '')
            return chart.dataset.step === said
        }})()""",
        timeout=PATIENCE,
    )


def wait_for_film(page: Page, frames: int) -> None:
    """Wait until the browser has at least so many frames."""
    page.wait_for_function(f"+document.querySelector('{CHART}').dataset.film >= {frames}", timeout=PATIENCE)


def test_dragging_shows_the_past_in_all_charts_and_sends_nothing(browser: Browser, server: Server) -> None:
    sockets: list[WebSocket] = []
    messages: list[str | bytes] = []

    def listen(socket: WebSocket) -> None:
        sockets.append(socket)
        socket.on("framesent", lambda message: messages.append(message))
        socket.on("framereceived", lambda message: messages.append(message))

    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.on("websocket", listen)
    page.goto(f"{server.address}/?seed=31&steps=20000")
    page.wait_for_function(f"+(document.querySelector('{CHART}')?.dataset.step ?? 0) > 600", timeout=PATIENCE)
    assert sockets and messages
    seen = {}
    with held(page, 0.9):
        page.wait_for_timeout(1500)  # what was asked for before comes in
        latest = page.evaluate(f"document.querySelector('{CHART}').dataset.latest")
        del messages[:]
        for share in (0.8, 0.5, 0.2, 0.6):
            move(page, share, steps=10)
            wait_until_drawn(page)
            shown = page.evaluate(SHOWN)
            seen[shown["step"]] = shown
        assert messages == [], "not a single message in either direction"
        assert page.evaluate(f"document.querySelector('{CHART}').dataset.latest") == latest
    assert len(seen) == 4 and max(seen) < int(latest)
    for step, shown in seen.items():
        assert shown["losses"] == step, "the loss ends there"
        assert shown["count"].startswith(f"step {step:,} of 20,000")
        assert f"at step {step:,}" in shown["words"] and shown["said"] == f"training step {step:,}"
        assert len(shown["sentences"]) == 2
    assert len({shown["image"] for shown in seen.values()}) == 4, "each with its own hidden states"
    shown = page.evaluate(SHOWN)
    page.wait_for_function(
        f"+document.querySelector('{CHART}').dataset.latest > {latest} + 100", timeout=PATIENCE
    )  # training goes on behind
    assert page.evaluate(SHOWN) == shown, "while the past stays on the screen"
    page.get_by_role("button", name="Now").click()
    wait_for_step(page, int(latest) + 100)
    context.close()


def test_keys_move_frame_by_frame_and_zoom_survives(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=32&steps=600&cells=lstm") as page:
        wait_for_end(page)
        slider = page.get_by_role("slider", name="Travel through training")
        drag_to_zoom(page)
        zoom = f"document.querySelector('{CHART} .plot')._fullLayout.xaxis3.range"
        before = page.evaluate(zoom)
        assert before[0] > 10 and before[1] < 40
        slider.focus()
        steps = [600]
        for _ in range(5):
            page.keyboard.press("ArrowLeft")
            wait_until_drawn(page)
            steps.append(state(page)["step"])
        assert steps == sorted(set(steps), reverse=True)
        page.keyboard.press("Home")
        wait_until_drawn(page)
        assert state(page)["step"] == 0
        page.keyboard.press("End")
        wait_until_drawn(page)
        assert state(page)["step"] == 600
        assert page.evaluate(zoom) == before


def test_the_film_plays_to_the_present_and_pauses(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=33&steps=500&cells=lstm") as page:
        wait_for_end(page)
        expect(page.locator(f"{CHART} .hint")).to_contain_text("drag to travel through training")
        page.get_by_role("button", name="Play the film").click()
        page.wait_for_function(f"+document.querySelector('{CHART}').dataset.step < 300", timeout=PATIENCE)
        page.get_by_role("button", name="Pause the film").click()
        page.wait_for_timeout(500)
        paused = state(page)["step"]
        page.wait_for_timeout(500)
        assert state(page)["step"] == paused
        page.get_by_role("button", name="Speed of the film").click()
        expect(page.locator(f"{CHART} .film-speed")).to_have_text("2×")
        page.get_by_role("button", name="Play the film").click()
        wait_for_step(page, 500)
        expect(page.get_by_role("button", name="Play the film")).to_be_visible()
        expect(page.get_by_role("button", name="Now")).to_be_disabled()


def test_another_sequence_is_seen_in_the_past_too(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=34&steps=500&cells=lstm") as page:
        wait_for_end(page)
        frames = int(page.evaluate(f"document.querySelector('{CHART}').dataset.film"))
        with held(page, 0.5):
            wait_until_drawn(page)
        step = state(page)["step"]
        assert 0 < step < 500
        first = page.evaluate(SHOWN)
        page.get_by_role("button", name="View").first.click()
        page.get_by_role("radio", name="3", exact=True).first.click()
        expect(page.locator(f"{CHART} .labels")).to_contain_text("Sequence 3", timeout=PATIENCE)
        page.wait_for_function(f"+document.querySelector('{CHART}').dataset.step < 500", timeout=PATIENCE)
        wait_for_film(page, min(20, frames))
        wait_until_drawn(page)
        shown = page.evaluate(SHOWN)
        assert abs(shown["step"] - step) <= 32 and shown["losses"] == shown["step"]
        assert shown["image"] != first["image"]
        expect(page.locator(f"{CHART} .labels")).to_contain_text("Sequence 3")


def test_a_new_run_has_a_new_film(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=35&steps=20000") as page:
        wait_for_step(page, 200)
        with held(page, 0.3):
            wait_until_drawn(page)
        page.get_by_role("button", name=re.compile("Again")).click()
        page.wait_for_function(f"+document.querySelector('{CHART}').dataset.run === 2", timeout=PATIENCE)
        wait_for_step(page, 50)
        assert page.locator(f"{CHART}.travelling").count() == 0


def test_a_branch_trains_on_beside_the_original(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=36&steps=700&cells=lstm") as page:
        wait_for_end(page)
        with held(page, 0.5):
            wait_until_drawn(page)
        step = state(page)["step"]
        page.get_by_role("button", name="Branch").first.click()
        expect(page.get_by_text(f"Branch from step {step:,}.")).to_be_visible(timeout=PATIENCE)
        train_on = page.get_by_role("button", name="Train on")
        train_on.click()
        expect(page.get_by_text("change one of the settings")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("combobox", name="Optimiser").nth(0).click()
        page.get_by_role("option", name="SGD", exact=True).click()
        page.wait_for_timeout(1000)
        train_on.click()
        page.wait_for_function(f"+document.querySelector('{CHART}').dataset.run === 2", timeout=PATIENCE)
        wait_for_end(page)
        assert f"changes%3A{step}%3A0.003%3A1%3A%3Asgd" in page.url
        assert page.locator(f"{CHART} .sentences span").count() == 2
        losses = page.evaluate(f"[0, 2].map((n) => [...document.querySelector('{CHART} .plot')._fullData[n].y])")
        blocks = round(step / 700 * len(losses[0]))
        assert losses[0][: blocks - 2] == losses[1][: blocks - 2], "one past"
        assert losses[0] != losses[1], "and two futures"


def test_a_phone_has_the_scrubber_too(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=37&steps=300", width=390, height=844) as page:
        wait_for_end(page)
        with held(page, 0.4):
            wait_until_drawn(page)
            assert 0 < state(page)["step"] < 300
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
