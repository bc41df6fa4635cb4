"""What to look for in each chart: one sentence each."""

from __future__ import annotations

from engine.cells import CELLS
from engine.experiment import Experiment

_LOSS = (
    "Loss",
    "A line that leaves the dashed chance level has found something in the inputs; "
    "the scale is logarithmic, so equal distances are equal factors.",
)
_SEQUENCE = ("Sequence", "One fixed example that is never trained on: watch the answer approach what is wanted.")
_HIDDEN = (
    "Hidden state",
    "Each row is a unit, each column a time step: a colour that lasts from left to right is something remembered.",
)
_NOW = (
    "Gradient now",
    "How much the loss would change with the hidden state at each step: a line that falls to the left "
    "means that early steps hardly teach the network anything.",
)
_REACH = (
    "Gradient reach",
    "The same, row by row as training goes on: where the colour fades into the background the gradient has vanished, "
    "and colour that spreads to the left is memory being learned. It is the gradient of the shown sequence's own loss.",
)


def guide_for(experiments: tuple[Experiment, ...]) -> list[tuple[str, str]]:
    """(title, sentence) for each chart of the playground, top to bottom."""
    own: dict[str, str] = {}
    for experiment in experiments:
        for panel in CELLS[experiment.cell].panels:
            own[f"{panel.title} ({CELLS[experiment.cell].title})"] = panel.meaning
    return [_LOSS, _SEQUENCE, _HIDDEN, *own.items(), _NOW, _REACH]
