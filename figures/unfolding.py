"""A cell drawn as boxes and arrows, with its numbers, and the loop that it is part of: SVG, not a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.by_hand import Operation
from figures.canvas import FONT
from figures.palette import Color, Theme, mix

TALL = 44  # pixels: a box of the cell


@dataclass(frozen=True)
class Room:
    """How much room a drawing has, in pixels.

    Attributes:
        width: of the whole.
        box: width of a box of the cell.
        step: width of a box of the chain, which stands for a whole cell.
        lead: what a step takes before its box.
        begin: where the first step begins.
        down: whether the cell is computed from top to bottom; else from left to right.
    """

    width: int
    box: int
    step: int
    lead: int
    begin: int
    down: bool


WIDE = Room(width=760, box=128, step=60, lead=22, begin=60, down=False)
NARROW = Room(width=360, box=84, step=32, lead=14, begin=34, down=True)
NAMES = {
    "x": "x<tspan class='s'>t</tspan>",
    "h-": "h<tspan class='s'>t−1</tspan>",
    "c-": "c<tspan class='s'>t−1</tspan>",
}


def cell_svg(
    theme: Theme,
    hue: Color,
    operations: Sequence[Operation],
    current: int,
    x: float,
    h: np.ndarray,
    c: np.ndarray,
    room: Room = WIDE,
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
    levels = [[name for name in depth if depth[name] == level] for level in range(max(depth.values()) + 1)]
    high = len(levels) if room.down else max(len(level) for level in levels)
    height = high * (TALL + 26) + 10
    places = _places(levels, height, room)
    running = operations[current]
    parts = []
    for number, each in enumerate(operations):
        for name in each.reads:
            strong = number == current
            color = hue if strong else theme.muted if number < current else theme.grid
            parts.append(_link(places[name], places[each.symbol], color, 2.5 if strong else 1, room))
    for name, value in sources.items():
        edge = hue if name in running.reads else theme.muted
        parts.append(_box(theme, places[name], NAMES[name], value, edge, None, room))
    for number, each in enumerate(operations):
        label = f"{each.symbol}<tspan class='s'>t</tspan> <tspan class='n'>{each.title}</tspan>"
        fill = mix(theme.background, hue, 0.22) if number == current else None
        edge = hue if number == current or each.symbol in running.reads else theme.muted
        value_then = each.value if number <= current else None
        parts.append(_box(theme, places[each.symbol], label, value_then, edge, fill, room))
    return _svg(theme, room, height, parts, f"The cell at this step; it computes the {running.title}")


def chain_svg(
    theme: Theme,
    hue: Color,
    inputs: Sequence[float],
    states: Sequence[np.ndarray],
    t: int,
    folded: bool,
    room: Room = WIDE,
) -> str:
    """The network through time: one box with a loop, or one box a step.

    Args:
        states: h_0, then h_1 … as far as they are known.
        t: the time step that runs, from 1.
        folded: draw one box with a loop.
    """
    if folded:
        return _folded(theme, hue, inputs, states, t, room)
    gap = (room.width - room.begin) / (len(inputs) + 0.4)
    parts = [_state(room.begin / 2, 30, 0, states[0], theme.muted, room)]
    for number, x in enumerate(inputs, start=1):
        left = room.begin + (number - 1) * gap + room.lead
        right = left + room.step
        known = states[number] if number < len(states) else None
        color = hue if number == t else theme.muted if known is not None else theme.grid
        parts.append(_arrow((left - room.lead - room.lead / 2, 62), (left, 62), color, 1.5))
        parts.append(_cell(theme, left, color, number == t, room))
        parts.append(_arrow((left + room.step / 2, 118), (left + room.step / 2, 88), color, 1.5))
        parts.append(_words(left + room.step / 2, 132, f"x<tspan class='s'>{number}</tspan> = {_number(x)}"))
        out = room.begin + number * gap
        parts.append(_arrow((right, 62), (out - room.lead / 2 - 4, 62), color, 1.5))
        parts.append(_state((right + out + room.lead) / 2, 30, number, known, color, room))
    return _svg(theme, room, 142, parts, f"The network unfolded over {len(inputs)} steps; step {t} is running")


def _folded(theme: Theme, hue: Color, inputs: Sequence[float], states: Sequence[np.ndarray], t: int, room: Room) -> str:
    middle = room.width / 2
    loop = f"M{middle + 30},62 C{middle + 110},62 {middle + 90},6 {middle},6 S{middle - 110},62 {middle - 34},62"
    known = states[t] if t < len(states) else None
    aside = middle - room.begin / 2 if room.down else 170
    parts = [
        f"<path d='{loop}' fill='none' stroke='{hue}' stroke-width='2' marker-end='url(#tip)' style='color:{hue}'/>",
        _cell(theme, middle - 30, hue, True, WIDE),
        _arrow((middle, 118), (middle, 88), hue, 1.5),
        _words(middle, 132, f"x<tspan class='s'>{t}</tspan> = {_number(inputs[t - 1])}"),
        _state(middle - aside, 62, t - 1, states[t - 1], theme.muted, room),
        _state(middle + aside, 62, t, known, hue, room),
    ]
    return _svg(theme, room, 142, parts, f"The network folded: its state comes back to it; step {t} is running")


def _places(levels: list[list[str]], height: float, room: Room) -> dict[str, tuple[float, float]]:
    """The middle of each box: what is computed later stands farther on."""
    if room.down:
        return {
            name: (room.width * (place + 0.5) / len(names), height * (level + 0.5) / len(levels))
            for level, names in enumerate(levels)
            for place, name in enumerate(names)
        }
    across = (room.width - room.box - 8) / max(1, len(levels) - 1)
    return {
        name: (room.box / 2 + 4 + level * across, height * (place + 0.5) / len(names))
        for level, names in enumerate(levels)
        for place, name in enumerate(names)
    }


def _box(
    theme: Theme,
    place: tuple[float, float],
    label: str,
    value: np.ndarray | None,
    edge: Color,
    fill: Color | None,
    room: Room,
) -> str:
    left, top = place[0] - room.box / 2, place[1] - TALL / 2
    numbers = "" if value is None else " &#160; ".join(_number(each) for each in value)
    return (
        f"<rect x='{left:.0f}' y='{top:.0f}' width='{room.box}' height='{TALL}' rx='7' "
        f"fill='{fill or theme.background}' stroke='{edge}' stroke-width='1.5'/>"
        f"<text x='{place[0]:.0f}' y='{place[1] - 5:.0f}' text-anchor='middle'>{label}</text>"
        f"<text x='{place[0]:.0f}' y='{place[1] + 14:.0f}' text-anchor='middle' class='v'>{numbers}</text>"
    )


def _cell(theme: Theme, left: float, edge: Color, running: bool, room: Room) -> str:
    fill = mix(theme.background, edge, 0.22) if running else theme.background
    return (
        f"<rect x='{left:.0f}' y='38' width='{room.step}' height='48' rx='9' fill='{fill}' stroke='{edge}' "
        f"stroke-width='2'/>"
        f"<text x='{left + room.step / 2:.0f}' y='67' text-anchor='middle'>f<tspan class='s'>c</tspan></text>"
    )


def _state(x: float, y: float, number: int, value: np.ndarray | None, color: Color, room: Room) -> str:
    """The sign of a state and, below it, its numbers: below each other where there is little room."""
    numbers = ["…"] if value is None else [_number(each) for each in value]
    lines = numbers if room.down else [", ".join(numbers)]
    top = y + 8 - 12 * (len(lines) - 1)
    words = "".join(
        f"<text x='{x:.0f}' y='{top + 12 * line:.0f}' text-anchor='middle' class='n'>{each}</text>"
        for line, each in enumerate(lines)
    )
    return (
        f"<text x='{x:.0f}' y='{top - 16:.0f}' text-anchor='middle' style='fill:{color}'>h"
        f"<tspan class='s'>{number}</tspan></text>{words}"
    )


def _words(x: float, y: float, words: str) -> str:
    return f"<text x='{x:.0f}' y='{y:.0f}' text-anchor='middle'>{words}</text>"


def _link(tail: tuple[float, float], head: tuple[float, float], color: Color, width: float, room: Room) -> str:
    """An arrow from the middle of one box to that of another, but only between them."""
    if room.down:
        return _arrow((tail[0], tail[1] + TALL / 2), (head[0], head[1] - TALL / 2 - 5), color, width)
    return _arrow((tail[0] + room.box / 2, tail[1]), (head[0] - room.box / 2 - 5, head[1]), color, width)


def _arrow(tail: tuple[float, float], head: tuple[float, float], color: Color, width: float) -> str:
    return (
        f"<line x1='{tail[0]:.0f}' y1='{tail[1]:.0f}' x2='{head[0]:.0f}' y2='{head[1]:.0f}' stroke='{color}' "
        f"stroke-width='{width}' marker-end='url(#tip)'/>"
    )


def _svg(theme: Theme, room: Room, height: float, parts: Sequence[str], title: str) -> str:
    style = (
        f"text{{fill:{theme.ink};font:14px {FONT}}} .s{{font-size:10px;baseline-shift:sub}}"
        f".n{{fill:{theme.muted};font-size:11px}} .v{{font-size:13px}}"
    )
    tip = (
        "<defs><marker id='tip' markerWidth='7' markerHeight='7' refX='5' refY='3' orient='auto' "
        f"markerUnits='userSpaceOnUse'><path d='M0,0 L6,3 L0,6 Z' fill='{theme.muted}'/></marker></defs>"
    )
    size = f"width='{room.width}' height='{height:.0f}' viewBox='0 0 {room.width} {height:.0f}'"
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' role='img' aria-label='{title}' {size}>"
        f"<style>{style}</style>{tip}{''.join(parts)}</svg>"
    )


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
