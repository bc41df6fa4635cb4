"""Gradient flow in a real browser: a click on the map sets up that experiment, one on a picture chooses the output."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import Server

pytestmark = pytest.mark.browser

PATIENCE = 120_000  # ms; a busy machine may take its time


def test_a_click_on_the_map_sets_up_the_experiment_in_the_playground(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(server.address)
    page.wait_for_selector(".live-chart", timeout=PATIENCE)
    page.get_by_role("link", name="Gradients", exact=True).click()
    page.locator(".st-key-gradients-map-guess").get_by_text("It arrives").click()
    button = page.locator(".st-key-gradients-map-play button").first
    expect(button).to_be_enabled(timeout=PATIENCE)
    button.click()
    expect(page.get_by_text("times its first size")).to_be_visible(timeout=PATIENCE)
    chart = page.locator(".st-key-gradients-map-loop .live-chart .plot, .live-chart .plot").nth(2)
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    link = page.get_by_role("link", name="Train it in the playground")
    expect(link).to_be_visible(timeout=PATIENCE)
    said = page.get_by_text(re.compile(r"ρ = [\d.]+, T = \d+: ")).inner_text()
    found = re.match(r"ρ = ([\d.]+), T = (\d+): (vanishing|healthy|exploding)", said)
    assert found is not None
    link.click()
    page.wait_for_function("+document.querySelector('.live-chart')?.dataset.step > 0", timeout=PATIENCE)
    length = f"length={found[2]}" if found[2] != "50" else "initialization=orthogonal"
    radius = f"spectral_radius={found[1]}" if found[1] != "1" else "initialization=orthogonal"
    assert length in page.url and radius in page.url and "initialization=orthogonal" in page.url
    assert problems == []
    context.close()


def test_a_click_on_an_output_step_asks_for_that_one(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(f"{server.address}?task=echo&length=12&cells=rnn&steps=40&hidden_size=8")
    page.wait_for_selector(".live-chart", timeout=PATIENCE)
    page.locator(".st-key-view").click()
    page.get_by_role("option", name="Attribution", exact=True).click()
    expect(page.get_by_text("Every output step, now").first).to_be_visible(timeout=PATIENCE)
    page.wait_for_function("document.querySelector('.live-chart')?.dataset.running === 'false'", timeout=PATIENCE)
    place = page.evaluate(
        """() => {
            const plot = document.querySelector('.live-chart .plot'), box = plot.getBoundingClientRect()
            const trace = plot.data.find((each) => each.hovertemplate?.startsWith('output at'))
            const axis = (letter) => plot._fullLayout[trace[letter + 'axis'].replace(letter, letter + 'axis')]
            const [across, up] = [axis('x'), axis('y')]
            return [box.left + across._offset + across.l2p(2), box.top + up._offset + up.l2p(7)]
        }"""
    )
    page.mouse.click(*place)
    expect(page.get_by_text("echo at t = 7").first).to_be_visible(timeout=PATIENCE)
    context.close()
