"""How a viewer looks at a run; none of it changes the run."""

from __future__ import annotations

from dataclasses import dataclass

from figures.palette import Theme


@dataclass(frozen=True)
class Look:
    """The viewer's choice.

    Attributes:
        theme: the colours.
        narrow: True on a phone.
        sequence: which displayed sequence, from 0.
        layer: which recurrent layer, from 0.
        by_activity: units sorted by their mean |h|, most active on top; else by number.
    """

    theme: Theme
    narrow: bool = False
    sequence: int = 0
    layer: int = 0
    by_activity: bool = False
