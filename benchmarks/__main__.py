"""`python -m benchmarks [training|screen|film|viewers|soak …]`: measure, print, and write docs/benchmarks.md.

Without words it measures all but the soak test, which takes ten minutes.
"""

from __future__ import annotations

import datetime
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import film, screen, training, viewers
from benchmarks.app import ROOT, cpu_name

REPORT = Path(ROOT) / "docs" / "benchmarks.md"
INTRODUCTION = """# Benchmarks

Measured by `make bench` (`python -m benchmarks`). Server, workers and browser share the machine's cores, so a
user whose browser runs elsewhere sees higher rates. Ratios are taken within one run, since machines are noisy.
"""


def training_section() -> str:
    """Training through the worker pool against loops written by hand."""
    rows = []
    for cell in ("rnn", "gru", "lstm"):
        rates = training.measure(cell)
        rows.append(
            f"| {cell.upper()} | {rates.pool:.0f} | {rates.frames:.1f} | {rates.bare:.0f} | {rates.explicit:.0f} "
            f"| **{rates.pool_to_bare:.2f}** | **{rates.pool_to_explicit:.1f}** |"
        )
    return "\n".join(
        [
            "## Training\n",
            "Adding problem, T = 50, B = 32, H = 32, Adam, clipping; one worker. “Pool”: chunks through the store,",
            "each with a recording for the screen. “Bare”: `torch.nn` module, nothing recorded. “Explicit”: a Python",
            "loop over time that records as it goes. Steps a second; medians of "
            f"{training.ROUNDS} rounds of {training.SECONDS:g} s.\n",
            "| cell | pool | recordings/s | bare | explicit | pool ÷ bare | pool ÷ explicit |",
            "|---|---|---|---|---|---|---|",
            *rows,
        ]
    )


def screen_section() -> str:
    """One viewer with a browser on the same machine."""
    seen = screen.measure()
    rows = [
        ("start of the server → first heatmap", f"{seen.first_heatmap:.1f} s"),
        ("frames drawn", f"{seen.frames:.1f} a second"),
        ("animation frames of the page", f"{seen.animation_frames:.0f} a second"),
        ("training steps, both networks together", f"{seen.steps:.0f} a second"),
        (
            "slider released → first picture of the new run",
            f"{seen.slider:.0f} ms (longest {seen.slowest_slider:.0f} ms)",
        ),
        ("times the chart left the page meanwhile", f"{seen.removals}"),
        ("memory of the page process", f"{seen.page_mb:.0f} MB"),
        ("memory of page process and workers", f"{seen.all_mb:.0f} MB proportional set size"),
    ]
    return "\n".join(
        [
            "## One viewer\n",
            "Chromium at 1400×900, RNN beside LSTM, both training (recall task, T = 50, H = 32).\n",
            "| what | measured |",
            "|---|---|",
            *(f"| {what} | {figure} |" for what, figure in rows),
        ]
    )


def film_section() -> str:
    """Time travel by one viewer."""
    seen = film.measure()
    rows = [
        ("frames drawn while dragging", f"{seen.frames:.0f} a second"),
        ("websocket messages while dragging", f"{seen.messages}"),
        ("the browser's film", f"{seen.kept} frames, {seen.browser_mb:.1f} MB"),
        (
            "memory of the page process, at the first steps → at the end",
            f"{seen.page_before:.0f} → {seen.page_after:.0f} MB",
        ),
    ]
    return "\n".join(
        [
            "## Time travel\n",
            "Chromium at 1400×900, RNN beside LSTM (the default experiment), the run over, the slider dragged.\n",
            "| what | measured |",
            "|---|---|",
            *(f"| {what} | {figure} |" for what, figure in rows),
        ]
    )


def viewers_section() -> str:
    """Many viewers without browsers."""
    rows = [_crowd_row(viewers.measure(count, 15.0)) for count in (1, 10, 20, 30)]
    return "\n".join(
        [
            "## Many viewers\n",
            "Clients on the websocket, each with an experiment of its own (RNN beside LSTM, T = 50), 15 s each.\n",
            *_CROWD_HEAD,
            *rows,
        ]
    )


def soak_section() -> str:
    """Ten viewers for ten minutes."""
    row = _crowd_row(viewers.measure(10, 600.0))
    return "\n".join(["## Soak\n", "Ten viewers for ten minutes: memory has to stay flat.\n", *_CROWD_HEAD, row])


_CROWD_HEAD = (
    "| viewers | frames/s each | least | training steps/s, all | least steps | errors | page MB, before → after |",
    "|---|---|---|---|---|---|---|",
)


def _crowd_row(crowd: viewers.Crowd) -> str:
    return (
        f"| {crowd.viewers} | {crowd.mean_frames:.1f} | {crowd.least_frames:.1f} | {crowd.steps:.0f} "
        f"| {crowd.least_steps} | {crowd.errors} | {crowd.page_mb:.0f} → {crowd.page_mb_later:.0f} |"
    )


SECTIONS: dict[str, Callable[[], str]] = {
    "training": training_section,
    "screen": screen_section,
    "film": film_section,
    "viewers": viewers_section,
    "soak": soak_section,
}


def main(wanted: list[str]) -> None:
    """Measure the sections wanted; keep what the report says of the others."""
    kept = _sections_of(REPORT.read_text(encoding="utf-8")) if REPORT.exists() else {}
    for name in wanted or ["training", "screen", "film", "viewers"]:
        text = SECTIONS[name]()
        title = text.splitlines()[0]
        kept[title] = f"{text}\n\n{datetime.date.today()}, {cpu_name()}, Python {platform.python_version()}.\n"
        print(kept[title])
    order = ["## Training", "## One viewer", "## Time travel", "## Many viewers", "## Soak"]
    body = "\n".join(kept[title] for title in order if title in kept)
    REPORT.write_text(f"{INTRODUCTION}\n{body}", encoding="utf-8")


def _sections_of(report: str) -> dict[str, str]:
    parts = report.split("\n## ")[1:]
    return {f"## {part.splitlines()[0]}": f"## {part.rstrip()}\n" for part in parts}


if __name__ == "__main__":
    main(sys.argv[1:])
