"""`python -m docs.take_pictures`: the app as it looks, light, dark and narrow; at rest, in training, finished.

The playground's views are taken when the run is over. With names of pages (`playground`, `gates` …) it takes the
pictures of these alone. A lesson's are of the whole page.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from benchmarks.app import App, chromium, running_app
from ui.navigation import LESSONS, Lesson
from ui.views import VIEWS

PICTURES = Path(__file__).parent / "pictures"
CHART = "document.querySelector('.live-chart')"
LOOKS = {"light": (1400, 900, "light"), "dark": (1400, 900, "dark"), "narrow": (390, 844, "light")}
PATIENCE = 600_000  # ms; a busy machine may take its time
COLORS = 128  # of a picture of a whole page: enough for the app's palette, and a third of the bytes


def main(names: list[str]) -> None:
    """Take the pictures of the pages called `names`, or of all."""
    PICTURES.mkdir(exist_ok=True)
    with running_app() as app, chromium() as browser:
        for look in LOOKS:
            if not names or "playground" in names:
                _take_playground(browser, app, look)
            for lesson in LESSONS:
                if not names or lesson.name in names:
                    _take_lesson(browser, app, look, lesson)


def _opened(browser: Browser, look: str) -> Page:
    width, height, scheme = LOOKS[look]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    return context.new_page()


def _take_playground(browser: Browser, app: App, look: str) -> None:
    page = _opened(browser, look)
    # as long as the page counts as hidden it asks for no frame, so that the untrained network stays
    page.add_init_script("window.away = true; Object.defineProperty(document, 'hidden', { get: () => window.away })")
    page.goto(app.address)
    page.wait_for_function(f"+({CHART}?.dataset.frames ?? 0) > 0", timeout=PATIENCE)
    _shoot(page, f"playground-{look}-rest")
    page.evaluate("window.away = false")
    page.wait_for_function(f"+{CHART}.dataset.step > 1100", timeout=PATIENCE)
    _shoot(page, f"playground-{look}-training")
    page.wait_for_function(f"{CHART}.dataset.running === 'false'", timeout=PATIENCE)
    _shoot(page, f"playground-{look}-finished")
    for view in list(VIEWS.values())[1:]:
        page.locator(".st-key-view").get_by_role("combobox").click()
        page.get_by_role("option", name=view.title, exact=True).click()
        page.wait_for_timeout(2500)
        page.wait_for_function(f"{CHART}.dataset.running === 'false'", timeout=PATIENCE)  # all has been worked out
        _shoot_all(page, f"view-{view.name}-{look}")
    page.context.close()


def _take_lesson(browser: Browser, app: App, look: str, lesson: Lesson) -> None:
    """The whole page before anything has been done, and when everything has."""
    page = _opened(browser, look)
    page.goto(f"{app.address}/{lesson.name}")
    page.wait_for_function(f"+({CHART}?.dataset.frames ?? 0) > 0", timeout=PATIENCE)
    _shoot_all(page, f"{lesson.name}-{look}-rest")
    _guess(page)
    pressed: set[str] = set()
    while name := page.evaluate(NEXT_BUTTON, sorted(pressed)):
        pressed.add(name)
        button = page.locator(f".{name} button").first
        button.click()
        page.wait_for_function(f"document.querySelector('.{name} button').disabled", timeout=PATIENCE)
        page.wait_for_timeout(1500)
        _guess(page)
    _shoot_all(page, f"{lesson.name}-{look}-finished")
    page.context.close()


NEXT_BUTTON = """done => [...document.querySelectorAll('[class*="-play"]')]
    .map(each => [...each.classList].find(name => /^st-key-.+-play$/.test(name)) ?? '')
    .filter(name => name && name !== 'st-key-by-hand-play' && !done.includes(name))
    .find(name => !document.querySelector(`.${name} button`).disabled) ?? ''"""
"""The class of the first button that starts something, not pressed yet; slow motion has no end to wait for."""


def _guess(page: Page) -> None:
    """Give the first answer to every question that has none."""
    for question in page.locator("[class*='-guess']").all():
        if question.locator("[aria-checked=true], [aria-pressed=true]").count() == 0:
            question.locator("button").first.click()
            page.wait_for_timeout(700)


def _shoot(page: Page, name: str) -> None:
    page.wait_for_timeout(700)
    page.screenshot(path=PICTURES / f"{name}.png")


def _shoot_all(page: Page, name: str) -> None:
    """The page from top to bottom, in as high a window as that takes."""
    size = page.viewport_size
    assert size is not None
    page.wait_for_timeout(1000)
    height = page.evaluate("document.querySelector('.stMain').scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": height})
    page.wait_for_timeout(1000)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(PICTURES / f"{name}.png", optimize=True)
    page.set_viewport_size(size)


if __name__ == "__main__":
    main(sys.argv[1:])
