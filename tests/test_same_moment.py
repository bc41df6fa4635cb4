"""What a viewer does at the very moment at which the browser asks for a picture is acted on all the same.

Streamlit's browser part puts both into one message, and that message reruns the part that draws only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Server
from tests.test_browser import PATIENCE, opened, state, wait_for_step
from tests.test_walk import guess, press

pytestmark = pytest.mark.browser

HOLD = """() => {
    const real = window.setTimeout
    window.held = []
    window.setTimeout = (callback, ...rest) =>
        String(callback).includes('sendUpdateWidgetsMessage') ? window.held.push(callback) : real(callback, ...rest)
    window.letGo = () => {
        window.setTimeout = real
        window.held.forEach((callback) => callback())
    }
}"""


@contextmanager
def at_the_same_moment(page: Page) -> Iterator[None]:
    """The browser has asked for a picture, and what is done meanwhile leaves in the same message."""
    page.evaluate(HOLD)
    page.wait_for_function("window.held.length > 0", timeout=PATIENCE)
    yield
    assert page.evaluate("window.held.length") == 1, "one message for both"
    page.evaluate("window.letGo()")


def release_a_slider(page: Page) -> None:
    box = page.locator("[data-testid=stSlider]").nth(1).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.2, box["y"] + box["height"] - 12)


def add_a_network(page: Page) -> None:
    page.get_by_test_id("stButtonGroup").first.get_by_text("GRU").click()


def ask_for_another_seed(page: Page) -> None:
    page.get_by_role("button", name="New seed").click()


@pytest.mark.parametrize(
    ("act", "link"),
    [
        (release_a_slider, r"hidden_size="),
        (add_a_network, r"cells=rnn(%2C|,)gru(%2C|,)lstm"),
        (ask_for_another_seed, r"seed=(?!3&)"),
    ],
)
def test_a_change_of_the_experiment_is_not_lost(
    browser: Browser, server: Server, act: Callable[[Page], None], link: str
) -> None:
    with opened(browser, f"{server.address}/?seed=3&steps=20000") as page:
        wait_for_step(page, 30)
        run = state(page)["run"]
        with at_the_same_moment(page):
            act(page)
        expect(page).to_have_url(re.compile(link), timeout=10_000)
        page.wait_for_function(f"+document.querySelector('.live-chart').dataset.run > {run}", timeout=10_000)
        step = state(page)["step"]
        wait_for_step(page, step + 30)


def test_a_button_is_not_lost(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=4&steps=20000") as page:
        wait_for_step(page, 30)
        with at_the_same_moment(page):
            page.get_by_role("button", name="Pin LSTM").click()
        expect(page.get_by_text("LSTM as it is: now change a setting")).to_be_visible(timeout=10_000)


def test_a_change_in_mid_run_is_not_lost(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=5&steps=20000") as page:
        wait_for_step(page, 30)
        page.get_by_role("button", name="Change in mid-run").click()
        page.get_by_role("slider", name="Learning rate now").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(1000)
        with at_the_same_moment(page):
            page.get_by_role("button", name="Apply from here on").click()
        expect(page).to_have_url(re.compile(r"changes="), timeout=10_000)
        page.get_by_role("slider", name="Clipping now").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(1000)
        with at_the_same_moment(page):
            page.get_by_role("button", name="Apply from here on").click()
        expect(page.get_by_text(re.compile(r"from step.*; from step"))).to_be_visible(timeout=10_000)
        with at_the_same_moment(page):
            page.get_by_role("button", name="Undo").click()
        expect(page).not_to_have_url(re.compile(r"changes="), timeout=10_000)


def test_an_upload_is_not_lost(browser: Browser, server: Server) -> None:
    rows = "day,level\n" + "\n".join(f"{day},{10 + day % 7}" for day in range(300))
    with opened(browser, f"{server.address}/?task=series&length=20&seed=15&steps=20000") as page:
        page.get_by_role("radio", name="Your CSV").click()
        wait_for_step(page, 30)
        with at_the_same_moment(page):
            page.locator("input[type=file]").set_input_files(
                {"name": "levels.csv", "mimeType": "text/csv", "buffer": rows.encode()}
            )
            page.wait_for_timeout(1000)
        page.wait_for_url(re.compile("series=own-"), timeout=10_000)


def test_a_choice_in_a_part_of_the_page_is_not_lost(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?seed=6&steps=20000") as page:
        wait_for_step(page, 30)
        page.get_by_role("button", name="Intervene").click()
        box = page.get_by_role("combobox", name="What to do")
        box.click()
        with at_the_same_moment(page):
            page.get_by_role("option", name=re.compile("noise", re.IGNORECASE)).click()
        expect(page.get_by_role("slider", name="Standard deviation")).to_be_visible(timeout=10_000)
        wait_for_step(page, state(page)["step"] + 30)


def test_in_a_lesson_another_seed_trains_anew_and_what_was_chosen_is_kept(browser: Browser, server: Server) -> None:
    with opened(browser, server.address) as page:
        page.get_by_role("link", name="Hidden state").first.click()
        page.get_by_role("slider", name="Repeat the bit").focus()
        page.keyboard.press("ArrowRight")
        guess(page, "hidden_state", "That one only")
        press(page, "hidden_state")
        for _ in range(2):
            expect(page.get_by_text("Done. Move something")).to_be_visible(timeout=30_000)
            run = state(page)["run"]
            page.get_by_role("button", name="Another seed").first.click()
            page.wait_for_function(f"+document.querySelector('.live-chart').dataset.run > {run}", timeout=10_000)
        page.get_by_role("link", name="Gates").first.click()
        expect(page.get_by_role("heading", name="Hold a gate")).to_be_visible(timeout=10_000)
        page.get_by_role("link", name="Hidden state").first.click()
        expect(page.get_by_role("slider", name="Repeat the bit")).to_have_value("4")
        expect(page.get_by_text("You guessed “That one only”").or_(page.get_by_text("as you guessed"))).to_be_visible()


def test_in_a_lesson_neither_a_slider_nor_a_button_of_another_part_is_lost(browser: Browser, server: Server) -> None:
    with opened(browser, server.address) as page:
        page.get_by_role("link", name="Why recurrence").first.click()
        guess(page, "why_recurrence", "Only the RNN")
        press(page, "why_recurrence")
        wait_for_step(page, 10)
        run = state(page)["run"]
        page.get_by_role("slider", name="Delay (steps)").focus()
        with at_the_same_moment(page):
            page.keyboard.press("ArrowRight")
        page.wait_for_function(f"+document.querySelector('.live-chart').dataset.run > {run}", timeout=10_000)
        with at_the_same_moment(page):
            page.get_by_role("button", name="Slow motion").click()
        expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible(timeout=10_000)
