"""Exploding and clipping: the loss of some networks, and the gradient norm of each training step below it."""

from __future__ import annotations

from engine.runs import Run
from figures.by_training import NormPanel
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.lanes import LaneStyle
from figures.look import Look
from figures.loss import LossPanel
from figures.training import GAP, NARROW, WIDE, horizon_of

LOSS, NORM, AXIS = 120, 120, 30  # pixels
EXPLODING = (-3.0, 9.0)  # decimal logarithm of a gradient norm


class ClippingFigure:
    """Loss on top; below it a panel of gradient norms for each network, side by side or, on a phone, stacked."""

    def __init__(self, styles: tuple[LaneStyle, ...], look: Look) -> None:
        down = len(styles) if look.narrow else 1
        row = 2 * TITLE_HEIGHT + NORM + AXIS
        top = TITLE_HEIGHT + LOSS + 24
        self.canvas = Canvas(look.theme, NARROW if look.narrow else WIDE, top + row * down)
        self._loss = LossPanel(self.canvas, Box(GUTTER, TITLE_HEIGHT, self.canvas.width - GUTTER - 8, LOSS), styles)
        across = len(styles) // down
        width = (self.canvas.width - GAP * (across - 1)) / across
        self._norms = []
        for place, style in enumerate(styles):
            left, below = (0.0, top + place * row) if look.narrow else (place * (width + GAP), float(top))
            self.canvas.text(left + GUTTER, below, f"<b>{style.title}</b>", size=14, color=style.hue)
            box = Box(left + GUTTER, below + 2 * TITLE_HEIGHT, width - GUTTER - 4, NORM)
            self._norms.append((style.number, NormPanel(self.canvas, box, style, EXPLODING)))

    def show(self, run: Run) -> Canvas:
        """Fill in where `run` stands."""
        horizon = horizon_of(run)
        self._loss.show(list(run.lanes), horizon)
        for number, panel in self._norms:
            panel.show(run.lanes[number], horizon)
        return self.canvas
