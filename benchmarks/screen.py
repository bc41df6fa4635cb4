"""What one viewer sees: frames, animation frames and training steps a second, and how long a slider takes."""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass

from playwright.sync_api import Page

from benchmarks.app import App, chromium, proportional_set_size, running_app

CHART = "document.querySelector('.live-chart')"
WATCHED = 6.0  # seconds
SLIDES = 15


@dataclass(frozen=True)
class Screen:
    """Rates of one viewer whose browser shares the processor with server and workers.

    Attributes:
        first_heatmap: seconds from starting the server to the first picture.
        frames, animation_frames, steps: a second, two networks training.
        slider: milliseconds from releasing a slider to the first picture of the new run, median.
        slowest_slider: the longest of them.
        removals: how often the chart was taken off the page meanwhile (a flash).
        page_mb, all_mb: memory of the page process, and with the workers.
    """

    first_heatmap: float
    frames: float
    animation_frames: float
    steps: float
    slider: float
    slowest_slider: float
    removals: int
    page_mb: float
    all_mb: float


def measure() -> Screen:
    """Start the app and look at it."""
    with chromium() as browser:
        first = statistics.median(_first_heatmap(browser) for _ in range(3))
        with running_app() as app:
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(f"{app.address}/?seed={random.randrange(10**6)}&steps=20000&task=recall&length=50")
            page.wait_for_function(f"+({CHART}?.dataset.step ?? 0) > 64", timeout=60_000)
            frames, animation_frames, steps = _rates(page)
            slides, removals = _slides(page)
            page_mb, workers_mb = proportional_set_size(app.pid), sum(map(proportional_set_size, app.workers()))
    return Screen(
        first,
        frames,
        animation_frames,
        steps,
        statistics.median(slides),
        max(slides),
        removals,
        page_mb,
        page_mb + workers_mb,
    )


def _first_heatmap(browser: object) -> float:
    with running_app() as app:
        page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()  # type: ignore[attr-defined]
        page.goto(app.address)
        page.wait_for_function(f"+({CHART}?.dataset.frames ?? 0) > 0", timeout=60_000, polling=20)
        return time.perf_counter() - app.began


def _rates(page: Page) -> tuple[float, float, float]:
    page.evaluate(
        "() => { window.painted = 0; const tick = () => { window.painted++; requestAnimationFrame(tick) }; tick() }"
    )
    read = f"[+{CHART}.dataset.frames, window.painted, +{CHART}.dataset.step, performance.now()]"
    before = page.evaluate(read)
    time.sleep(WATCHED)
    after = page.evaluate(read)
    seconds = (after[3] - before[3]) / 1000
    frames, animation_frames, steps = ((after[i] - before[i]) / seconds for i in range(3))
    return frames, animation_frames, 2 * steps


def _slides(page: Page) -> tuple[list[float], int]:
    """Milliseconds from each release of a slider to the new run's first picture; removals of the chart."""
    page.evaluate(
        """() => {
            window.removals = 0
            window.began = {}
            const found = (node) => node.matches('.live-chart') || node.querySelector('.live-chart')
            const holds = (node) => node.querySelector && found(node)
            addEventListener('pointerup', () => { window.released = performance.now() }, true)
            new MutationObserver((changes) => {
                for (const change of changes) {
                    for (const node of change.removedNodes) if (holds(node)) window.removals++
                    const { run } = change.target.dataset
                    if (change.attributeName === 'data-run') window.began[run] ??= performance.now()
                }
            }).observe(document.body, {
                subtree: true, childList: true, attributes: true, attributeFilter: ['data-run'],
            })
        }"""
    )
    slides = []
    for number in range(SLIDES):
        box = page.locator("[data-testid=stSlider]").nth(1).bounding_box()
        assert box is not None
        run = int(page.evaluate(f"+{CHART}.dataset.run"))
        page.mouse.move(box["x"] + box["width"] * (0.2 + 0.013 * number), box["y"] + box["height"] - 12)
        page.mouse.down()
        page.mouse.up()
        later = f"Object.keys(window.began).filter((number) => +number > {run})"
        page.wait_for_function(f"{later}.length > 0", timeout=30_000, polling=20)
        slides.append(page.evaluate(f"Math.min(...{later}.map((number) => window.began[number])) - window.released"))
        time.sleep(1.0)
    return slides, int(page.evaluate("window.removals"))


__all__ = ["App", "Screen", "measure"]
