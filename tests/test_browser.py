"""The real app in a real Chromium: it trains live, keeps zoom, stops and goes on as told, and survives mishaps."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Server

pytestmark = pytest.mark.browser

PATIENCE = 60_000  # ms; a busy machine may take its time
CHART = ".live-chart"


@contextmanager
def opened(browser: Browser, address: str, width: int = 1400, height: int = 900, dark: bool = False) -> Iterator[Page]:
    """A page of the app, with its first picture drawn. Errors in the console or the page fail the test."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(address)
    page.wait_for_function(f"+(document.querySelector('{CHART}')?.dataset.frames ?? 0) > 0", timeout=PATIENCE)
    yield page
    context.close()
    assert problems == []


def state(page: Page) -> dict[str, int]:
    """Frames drawn, of them the quick ones, training step and run number."""
    data: dict[str, str] = page.evaluate(f"({{...document.querySelector('{CHART}').dataset}})")
    return {name: int(data[name]) for name in ("frames", "quick", "step", "run")}


def wait_for_step(page: Page, step: int) -> None:
    """Wait until the picture shows at least training step `step`."""
    page.wait_for_function(f"+document.querySelector('{CHART}').dataset.step >= {step}", timeout=PATIENCE)


def wait_for_end(page: Page) -> None:
    """Wait until no network trains any further."""
    page.wait_for_function(f"document.querySelector('{CHART}').dataset.running === 'false'", timeout=PATIENCE)


def sentences(page: Page) -> list[str]:
    """What the page says of each network."""
    return page.locator(f"{CHART} .sentences span").all_inner_texts()


def test_two_networks_learn_live_on_opening(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=1") as page:
        wait_for_step(page, 100)
        assert state(page)["frames"] > 3
        assert len(sentences(page)) == 2
        assert page.locator(f"{CHART} .plot").get_attribute("aria-label").startswith("Training of 2 network(s)")
        titles = page.locator(f"{CHART} .labels").inner_text()
        for named in ("Loss", "Hidden state", "Forget gate", "Input gate", "Output gate", "Cell state", "Gradient"):
            assert named in titles
        bottom = page.evaluate(f"document.querySelector('{CHART} .plot').getBoundingClientRect().bottom")
        assert bottom <= 900, "all that was asked for is in view without scrolling"


def test_most_frames_take_the_quick_path_and_show_what_a_full_drawing_shows(browser: Browser, server: Server) -> None:
    lines = f"[...document.querySelectorAll('{CHART} .scatterlayer path.js-line')].map(each => each.getAttribute('d'))"
    pixels = f"""async () => {{
        const seen = []
        for (const image of document.querySelectorAll('{CHART} .heatmaplayer image')) {{
            const picture = new Image()
            picture.src = image.getAttribute('href') ?? image.getAttributeNS('http://www.w3.org/1999/xlink', 'href')
            await picture.decode()
            const canvas = document.createElement('canvas')
            canvas.width = picture.naturalWidth
            canvas.height = picture.naturalHeight
            const context = canvas.getContext('2d')
            context.drawImage(picture, 0, 0)
            seen.push([canvas.width, canvas.height, ...context.getImageData(0, 0, canvas.width, canvas.height).data])
        }}
        return seen
    }}"""
    with opened(browser, f"{server.address}/?seed=2&cells=lstm") as page:
        wait_for_step(page, 260)
        page.wait_for_function(f"+document.querySelector('{CHART}').dataset.quick > 5", timeout=PATIENCE)
        # keep the next picture from being asked for, so that the last one stands still
        page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
        page.wait_for_timeout(1500)
        quick_lines, quick_pixels = page.evaluate(lines), page.evaluate(pixels)
        page.evaluate(
            f"""async () => {{
                const plot = document.querySelector('{CHART} .plot')
                await window.Plotly.redraw(plot)
            }}"""
        )
        full_lines, full_pixels = page.evaluate(lines), page.evaluate(pixels)
        assert len(quick_pixels) == len(full_pixels) == 6
        for quick, full in zip(quick_pixels, full_pixels, strict=True):
            assert quick[:2] == full[:2]
            far = sum(abs(one - other) > 4 for one, other in zip(quick, full, strict=True))
            assert far == 0, "every cell has the colour that Plotly itself gives it"
        for quick, full in zip(quick_lines, full_lines, strict=True):
            assert points(quick)[0] == pytest.approx(points(full)[0], abs=0.1)
            assert points(quick)[-1] == pytest.approx(points(full)[-1], abs=0.1)


def points(path: str) -> list[tuple[float, float]]:
    """The corners of an SVG path of straight lines."""
    numbers = [float(each) for each in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", path)]
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def drag_to_zoom(page: Page) -> None:
    """Drag over a part of the first heatmap."""
    box = page.locator(f"{CHART} .heatmaplayer image").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 22, steps=5)
    page.mouse.up()
    page.wait_for_timeout(700)


def test_a_drag_zooms_all_time_axes_and_survives_the_frames(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=4&steps=20000") as page:
        wait_for_step(page, 50)
        drag_to_zoom(page)
        layout = f"document.querySelector('{CHART} .plot')._fullLayout"
        axes = f"(({{xaxis2, xaxis3}}) => [xaxis2.range, xaxis3.range])({layout})"
        one, other = page.evaluate(axes)
        assert one == other
        assert one[0] > 10 and one[1] < 40
        before = state(page)
        wait_for_step(page, before["step"] + 300)
        after = state(page)
        assert after["frames"] - after["quick"] > before["frames"] - before["quick"], (
            "drawn in full at least once since"
        )
        assert page.evaluate(axes) == [one, other]


def test_pause_step_and_play_by_key(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=5&steps=20000&length=60") as page:
        wait_for_step(page, 50)
        page.keyboard.press("p")
        expect(page.get_by_role("button", name=re.compile("Play"))).to_be_visible(timeout=PATIENCE)
        page.wait_for_timeout(800)
        paused = state(page)["step"]
        page.wait_for_timeout(1000)
        assert state(page)["step"] == paused
        page.keyboard.press("s")
        wait_for_step(page, paused + 1)
        page.wait_for_timeout(500)
        assert state(page)["step"] == paused + 1
        page.keyboard.press("p")
        wait_for_step(page, paused + 100)
        page.keyboard.press("a")
        page.wait_for_function(f"+document.querySelector('{CHART}').dataset.run === 2", timeout=PATIENCE)


def test_a_slider_retrains_at_once(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=6") as page:
        wait_for_step(page, 50)
        slider = page.get_by_role("slider", name="Units H")
        slider.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"+document.querySelector('{CHART}').dataset.run === 2", timeout=PATIENCE)
        wait_for_step(page, 30)
        assert "hidden_size=33" in page.url


def test_the_run_ends_when_solved_and_says_so(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?task=echo&length=20&cells=rnn,lstm&seed=7") as page:
        wait_for_end(page)
        assert all("has solved it" in sentence for sentence in sentences(page))
        expect(page.locator(".st-key-play button")).to_be_disabled(timeout=PATIENCE)
        announced = page.locator(f"{CHART} .announce").inner_text()
        assert "has solved it" in announced


def test_divergence_stops_the_lane_and_says_what_to_try(browser: Browser, server: Server) -> None:
    query = (
        "cells=rnn,lstm&activation=identity&initialization=orthogonal&spectral_radius=2"
        "&clip_norm=off&optimizer=sgd&learning_rate=1&steps=500&seed=8"
    )
    with opened(browser, f"{server.address}/?{query}") as page:
        wait_for_end(page)
        assert re.search(r"The RNN diverged at step \d+.*Turn on gradient clipping", sentences(page)[0])


def test_a_mid_run_change_keeps_the_run_and_enters_the_link(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=9&steps=20000&length=60") as page:
        wait_for_step(page, 50)
        page.keyboard.press("p")
        page.get_by_role("button", name="Change in mid-run").click()
        page.get_by_role("slider", name="Learning rate now").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(500)
        page.get_by_role("button", name="Apply from here on").click()
        page.wait_for_url(re.compile(r"changes="), timeout=PATIENCE)
        assert state(page)["run"] == 1
        assert re.search(r"changes=\d+%3A0\.005%3A1", page.url)


def test_nothing_goes_on_after_the_tab_is_closed(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=10&steps=50000&length=100") as page:
        wait_for_step(page, 20)
    time.sleep(2)
    before = server.worker_seconds()
    time.sleep(2)
    assert server.worker_seconds() - before < 0.1


def test_a_killed_worker_is_replaced_and_the_run_goes_on(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=11&steps=50000&length=60") as page:
        wait_for_step(page, 50)
        os.kill(server.workers()[0], signal.SIGKILL)
        reached = state(page)
        wait_for_step(page, reached["step"] + 200)
        assert state(page)["run"] == reached["run"]
        assert page.locator("[data-testid=stException]").count() == 0


def test_without_plotly_js_streamlit_draws_the_chart(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.route("**/plotly-*.min.js.gz", lambda route: route.abort())
    page.goto(f"{server.address}/?seed=12&steps=500")
    page.wait_for_selector("[data-testid=stPlotlyChart]", timeout=PATIENCE)
    wait_for_step(page, 20)
    context.close()


def test_an_edited_link_opens_with_one_notice(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?task=nothing&length=99999&seed=13") as page:
        assert page.locator("[data-testid=stAlert]").count() == 1
        wait_for_step(page, 20)


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_one_network_at_a_time(browser: Browser, server: Server, dark: bool) -> None:
    with opened(browser, f"{server.address}/?seed=14", width=390, height=844, dark=dark) as page:
        wait_for_step(page, 50)
        titles = page.locator(f"{CHART} .labels")
        assert "Forget gate" not in titles.inner_text()
        page.get_by_role("radio", name="LSTM").click()
        expect(titles).to_contain_text("Forget", timeout=PATIENCE)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


def test_an_uploaded_series_is_forecast(browser: Browser, server: Server) -> None:
    rows = "day,level\n" + "\n".join(f"{day},{10 + day % 7}" for day in range(300))
    with opened(browser, f"{server.address}/?task=series&length=20&seed=15&steps=500") as page:
        page.get_by_role("radio", name="Your CSV").click()
        page.locator("input[type=file]").set_input_files(
            {"name": "levels.csv", "mimeType": "text/csv", "buffer": rows.encode()}
        )
        page.wait_for_url(re.compile("series=own-"), timeout=PATIENCE)
        told = page.locator(f"{CHART} .sentences span").first
        expect(told).to_contain_text("forecasts what it never saw", timeout=PATIENCE)


def test_two_viewers_of_one_link_see_the_same_numbers(browser: Browser, server: Server) -> None:
    losses = f"[...document.querySelector('{CHART} .plot').data[0].y]"
    seen = []
    for _ in range(2):
        with opened(browser, f"{server.address}/?seed=16&task=parity&length=12") as page:
            wait_for_end(page)
            seen.append((sentences(page), page.evaluate(losses)))
    assert seen[0] == seen[1]
