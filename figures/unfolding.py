"""A cell drawn as boxes and arrows, with its numbers, and the loop that it is part of: SVG, not a chart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.by_hand import Operation
from figures.canvas import FONT
from figures.palette import Color, Theme, mix

WIDTH = 760
BOX, TALL = 128, 44  # pixels: a box of the cell
NAMES = {
    "x": "x<tspan class='s'>t</tspan>",
    "h-": "h<tspan class='s'>t−1</tspan>",
    "c-": "c<tspan class='s'>t−1</tspan>",
}


def cell_svg(
    theme: Theme, hue: Color, operations: Sequence[Operation], current: int, x: float, h: np.ndarray, c: np.ndarray
) -> str:
    """The inside of a cell at one time step.

    Args:
        current: number of the running operation; those before have their values, those after are still to come.
        x, h, c: the input and the states (H,) that it starts from.
    """
    sources: dict[str, np.ndarray] = {"h-": h, "x": np.array([x])}
    if any("c-" in each.reads for each in operations):
        sources = {"c-": c} | sources
    depth = dict.fromkeys(sources, 0)
    for each in operations:
        depth[each.symbol] = 1 + max(depth[name] for name in each.reads)
    columns = [[name for name in depth if depth[name] == level] for level in range(max(depth.values()) + 1)]
    height = max(len(column) for column in columns) * (TALL + 26) + 10
    places = _places(columns, height)
    running = operations[current]
    parts = []
    for number, each in enumerate(operations):
        for name in each.reads:
            strong = number == current
            color = hue if strong else theme.muted if number < current else theme.grid
            parts.append(_arrow(places[name], places[each.symbol], color, 2.5 if strong else 1))
    for name, value in sources.items():
        parts.append(_box(theme, places[name], NAMES[name], value, hue if name in running.reads else theme.muted, None))
    for number, each in enumerate(operations):
        label = f"{each.symbol}<tspan class='s'>t</tspan> <tspan class='n'>{each.title}</tspan>"
        fill = mix(theme.background, hue, 0.22) if number == current else None
        edge = hue if number == current or each.symbol in running.reads else theme.muted
        parts.append(_box(theme, places[each.symbol], label, each.value if number <= current else None, edge, fill))
    return _svg(theme, height, parts, f"The cell at this step; it computes the {running.title}")


def chain_svg(
    theme: Theme, hue: Color, inputs: Sequence[float], states: Sequence[np.ndarray], t: int, folded: bool
) -> str:
    """The network through time: one box with a loop, or one box a step.

    Args:
        states: h_0, then h_1 … as far as they are known.
        t: the time step that runs, from 1.
        folded: draw one box with a loop.
    """
    if folded:
        return _folded(theme, hue, inputs, states, t)
    gap = (WIDTH - 60) / (len(inputs) + 0.6)
    parts = [_state(theme, 30, 62, "h", 0, states[0], theme.muted)]
    for number, x in enumerate(inputs, start=1):
        left = 60 + (number - 1) * gap
        known = states[number] if number < len(states) else None
        color = hue if number == t else theme.muted if known is not None else theme.grid
        parts.append(_arrow((left - 12, 62), (left + 22, 62), color, 1.5))
        parts.append(_cell(theme, left + 22, color, number == t))
        parts.append(_arrow((left + 52, 118), (left + 52, 88), color, 1.5))
        parts.append(_words(theme, left + 52, 132, f"x<tspan class='s'>{number}</tspan> = {_number(x)}"))
        parts.append(_arrow((left + 82, 62), (left + gap - 30, 62), color, 1.5))
        parts.append(_state(theme, left + gap - 40, 30, "h", number, known, color))
    return _svg(theme, 142, parts, f"The network unfolded over {len(inputs)} steps; step {t} is running")


def _folded(theme: Theme, hue: Color, inputs: Sequence[float], states: Sequence[np.ndarray], t: int) -> str:
    middle = WIDTH / 2
    loop = f"M{middle + 30},62 C{middle + 110},62 {middle + 90},6 {middle},6 S{middle - 110},62 {middle - 34},62"
    known = states[t] if t < len(states) else None
    parts = [
        f"<path d='{loop}' fill='none' stroke='{hue}' stroke-width='2' marker-end='url(#tip)' style='color:{hue}'/>",
        _cell(theme, middle - 30, hue, True),
        _arrow((middle, 118), (middle, 88), hue, 1.5),
        _words(theme, middle, 132, f"x<tspan class='s'>{t}</tspan> = {_number(inputs[t - 1])}"),
        _state(theme, middle - 190, 62, "h", t - 1, states[t - 1], theme.muted),
        _state(theme, middle + 150, 62, "h", t, known, hue),
    ]
    return _svg(theme, 142, parts, f"The network folded: its state comes back to it; step {t} is running")


def _places(columns: list[list[str]], height: float) -> dict[str, tuple[float, float]]:
    """The middle of each box."""
    across = (WIDTH - BOX - 8) / max(1, len(columns) - 1)
    return {
        name: (BOX / 2 + 4 + level * across, height * (row + 0.5) / len(column))
        for level, column in enumerate(columns)
        for row, name in enumerate(column)
    }


def _box(
    theme: Theme, place: tuple[float, float], label: str, value: np.ndarray | None, edge: Color, fill: Color | None
) -> str:
    left, top = place[0] - BOX / 2, place[1] - TALL / 2
    numbers = "" if value is None else " &#160; ".join(_number(each) for each in value)
    return (
        f"<rect x='{left:.0f}' y='{top:.0f}' width='{BOX}' height='{TALL}' rx='7' fill='{fill or theme.background}' "
        f"stroke='{edge}' stroke-width='1.5'/>"
        f"<text x='{place[0]:.0f}' y='{place[1] - 5:.0f}' text-anchor='middle'>{label}</text>"
        f"<text x='{place[0]:.0f}' y='{place[1] + 14:.0f}' text-anchor='middle' class='v'>{numbers}</text>"
    )


def _cell(theme: Theme, left: float, edge: Color, running: bool) -> str:
    fill = mix(theme.background, edge, 0.22) if running else theme.background
    return (
        f"<rect x='{left:.0f}' y='38' width='60' height='48' rx='9' fill='{fill}' stroke='{edge}' stroke-width='2'/>"
        f"<text x='{left + 30:.0f}' y='67' text-anchor='middle'>f<tspan class='s'>c</tspan></text>"
    )


def _state(theme: Theme, x: float, y: float, name: str, number: int, value: np.ndarray | None, color: Color) -> str:
    numbers = "…" if value is None else ", ".join(_number(each) for each in value)
    return (
        f"<text x='{x:.0f}' y='{y - 8:.0f}' text-anchor='middle' style='fill:{color}'>{name}"
        f"<tspan class='s'>{number}</tspan></text>"
        f"<text x='{x:.0f}' y='{y + 8:.0f}' text-anchor='middle' class='n'>{numbers}</text>"
    )


def _words(theme: Theme, x: float, y: float, words: str) -> str:
    return f"<text x='{x:.0f}' y='{y:.0f}' text-anchor='middle'>{words}</text>"


def _arrow(tail: tuple[float, float], head: tuple[float, float], color: Color, width: float) -> str:
    boxes = abs(head[0] - tail[0]) > BOX and head[1] >= 0 and width != 1.5
    begin, end = (tail[0] + BOX / 2, head[0] - BOX / 2 - 5) if boxes else (tail[0], head[0])
    return (
        f"<line x1='{begin:.0f}' y1='{tail[1]:.0f}' x2='{end:.0f}' y2='{head[1]:.0f}' stroke='{color}' "
        f"stroke-width='{width}' marker-end='url(#tip)'/>"
    )


def _svg(theme: Theme, height: float, parts: Sequence[str], title: str) -> str:
    style = (
        f"text{{fill:{theme.ink};font:14px {FONT}}} .s{{font-size:10px;baseline-shift:sub}}"
        f".n{{fill:{theme.muted};font-size:11px}} .v{{font-size:13px}}"
    )
    tip = (
        "<defs><marker id='tip' markerWidth='7' markerHeight='7' refX='5' refY='3' orient='auto' "
        f"markerUnits='userSpaceOnUse'><path d='M0,0 L6,3 L0,6 Z' fill='{theme.muted}'/></marker></defs>"
    )
    size = f"width='{WIDTH}' height='{height:.0f}' viewBox='0 0 {WIDTH} {height:.0f}'"
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' role='img' aria-label='{title}' {size}>"
        f"<style>{style}</style>{tip}{''.join(parts)}</svg>"
    )


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
