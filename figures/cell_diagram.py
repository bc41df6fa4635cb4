"""The inside of one unit as a diagram whose lines carry its numbers: LSTM, GRU, and the vanilla network. SVG.

Places are in columns and rows of a grid; how large those are is decided once, for a wide screen and for a phone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.analysis.unit import GRUNumbers, LSTMNumbers, Numbers, RNNNumbers
from figures.canvas import FONT
from figures.palette import Color, Theme, mix

Spot = tuple[float, float]
"""Column and row."""

FORGET, INPUT, CANDIDATE, OUTPUT = (1.9, 3.0), (4.1, 3.0), (5.9, 3.0), (7.7, 3.0)
BUS = 4.15  # row of the line that brings x_t and h_{t−1}


@dataclass(frozen=True)
class Grid:
    """How large columns and rows are, in pixels."""

    across: float
    down: float
    left: float = 50.0
    box: tuple[float, float] = (96.0, 36.0)


WIDE = Grid(92, 47)
NARROW = Grid(48, 62, 40.0, (74.0, 38.0))


def diagram_svg(theme: Theme, hue: Color, numbers: Numbers, title: str, narrow: bool = False) -> str:
    """The diagram of the cell that `numbers` are of.

    Args:
        title: which unit and step, as its alternative text begins.
    """
    drawing = Drawing(theme, hue, NARROW if narrow else WIDE)
    match numbers:
        case LSTMNumbers():
            _draw_lstm(drawing, numbers)
        case GRUNumbers():
            _draw_gru(drawing, numbers)
        case RNNNumbers():
            _draw_rnn(drawing, numbers)
    return drawing.svg(title)


def _draw_lstm(draw: Drawing, n: LSTMNumbers) -> None:
    draw.wire([(0, 1), (1.65, 1)], n.cell_before)
    draw.wire([(2.15, 1), (4.75, 1)], n.kept)
    draw.wire([(5.25, 1), (9.9, 1)], n.cell)
    draw.wire([(1.9, 2.6), (1.9, 1.3)], n.forget)
    draw.wire([(4.1, 2.6), (4.1, 2), (4.75, 2)], n.input)
    draw.wire([(5.9, 2.6), (5.9, 2), (5.25, 2)], n.candidate)
    draw.wire([(5, 1.75), (5, 1.3)], n.added)
    draw.wire([(9, 1), (9, 1.6)], n.cell)
    draw.wire([(9, 2.35), (9, 2.72)], n.squashed)
    draw.wire([(8.25, 3), (8.75, 3)], n.output)
    draw.wire([(9.25, 3), (9.9, 3)], n.state)
    draw.bus([FORGET[0], INPUT[0], CANDIDATE[0], OUTPUT[0]])
    draw.operation((1.9, 1), "×")
    draw.operation((5, 1), "+")
    draw.operation((5, 2), "×")
    draw.operation((9, 3), "×")
    draw.gate(FORGET, "forget gate", "σ", n.forget)
    draw.gate(INPUT, "input gate", "σ", n.input)
    draw.signed(CANDIDATE, "candidate", "tanh", n.candidate)
    draw.gate(OUTPUT, "output gate", "σ", n.output)
    draw.signed((9, 1.95), "", "tanh", n.squashed)
    draw.say((0, 0.55), "c", "t−1", n.cell_before)
    draw.say((1.95, 2.0), "f", "t", n.forget, "start")
    draw.say((3.4, 0.55), "f c", "t−1", n.kept)
    draw.say((4.0, 2.3), "i", "t", n.input, "end")
    draw.say((6.0, 2.3), "g", "t", n.candidate, "start")
    draw.say((5.25, 1.5), "i g", "", n.added, "start")
    draw.say((7.2, 0.55), "c", "t", n.cell)
    draw.say((8.5, 2.5), "o", "t", n.output)
    draw.say((9.5, 2.0), "tanh c", "t", n.squashed, "start", below=True)
    draw.say((9.9, 3.45), "h", "t", n.state)
    draw.arrivals(n.state_before)
    draw.equation(
        f"c<t>t</t> = f<t>t</t> c<t>t−1</t> + i<t>t</t> g<t>t</t> = {number(n.forget)} · {inner(n.cell_before)} + "
        f"{number(n.input)} · {inner(n.candidate)} = {number(n.cell)}",
        f"h<t>t</t> = o<t>t</t> tanh(c<t>t</t>) = {number(n.output)} · {inner(n.squashed)} = {number(n.state)}",
    )


def _draw_gru(draw: Drawing, n: GRUNumbers) -> None:
    draw.wire([(0, 1), (1.65, 1)], n.state_before)
    draw.wire([(2.15, 1), (7.25, 1)], n.kept)
    draw.wire([(7.75, 1), (9.9, 1)], n.state)
    draw.wire([(1.9, 2.6), (1.9, 1.3)], n.update)
    draw.wire([(1.9, 2.0), (7.25, 2.0)], 1 - n.update)
    draw.wire([(4.3, 3), (5.25, 3)], n.reset)
    draw.wire([(5.5, BUS), (5.5, 3.28)], n.recalled)
    draw.wire([(5.75, 3), (6.95, 3)], n.let_through)
    draw.wire([(7.5, 2.6), (7.5, 2.3)], n.candidate)
    draw.wire([(7.5, 1.72), (7.5, 1.3)], n.new)
    draw.bus([1.9, 3.75, 7.5], 7.5)
    draw.operation((1.9, 1), "×")
    draw.operation((7.5, 1), "+")
    draw.operation((7.5, 2), "×")
    draw.operation((5.5, 3), "×")
    draw.gate((1.9, 3), "update gate", "σ", n.update)
    draw.gate((3.75, 3), "reset gate", "σ", n.reset)
    draw.signed((7.5, 3), "candidate", "tanh", n.candidate)
    draw.say((0, 0.55), "h", "t−1", n.state_before)
    draw.say((1.8, 2.3), "z", "t", n.update, "end")
    draw.say((4.6, 0.55), "z h", "t−1", n.kept)
    draw.say((4.6, 1.7), "1 − z", "t", 1 - n.update)
    draw.say((4.9, 2.55), "r", "t", n.reset)
    draw.say((5.4, 3.7), "U h + b", "", n.recalled, "end")
    draw.say((6.35, 2.55), "r (U h + b)", "", n.let_through)
    draw.say((7.6, 2.45), "n", "t", n.candidate, "start")
    draw.say((7.75, 1.5), "(1 − z) n", "", n.new, "start")
    draw.say((9.0, 0.55), "h", "t", n.state)
    draw.arrivals(n.state_before)
    draw.equation(
        f"h<t>t</t> = (1 − z<t>t</t>) n<t>t</t> + z<t>t</t> h<t>t−1</t> = {number(1 - n.update)} · "
        f"{inner(n.candidate)} + {number(n.update)} · {inner(n.state_before)} = {number(n.state)}",
        "The reset gate decides how much of the old state the candidate hears.",
    )


def _draw_rnn(draw: Drawing, n: RNNNumbers) -> None:
    draw.wire([(0.4, 1), (3.7, 1), (3.7, 1.7)], n.from_state)
    draw.wire([(0.4, 3), (3.7, 3), (3.7, 2.3)], n.from_input)
    draw.wire([(2.2, 2), (3.4, 2)], n.bias)
    draw.wire([(4.0, 2), (6.0, 2)], n.total)
    draw.wire([(7.2, 2), (9.7, 2)], n.state)
    draw.operation((3.7, 2), "+")
    draw.signed((6.6, 2), "new state", "φ", n.state)
    draw.say((2.2, 0.6), "U h", "t−1", n.from_state)
    draw.say((2.2, 3.45), "W x", "t", n.from_input)
    draw.say((1.9, 2.1), "b", "", n.bias, "end")
    draw.say((5.0, 1.6), "z", "t", n.total)
    draw.say((8.5, 1.6), "h", "t", n.state)
    draw.note((0, 1.35), "all units, one step before")
    draw.note((0, 2.75), "the input")
    draw.equation(
        f"z<t>t</t> = W x<t>t</t> + U h<t>t−1</t> + b = {number(n.from_input)} + {inner(n.from_state)} + "
        f"{inner(n.bias)} = {number(n.total)}",
        f"h<t>t</t> = φ(z<t>t</t>) = {number(n.state)}, where it was {number(n.state_before)} one step before",
    )


class Drawing:
    """Boxes, circles and wires on a grid."""

    def __init__(self, theme: Theme, hue: Color, grid: Grid) -> None:
        self._theme, self._hue, self._grid = theme, hue, grid
        self._wires: list[str] = []
        self._parts: list[str] = []
        self._equations: Sequence[str] = ()
        self._rows = 3.4

    def wire(self, spots: Sequence[Spot], value: float) -> None:
        """A line that carries `value`: thick where that is large, in the colour of its sign."""
        theme = self._theme
        strength = min(1.0, abs(value)) if math.isfinite(value) else 0.0
        color = mix(theme.muted, theme.positive if value > 0 else theme.negative, min(1.0, 0.35 + strength))
        color = color if strength > 0.005 else theme.muted
        points = " ".join(f"{x:.0f},{y:.0f}" for x, y in map(self._at, spots))
        self._wires.append(
            f"<polyline points='{points}' fill='none' stroke='{color}' stroke-width='{1 + 4 * strength:.1f}' "
            "stroke-linejoin='round' marker-end='url(#tip)'/>"
        )

    def bus(self, columns: Sequence[float], last: float | None = None) -> None:
        """The line that brings x_t and the states of all units to each box."""
        end = columns[-1] if last is None else last
        self._rows = BUS
        spots = [((0.0, BUS), (end, BUS)), *(((column, BUS), (column, 3.42)) for column in columns)]
        for number_of, (tail, head) in enumerate(spots):
            (x1, y1), (x2, y2) = self._at(tail), self._at(head)
            tip = " marker-end='url(#tip)'" if number_of else ""
            self._wires.insert(
                0, f"<line x1='{x1:.0f}' y1='{y1:.0f}' x2='{x2:.0f}' y2='{y2:.0f}' stroke='{self._theme.muted}'{tip}/>"
            )

    def operation(self, spot: Spot, sign: str) -> None:
        """A circle: × or +."""
        x, y = self._at(spot)
        self._parts.append(
            f"<circle cx='{x:.0f}' cy='{y:.0f}' r='11' fill='{self._theme.background}' stroke='{self._theme.ink}' "
            f"stroke-width='1.5'/><text x='{x:.0f}' y='{y + 5:.0f}' text-anchor='middle' class='o'>{sign}</text>"
        )

    def gate(self, spot: Spot, name: str, function: str, value: float) -> None:
        """A box that opens between 0 and 1: the wider open, the fuller its colour."""
        share = value if math.isfinite(value) else 0.0
        self._box(spot, name, function, mix(self._theme.background, self._hue, 0.75 * share), self._hue)

    def signed(self, spot: Spot, name: str, function: str, value: float) -> None:
        """A box that gives something signed."""
        share = min(1.0, abs(value)) if math.isfinite(value) else 0.0
        end = self._theme.positive if value > 0 else self._theme.negative
        self._box(spot, name, function, mix(self._theme.background, end, 0.6 * share), self._theme.ink)

    def say(self, spot: Spot, name: str, index: str, value: float, anchor: str = "middle", below: bool = False) -> None:
        """A value with its name, beside its wire."""
        x, y = self._at(spot)
        sub = f"<tspan class='s'>{index}</tspan>" if index else ""
        shown = f"<tspan class='v'>{number(value)}</tspan>"
        second = f"<tspan x='{x:.0f}' dy='15'>{shown}</tspan>" if below else f" {shown}"
        self._parts.append(f"<text x='{x:.0f}' y='{y + 4:.0f}' text-anchor='{anchor}'>{name}{sub}{second}</text>")

    def note(self, spot: Spot, words: str) -> None:
        """Small print."""
        x, y = self._at(spot)
        self._parts.append(f"<text x='{x:.0f}' y='{y + 4:.0f}' class='n'>{words}</text>")

    def arrivals(self, state_before: float) -> None:
        """What comes in at the left of the bus."""
        x, y = self._at((0, BUS))
        self._parts.append(
            f"<text x='{x - self._grid.left + 4:.0f}' y='{y + 18:.0f}' class='n'>x<tspan class='s'>t</tspan> and "
            f"h<tspan class='s'>t−1</tspan> of all units, through W and U (this unit: {number(state_before)})</text>"
        )

    def equation(self, *lines: str) -> None:
        """Equations with the numbers put in, below all."""
        self._equations = lines

    def svg(self, title: str) -> str:
        """All of it."""
        theme, grid = self._theme, self._grid
        width, height = grid.left * 2 + 9.9 * grid.across + 16, grid.down * self._rows + 26 + 20 * len(self._equations)
        style = (
            f"text{{fill:{theme.ink};font:13px {FONT}}} .s{{font-size:9px;baseline-shift:sub}}"
            f".n{{fill:{theme.muted};font-size:12px}} .v{{font-weight:600}} .o{{font-size:15px}}"
            f".f{{fill:{theme.ink};font-size:12px}} .q{{font-size:13px}}"
        )
        tip = (
            "<defs><marker id='tip' markerWidth='7' markerHeight='7' refX='5' refY='3' orient='auto' "
            f"markerUnits='userSpaceOnUse'><path d='M0,0 L6,3 L0,6 Z' fill='{theme.muted}'/></marker></defs>"
        )
        lines = "".join(
            f"<text x='4' y='{grid.down * self._rows + 34 + 20 * row:.0f}' class='q'>{_with_indices(line)}</text>"
            for row, line in enumerate(self._equations)
        )
        size = f"width='{width:.0f}' height='{height:.0f}' viewBox='0 0 {width:.0f} {height:.0f}'"
        return (
            f"<svg xmlns='http://www.w3.org/2000/svg' role='img' aria-label='{title}' {size}>"
            f"<style>{style}</style>{tip}{''.join(self._wires)}{''.join(self._parts)}{lines}</svg>"
        )

    def _at(self, spot: Spot) -> Spot:
        """Pixels of a place on the grid."""
        return self._grid.left + spot[0] * self._grid.across, (spot[1] - 0.2) * self._grid.down

    def _box(self, spot: Spot, name: str, function: str, fill: Color, edge: Color) -> None:
        (x, y), (width, height) = self._at(spot), self._grid.box
        if not name:
            width, height = width * 0.55, height * 0.75
        self._parts.append(
            f"<rect x='{x - width / 2:.0f}' y='{y - height / 2:.0f}' width='{width:.0f}' height='{height:.0f}' rx='7' "
            f"fill='{fill}' stroke='{edge}' stroke-width='1.5'/>"
        )
        lines = [name, function] if name else [function]
        for row, words in enumerate(lines):
            below = y + 4 + (row - (len(lines) - 1) / 2) * 15
            self._parts.append(f"<text x='{x:.0f}' y='{below:.0f}' text-anchor='middle' class='f'>{words}</text>")


def number(value: float) -> str:
    """A value as it stands on a line: three decimals; a dash where there is none."""
    return f"{value:.3f}".replace("-", "−") if math.isfinite(value) else "–"


def inner(value: float) -> str:
    """The same inside a sum or product: a negative one in brackets."""
    return f"({number(value)})" if value < 0 else number(value)


def _with_indices(line: str) -> str:
    return line.replace("<t>", "<tspan class='s'>").replace("</t>", "</tspan>")
