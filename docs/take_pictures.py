"""`python -m docs.take_pictures`: the app as it looks, light, dark and narrow; at rest, in training, finished."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks.app import App, chromium, running_app

PICTURES = Path(__file__).parent / "pictures"
CHART = "document.querySelector('.live-chart')"
LOOKS = {"light": (1400, 900, "light"), "dark": (1400, 900, "dark"), "narrow": (390, 844, "light")}
PATIENCE = 120_000  # ms


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with running_app() as app, chromium() as browser:
        for look, (width, height, scheme) in LOOKS.items():
            _take(browser, app, look, width, height, scheme)


def _take(browser: Browser, app: App, look: str, width: int, height: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
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
    context.close()


def _shoot(page: Page, name: str) -> None:
    page.wait_for_timeout(700)
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
