"""Reaching into a trained network in a real browser: a number tells what breaks, and let go it is right again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Server
from tests.test_browser import CHART, PATIENCE, opened, sentences, wait_for_end

pytestmark = pytest.mark.browser

TRAINED = "?cells=lstm&length=20&learning_rate=0.005&seed=3"


def largest_opening(page: Page) -> float:
    """The most open that any forget gate is drawn."""
    return float(
        page.evaluate(
            f"""() => Math.max(...document.querySelector('{CHART} .plot').data
                .find(trace => trace.hovertemplate?.startsWith('Forget gate')).z.map(row => Math.max(...row)))"""
        )
    )


def numbers(page: Page) -> list[float]:
    """The y values of the displayed sequence's numbers."""
    drawn = f"[...document.querySelector('{CHART} .plot').data.find(trace => trace.meta?.along === 'value').y]"
    values: list[float] = page.evaluate(drawn)
    return values


def test_an_lstm_whose_forget_gate_is_shut_fails_and_is_right_again_when_it_is_let_go(
    browser: Browser, server: Server
) -> None:
    with opened(browser, f"{server.address}/{TRAINED}") as page:
        wait_for_end(page)
        told = page.locator(f"{CHART} .sentences span").first
        expect(told).to_contain_text("The LSTM has solved it")
        solved, opening = sentences(page), largest_opening(page)
        assert opening > 0.5
        page.get_by_role("button", name="Intervene").click()
        page.get_by_role("button", name="Add", exact=True).click()
        expect(told).to_contain_text(
            re.compile(r"^Forget gate held at 0: MSE .* on 200 fresh sequences"), timeout=PATIENCE
        )
        before, after = map(float, re.findall(r"MSE ([\d.]+) → ([\d.]+)", told.inner_text())[0])
        assert before < 0.02 and after > 0.17, "worse than always answering 1"
        assert largest_opening(page) == 0
        page.get_by_role("button", name="Remove").click()
        expect(told).to_contain_text("The LSTM has solved it", timeout=PATIENCE)
        assert sentences(page) == solved and largest_opening(page) == opening


def test_a_number_is_dragged_and_a_marker_moved_and_the_network_follows(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/{TRAINED}") as page:
        wait_for_end(page)
        told = page.locator(f"{CHART} .sentences span").first
        before = numbers(page)
        place = f"""which => {{
            const plot = document.querySelector('{CHART} .plot')
            const trace = plot.data.find(trace => trace.meta?.along === which)
            const across = plot._fullLayout[trace.xaxis.replace('x', 'xaxis')]
            const up = plot._fullLayout[trace.yaxis.replace('y', 'yaxis')]
            const {{left, top}} = plot.getBoundingClientRect()
            const at = which === 'value' ? 9 : 0
            return [left + across._offset + across.d2p(trace.x[at]), top + up._offset + up.d2p(trace.y[at]),
                    up.d2p(0) - up.d2p(1), across.d2p(2) - across.d2p(1), trace.x[at]]
        }}"""
        x, y, unit, _, step = page.evaluate(place, "value")
        goal = 0.95 if before[9] < 0.5 else 0.05
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 1, y - unit * (goal - before[9]), steps=6)
        page.mouse.up()
        expect(told).to_contain_text("Input of sequence 1 edited", timeout=PATIENCE)
        after = numbers(page)
        assert after[9] == pytest.approx(goal, abs=0.05)
        assert after[:9] == before[:9] and after[10:] == before[10:]
        wanted = page.locator(f"{CHART} .labels").inner_text()
        x, y, _, wide, step = page.evaluate(place, "step")
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 3 * wide, y + 1, steps=6)
        page.mouse.up()
        marks = f"[...document.querySelector('{CHART} .plot').data.find(trace => trace.meta?.along === 'step').x]"
        page.wait_for_function(f"{marks}.includes({step + 3})", timeout=PATIENCE)
        moved_too = f"told => document.querySelector('{CHART} .labels').innerText !== told"
        page.wait_for_function(moved_too, arg=wanted, timeout=PATIENCE)
        expect(told).to_contain_text("Input of sequence 1 edited")
        page.get_by_role("button", name="Intervene").click()
        page.get_by_role("button", name="Release all").click()
        expect(told).to_contain_text("The LSTM has solved it", timeout=PATIENCE)
        assert numbers(page) == before


def test_it_shows_at_the_next_frame_of_a_paused_run_too(browser: Browser, server: Server) -> None:
    with opened(browser, f"{server.address}/?cells=gru&length=20&seed=4&steps=20000") as page:
        page.keyboard.press("p")
        expect(page.get_by_role("button", name=re.compile("Play"))).to_be_visible(timeout=PATIENCE)
        page.wait_for_timeout(500)
        step = page.locator(CHART).get_attribute("data-step")
        page.get_by_role("button", name="Intervene").click()
        page.get_by_role("radio", name="Update gate").click()
        page.get_by_role("button", name="Add", exact=True).click()
        told = page.locator(f"{CHART} .sentences span").first
        expect(told).to_contain_text(re.compile("^Update gate held at 0: .* on 200 fresh sequences"), timeout=PATIENCE)
        assert page.locator(CHART).get_attribute("data-step") == step
