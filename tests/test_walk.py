"""A newcomer walks through the whole app in a real browser, doing the main thing on every page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import Server
from ui.navigation import LESSONS

pytestmark = pytest.mark.browser

PATIENCE = 120_000  # ms; a busy machine may take its time


def guess(page: Page, lesson: str, answer: str, name: str = "first") -> None:
    """Press one of the answers to a question."""
    page.locator(f".st-key-{lesson}-{name}-guess").get_by_role("radio", name=answer, exact=True).or_(
        page.locator(f".st-key-{lesson}-{name}-guess").get_by_role("button", name=answer, exact=True)
    ).first.click()


def press(page: Page, lesson: str, name: str = "run") -> None:
    """Press the button that starts something, once it can be pressed."""
    button = page.locator(f".st-key-{lesson}-{name}-play button").first
    expect(button).to_be_enabled(timeout=PATIENCE)
    button.click()


def outcome(page: Page, words: str) -> Locator:
    """Wait for an outcome that says `words`."""
    found = page.get_by_text(re.compile(words)).first
    expect(found).to_be_visible(timeout=PATIENCE)
    return found


def why_recurrence(page: Page) -> None:
    guess(page, "why_recurrence", "Only the RNN")
    press(page, "why_recurrence")
    outcome(page, "as you guessed")
    for _ in range(3):
        page.get_by_role("button", name="Next operation").click()
    outcome(page, r"Step 2, (sum|new state)")


def hidden_state(page: Page) -> None:
    guess(page, "hidden_state", "That one only")
    press(page, "hidden_state")
    outcome(page, "An R² of more than 0.9")
    outcome(page, "units off the trained network gets")
    guess(page, "hidden_state", "No", "linear")
    press(page, "hidden_state", "parity")
    outcome(page, "fixed points while zeros come in")


def computing_anything(page: Page) -> None:
    guess(page, "computing_anything", "It stays right")
    press(page, "computing_anything")
    outcome(page, "The network that you have trained answers 1,111,111,110")
    outcome(page, "states fall into")


def inputs_and_targets(page: Page) -> None:
    guess(page, "inputs_and_targets", "It stays where it was trained to be")
    press(page, "inputs_and_targets")
    outcome(page, "as you guessed")


def length_and_cost(page: Page) -> None:
    guess(page, "length_and_cost", "Both stay right")
    press(page, "length_and_cost")
    outcome(page, "At 80 steps the RNN gets")
    press(page, "length_and_cost", "time")
    outcome(page, "200 steps took the RNN")
    guess(page, "length_and_cost", "The LSTM", "horizon")
    press(page, "length_and_cost", "horizon")
    expect(page.locator(".live-chart .count").last).to_contain_text(re.compile(r"^[1-9]\d* of 45"), timeout=PATIENCE)


def gates(page: Page) -> None:
    guess(page, "gates", "Far worse than guessing")
    press(page, "gates")
    outcome(page, "Forget gate held at 0")
    page.get_by_role("radio", name="Input gate").click()
    outcome(page, "Input gate held at 0")


def gradients(page: Page) -> None:
    guess(page, "gradients", "A millionth or less")
    press(page, "gradients")
    outcome(page, "In this RNN the first step's gradient is")
    press(page, "gradients", "clipping")
    outcome(page, "Without clipping the loss went up to")


PLAYS: dict[str, Callable[[Page], None]] = {
    each.__name__: each
    for each in (
        why_recurrence,
        hidden_state,
        computing_anything,
        inputs_and_targets,
        length_and_cost,
        gates,
        gradients,
    )
}


def test_a_newcomer_walks_through_the_whole_app(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(server.address)
    page.wait_for_function("+document.querySelector('.live-chart')?.dataset.step > 50", timeout=PATIENCE)
    page.get_by_role("link", name="Why recurrence").click()
    for number, lesson in enumerate(LESSONS):
        expect(page.get_by_role("heading", name=f"{number + 1} · {lesson.title}")).to_be_visible(timeout=PATIENCE)
        PLAYS[lesson.name](page)
        assert page.locator("[data-testid=stException]").count() == 0, lesson.name
        if number + 1 < len(LESSONS):
            onward = page.get_by_role("link", name=f"Next: {LESSONS[number + 1].title}")
            expect(onward).to_have_count(1, timeout=PATIENCE)  # nothing of an earlier picture of the page is left
            onward.click()
    page.get_by_role("link", name="Take this to the playground").click()
    page.wait_for_function("+document.querySelector('.live-chart')?.dataset.step > 20", timeout=PATIENCE)
    assert page.locator("[data-testid=stException], [data-testid=stAlert]").count() == 0
    assert problems == []
    context.close()


def test_the_link_of_a_page_opens_it_on_a_server_that_has_just_started(browser: Browser, fresh_server: Server) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(f"{fresh_server.address}/gates")
    expect(page.get_by_role("heading", name=re.compile("Gates"))).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("link", name="Playground", exact=True)).to_be_visible(timeout=PATIENCE)
    context.close()


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_no_page_is_wider_than_a_phone(browser: Browser, server: Server, lesson: object) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(server.address)
    page.wait_for_selector(".live-chart", timeout=PATIENCE)
    page.goto(f"{server.address}/{lesson.name}")  # type: ignore[attr-defined]
    drawn = "[...document.querySelectorAll('.live-chart')].every(chart => +chart.dataset.frames > 0)"
    page.wait_for_selector(".live-chart", timeout=PATIENCE)
    page.wait_for_function(drawn, timeout=PATIENCE)
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= 390
    context.close()
