"""The figure of a run: loss on top, and below it a column for each network.

`TrainingFigure(styles, look)` lays it out; `show(run)` fills in a moment of training. Times run left to right,
training from top to bottom.
"""

from __future__ import annotations

from engine.lane import Snapshot
from engine.runs import Run
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.column import EVERYTHING, Column, Row, height_of, rows_of
from figures.lanes import LaneStyle
from figures.look import Look
from figures.loss import LossPanel

WIDE, NARROW = 1080, 380  # nominal widths in pixels
LOSS_HEIGHT, BOTTOM, GAP = 84, 30, 18  # pixels


class TrainingFigure:
    """The figure for a set of networks, laid out once and then filled frame by frame.

    Args:
        styles: the networks shown, of a run on one task.
        look: the viewer's choice.
        rows: what is shown of each network.
        stacked: whether the networks stand below each other instead of side by side, as on a phone.
        loss: whether their loss stands above them.
    """

    def __init__(
        self,
        styles: tuple[LaneStyle, ...],
        look: Look,
        rows: tuple[Row, ...] = EVERYTHING,
        stacked: bool = False,
        loss: bool = True,
    ) -> None:
        self.look = look
        own_rows = [rows_of(style, rows) for style in styles]
        column_height = max(height_of(each) for each in own_rows)
        top = TITLE_HEIGHT + LOSS_HEIGHT + 24 if loss else 0
        down = len(styles) if stacked else 1
        height = top + column_height * down + ((GAP + BOTTOM) * (down - 1)) + BOTTOM
        self.canvas = Canvas(look.theme, NARROW if look.narrow else WIDE, height)
        experiment = styles[0].experiment
        self.canvas.layout["uirevision"] = repr((experiment.task, experiment.length, len(styles)))
        box = Box(GUTTER, TITLE_HEIGHT, self.canvas.width - GUTTER - 8, LOSS_HEIGHT)
        self._loss = LossPanel(self.canvas, box, styles) if loss else None
        across = 1 if stacked else len(styles)
        width = (self.canvas.width - GAP * (across - 1)) / across
        self.columns = []
        for place, (style, own) in enumerate(zip(styles, own_rows, strict=True)):
            left = 0 if stacked else place * (width + GAP)
            below = top + (place * (column_height + GAP + BOTTOM) if stacked else 0)
            box = Box(left, below, width - 4, column_height)
            equation = not look.narrow and len(styles) < 3
            self.columns.append(Column(self.canvas, look, style, own, box, equation))

    def show(self, run: Run | Snapshot) -> Canvas:
        """Fill in where `run` stands."""
        lanes = [run.lanes[column.style.number] for column in self.columns]
        horizon = horizon_of(run)
        if self._loss:
            self._loss.show(lanes, horizon)
        for column, lane in zip(self.columns, lanes, strict=True):
            column.show(lane, horizon)
        return self.canvas


def horizon_of(run: Run | Snapshot) -> int:
    """The training step at which the axes end: it doubles now and then, so that nothing creeps."""
    step, budget = run.step, run.lanes[0].experiment.steps
    horizon = 250
    while horizon < step:
        horizon *= 2
    return max(1, min(horizon, budget) if budget >= step else horizon)
