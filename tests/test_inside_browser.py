"""Looking inside, in a real Chromium: pinning a network beside the next one, and choosing a unit by a click."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Server
from tests.test_browser import CHART, PATIENCE, opened, sentences, state, wait_for_step

pytestmark = pytest.mark.browser


def look_inside(page: Page, view: str) -> None:
    """Choose a view from the menu."""
    page.get_by_role("combobox", name="Look inside").click()
    page.get_by_role("option", name=view, exact=True).click()


def test_a_pinned_network_stays_beside_what_is_changed_next_and_is_not_thrown_back(
    browser: Browser, server: Server
) -> None:
    with opened(browser, f"{server.address}/?seed=51&task=recall&length=50&cells=lstm&steps=20000") as page:
        wait_for_step(page, 150)
        page.get_by_role("button", name="Pin", exact=False).first.click()
        expect(page.get_by_text("as it is: now change a setting")).to_be_visible(timeout=PATIENCE)
        page.keyboard.press("p")
        expect(page.locator(".st-key-play button")).to_contain_text("Play", timeout=PATIENCE)
        page.wait_for_timeout(800)
        reached = state(page)["step"]
        page.get_by_role("slider", name="Learning rate").first.focus()
        for _ in range(3):  # quicker than the page follows
            page.keyboard.press("ArrowRight")
        titles = page.locator(f"{CHART} .labels")
        expect(titles).to_contain_text("LSTM · learning rate 0.003", timeout=PATIENCE)
        page.wait_for_url(re.compile(r"learning_rate=0\.02.*pin=learning_rate%3A0\.003"), timeout=PATIENCE)
        assert len(sentences(page)) == 2 and "(learning rate 0.003)" in sentences(page)[1]
        assert state(page)["step"] >= reached, "the pinned network stands where it stood"
        wait_for_step(page, reached + 50)
        pinned = f"document.querySelector('{CHART} .plot').data.filter(each => each.mode === 'lines')[1].x.length"
        assert page.evaluate(pinned) > 1
        look_inside(page, "Compare")
        expect(titles).to_contain_text("What is different", timeout=PATIENCE)
        expect(titles).to_contain_text("A − B", timeout=PATIENCE)
        page.get_by_role("button", name="Remove").click()
        page.wait_for_function(f"document.querySelectorAll('{CHART} .sentences span').length === 1", timeout=PATIENCE)
        assert "pin=" not in page.url


def test_a_click_on_a_unit_in_the_overview_opens_it_and_another_click_chooses_another(
    browser: Browser, server: Server
) -> None:
    with opened(browser, f"{server.address}/?seed=52&cells=rnn,lstm&steps=20000") as page:
        wait_for_step(page, 60)
        click_on_map(page, 2, 0.49, 0.3)
        titles = page.locator(f"{CHART} .labels")
        expect(titles).to_contain_text("LSTM · unit 10 at step 25", timeout=PATIENCE)
        expect(page.get_by_role("spinbutton", name="Unit")).to_have_value("10", timeout=PATIENCE)
        expect(page.locator("img[src*=svg], [data-testid=stImage] img").first).to_be_visible(timeout=PATIENCE)
        click_on_map(page, 0, 0.19, 0.8)
        expect(titles).to_contain_text("LSTM · unit 26 at step 10", timeout=PATIENCE)
        before = state(page)["step"]
        wait_for_step(page, before + 50)
        expect(titles).to_contain_text("LSTM · unit 26 at step 10")


def click_on_map(page: Page, number: int, across: float, down: float) -> None:
    """Click on the `number`-th heatmap, at shares of its width and height."""
    box = page.locator(f"{CHART} .heatmaplayer image").nth(number).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])


@pytest.mark.parametrize(
    ("view", "chart"), [("Weights", "Weights now"), ("Unit", "Incoming weights"), ("Compare", "What is different")]
)
def test_views_fit_the_screen_and_a_phone(browser: Browser, server: Server, view: str, chart: str) -> None:
    with opened(browser, f"{server.address}/?seed=53&cells=rnn,lstm") as page:
        look_inside(page, view)
        expect(page.locator(f"{CHART} .labels")).to_contain_text(chart, timeout=PATIENCE)
        wait_for_step(page, 60)
        bottom = page.evaluate(f"document.querySelector('{CHART} .plot').getBoundingClientRect().bottom")
        assert bottom <= 900
        assert page.locator("[data-testid=stException]").count() == 0
    with opened(browser, f"{server.address}/?seed=53&cells=lstm", width=390, height=844) as page:
        look_inside(page, view)
        nothing = "Nothing is different" if view == "Compare" else chart
        expect(page.locator(f"{CHART} .labels")).to_contain_text(nothing, timeout=PATIENCE)
        wait_for_step(page, 60)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
