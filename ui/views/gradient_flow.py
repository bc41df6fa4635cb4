"""How the gradient flows back through the networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.analysis.gradient_flow import FlowReport
from engine.analysis.questions import FlowQuestion, RadiiQuestion, Subject, answer_flow, answer_radii
from engine.cells import CELLS
from engine.lane import Lane
from engine.losses import loss_of_batch
from engine.runs import Run
from engine.setup import Setup
from engine.tasks import Batch
from figures.by_training import Radii
from figures.canvas import Canvas
from figures.gradient_flow import EVERYTHING, Chart, GradientFlowFigure
from figures.lanes import LaneStyle
from figures.look import Look
from figures.training import horizon_of
from ui import intervened
from ui.views.analysed import analysed, begin_frame
from ui.views.base import View
from ui.views.by_moment import by_moment


class GradientFlow(View):
    """∂L/∂(states), the ways the gradient takes, how far it reaches, and what training makes of it."""

    name = "gradient_flow"
    title = "Gradient flow"
    idea = (
        "What the end of the sequence teaches each earlier step: the gradient of this sequence's loss on its way back, "
        "and the weights it is multiplied with."
    )
    order = 30
    interval = 150

    def figure(self, setup: Setup, styles: tuple[LaneStyle, ...], look: Look) -> FlowOfRun:
        """A column for each network."""
        return FlowOfRun(styles, look)

    def guide(self, setup: Setup) -> Sequence[tuple[str, str]]:
        """A sentence for each chart."""
        return GUIDE


GUIDE = (
    (
        "∂L/∂h and ∂L/∂c",
        "Each row is a unit, each column a step, colour the sign and the decade: where a map is empty on the left, "
        "early steps get no word of the loss. Pink marks what is no number any more.",
    ),
    (
        "Ways back",
        r"All ways: $\partial L/\partial c_k = f_{k+1}\,\partial L/\partial c_{k+1} + (\partial h_k/\partial c_k)\,"
        r"\partial L/\partial h_k$. Along c alone: $a_k = f_{k+1}\,a_{k+1} + (\partial h_k/\partial c_k)\,r_k$, where "
        r"$r_k$ is what $h_k$ gets from the read-out, or the layer above, at its own step. The rest, "
        r"$b_k = \partial L/\partial c_k - a_k$, has passed the weights U at least once, by a gate or the candidate. "
        r"The strip is the share $\|a_k\| / (\|a_k\| + \|b_k\|)$. In a GRU the update gate opens such a way for h: "
        r"$a_k = z_{k+1}\,a_{k+1} + r_k$.",
    ),
    (
        "Reach",
        "How strongly the last state still depends on one so many steps back: a line that falls by the same height for "
        "each step shrinks by the same factor. It can't pass the dashed bound, and without squashing a rotation would "
        "be on the dotted line that the weights predict.",
    ),
    (
        "Gradient norm",
        "The whole gradient of each training step before clipping, and the level above which it is scaled down; "
        "the strip is filled where that happened.",
    ),
    (
        "Spectral radius",
        "The largest |eigenvalue| of each block of recurrent weights: below the dashed 1, what passes it many times "
        "fades.",
    ),
)


class FlowOfRun:
    """The figure, filled from a run and from what the workers have found of it.

    Args:
        place: on the screen, by which what is known is remembered.
    """

    def __init__(
        self, styles: tuple[LaneStyle, ...], look: Look, charts: tuple[Chart, ...] = EVERYTHING, place: str = "view"
    ) -> None:
        self._styles, self._look, self._place = styles, look, place
        self._figure = GradientFlowFigure(styles, look, charts)

    def show(self, run: Run) -> Canvas:
        """Fill in where `run` stands."""
        lanes = [run.lanes[style.number] for style in self._styles]
        reports = [self._report(style.number, lane) for style, lane in zip(self._styles, lanes, strict=True)]
        radii = [self._radii(style.number, lane) for style, lane in zip(self._styles, lanes, strict=True)]
        return self._figure.show(lanes, reports, radii, horizon_of(run), [self._note(lane) for lane in lanes])

    def _report(self, number: int, lane: Lane) -> FlowReport | None:
        return report_on(f"{self._place}.flow.{number}", lane, self._look.layer, self._look.sequence)

    def _radii(self, number: int, lane: Lane) -> Radii:
        return radii_of(f"{self._place}.radii.{number}", lane, self._look.layer)

    def _note(self, lane: Lane) -> str:
        return " · below the maps: the network left alone" if intervened.done_to(lane) else ""


class FlowOnPage(FlowOfRun):
    """The same on a lesson's page, where nothing is done to networks, without what training makes of the weights."""

    def __init__(self, styles: tuple[LaneStyle, ...], look: Look) -> None:
        super().__init__(styles, look, (Chart.MAPS, Chart.WAYS, Chart.REACH), "page")

    def show(self, run: Run) -> Canvas:
        """Fill in where `run` stands."""
        begin_frame()
        return super().show(run)

    def _radii(self, number: int, lane: Lane) -> Radii:
        return {}

    def _note(self, lane: Lane) -> str:
        return ""


def report_on(name: str, lane: Lane, layer: int, sequence: int) -> FlowReport | None:
    """What the workers know of the gradient of `lane`; None for a network without recurrence."""
    if not CELLS[lane.experiment.cell].states:
        return None
    layer = min(layer, lane.experiment.layers - 1)

    def question() -> FlowQuestion:
        recording = lane.recording
        one = np.s_[:, sequence : sequence + 1]
        batch = Batch(recording.inputs[one], recording.targets[one], recording.target_mask[one])
        with np.errstate(all="ignore"):  # a network about to diverge may overflow; what is not finite shows
            _, grad = loss_of_batch(lane.task.loss, recording.outputs[one].astype(np.float64), batch)
        subject = Subject.of(lane.experiment, (lane.chunk.state.parameters,), recording.inputs[:, sequence])
        return FlowQuestion(subject, grad[:, 0], layer)

    found = analysed(name, lane, answer_flow, question, layer, sequence)
    return None if found is None else found[1]


def radii_of(name: str, lane: Lane, layer: int) -> Radii:
    """Spectral radii of a layer's recurrent weights at the moments that `lane` remembers, worked out once each."""
    if not CELLS[lane.experiment.cell].states:
        return {}
    layer = min(layer, lane.experiment.layers - 1)

    def question(steps: tuple[int, ...]) -> RadiiQuestion:
        moments = tuple(lane.moments[step] for step in steps)
        return RadiiQuestion(Subject.of(lane.experiment, moments, lane.recording.inputs[:0, 0]), layer)

    return by_moment(name, lane, answer_radii, question, layer)
