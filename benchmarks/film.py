"""What time travel costs and how smooth it is: frames drawn a second while dragging, messages meanwhile, and MB."""

from __future__ import annotations

import random
from dataclasses import dataclass

from playwright.sync_api import Page

from benchmarks.app import chromium, proportional_set_size, running_app

CHART = "document.querySelector('.live-chart')"
DRAGGED = 6.0  # seconds
DRAG = f"""async (seconds) => {{
    const chart = {CHART}
    const slider = chart.querySelector('.film')
    const last = +slider.max
    const [frames, began] = [+chart.dataset.frames, performance.now()]
    for (let at = 0; performance.now() - began < 1000 * seconds; at = (at + 1) % (2 * last)) {{
        slider.value = at < last ? at : 2 * last - at
        slider.dispatchEvent(new Event('input', {{ bubbles: true }}))
        await new Promise(requestAnimationFrame)
    }}
    return (+chart.dataset.frames - frames) / (performance.now() - began) * 1000
}}"""


@dataclass(frozen=True)
class Film:
    """Time travel through a default run that is over.

    Attributes:
        frames: drawn a second while the slider is dragged to and fro, one frame of the film after the other.
        messages: that went over the websocket meanwhile, either way.
        kept: frames in the browser's film.
        browser_mb: the browser's film.
        page_before, page_after: memory of the page process at the first steps of the run and after its end, MB.
    """

    frames: float
    messages: int
    kept: int
    browser_mb: float
    page_before: float
    page_after: float


def measure() -> Film:
    """Train RNN and LSTM to the end of their steps, with a browser, and drag."""
    with running_app() as app, chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        messages: list[object] = []
        page.on("websocket", lambda socket: _listen(socket, messages))
        page.goto(f"{app.address}/?seed={random.randrange(10**6)}")
        page.wait_for_function(f"+({CHART}?.dataset.step ?? 0) > 100", timeout=60_000)
        before = proportional_set_size(app.pid)
        page.wait_for_function(f"{CHART}.dataset.running === 'false'", timeout=300_000)
        page.wait_for_timeout(2000)
        after = proportional_set_size(app.pid)
        _press(page)
        page.wait_for_timeout(1000)
        messages.clear()
        frames = page.evaluate(DRAG, DRAGGED)
        kept, size = page.evaluate(f"[+{CHART}.dataset.film, +{CHART}.dataset.filmBytes]")
        return Film(frames, len(messages), kept, size / 1e6, before, after)


def _listen(socket: object, messages: list[object]) -> None:
    for event in ("framesent", "framereceived"):
        socket.on(event, lambda message: messages.append(message))  # type: ignore[attr-defined]


def _press(page: Page) -> None:
    box = page.locator(".live-chart .bar").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
