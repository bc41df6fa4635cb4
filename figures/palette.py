"""The colours, for light and dark: what is inactive has the background's own colour, what is alive stands out."""

from __future__ import annotations

from dataclasses import dataclass

Color = str
Colorscale = list[list[float | str]]

LINE_STYLES = {"rnn": "dot", "gru": "dash", "lstm": "solid", "window": "dashdot"}
"""Networks differ in more than hue."""


@dataclass(frozen=True)
class Theme:
    """The colours of one appearance.

    Attributes:
        name: "light" or "dark".
        background: of the page; also of zero activity, a shut gate, a vanished gradient.
        ink, muted, grid: text, secondary text, axis lines.
        negative, positive: ends of the diverging scale of states and signed gradients.
        alarm: of what is not a number, and of nothing else.
        lanes: one hue a network, everywhere.
        other_lanes: hues for networks without one of their own.
    """

    name: str
    background: Color
    ink: Color
    muted: Color
    grid: Color
    negative: Color
    positive: Color
    alarm: Color
    lanes: dict[str, Color]
    other_lanes: tuple[Color, ...]

    def hue(self, cell: str) -> Color:
        """The colour of a network, by its cell's name."""
        return self.lanes.get(cell) or self.other_lanes[sum(cell.encode()) % len(self.other_lanes)]

    @property
    def diverging(self) -> Colorscale:
        """Negative ← background → positive, for a range centred on zero."""
        return [
            [0.0, self.negative],
            [0.25, mix(self.background, self.negative, 0.6)],
            [0.5, self.background],
            [0.75, mix(self.background, self.positive, 0.6)],
            [1.0, self.positive],
        ]

    def sequential(self, hue: Color) -> Colorscale:
        """Background → hue, for a range that begins at nothing."""
        return [[0.0, self.background], [0.5, mix(self.background, hue, 0.5)], [1.0, hue]]


LIGHT = Theme(
    name="light",
    background="#ffffff",
    ink="#1c1e26",
    muted="#646a78",
    grid="#e3e5ea",
    negative="#6a2c91",
    positive="#a87400",
    alarm="#ff2fa0",
    lanes={"rnn": "#c65100", "gru": "#1f6b3a", "lstm": "#0064a6", "window": "#6b7280"},
    other_lanes=("#8a5a83", "#5d6b1f", "#7a4b2a"),
)

DARK = Theme(
    name="dark",
    background="#12141a",
    ink="#eceef3",
    muted="#9aa1b0",
    grid="#2c303a",
    negative="#c99af0",
    positive="#f2c14e",
    alarm="#ff2fa0",
    lanes={"rnn": "#ff7a33", "gru": "#b0e884", "lstm": "#5aa8ff", "window": "#a3acbd"},
    other_lanes=("#d7a6cf", "#b9c76b", "#cfa07a"),
)


def theme_named(name: str | None) -> Theme:
    """The theme called "light" or "dark"; light for anything else."""
    return DARK if name == "dark" else LIGHT


def mix(one: Color, other: Color, share: float) -> Color:
    """`one` with a `share` 0…1 of `other`, as hexadecimal."""
    parts = (round((1 - share) * int(one[at : at + 2], 16) + share * int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in parts)
