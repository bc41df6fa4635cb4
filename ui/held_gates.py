"""Hold a gate of a trained network, and see what breaks."""

from __future__ import annotations

from dataclasses import dataclass

from engine.analysis.effects import Effect, Trial, effect_of
from engine.cells import CELLS
from engine.experiment import Experiment
from engine.intervention import HoldGate
from engine.lane import Snapshot
from engine.recording import record
from engine.tasks import task_of
from engine.training import TrainingState
from figures.column import Row
from figures.lanes import lane_styles
from figures.training import TrainingFigure
from ui import lesson, session, words
from ui.live_chart import still_chart
from ui.navigation import Lesson
from ui.training import look

ROWS = (Row.SEQUENCE, Row.HIDDEN, Row.GATES, Row.CELL)


@dataclass(frozen=True)
class Held:
    """A gate that the reader holds.

    Attributes:
        hold: what is held, and where.
        effect: what it costs on fresh sequences.
    """

    hold: HoldGate
    effect: Effect

    @property
    def says(self) -> str:
        """What is held, in words."""
        return words.described(self.hold)

    @property
    def is_forget_gate_shut(self) -> bool:
        """Whether it is what the page asks a guess about."""
        return self.hold == HoldGate("forget_gate", 0.0)


def hold_a_gate(page: Lesson, experiment: Experiment, state: TrainingState) -> Held:
    """Choose a gate, its opening, units and steps; the network as learned beside the same one with the gate held."""
    titles = {panel.field: panel.title for panel in CELLS[experiment.cell].panels if panel.is_gate}
    with lesson.controls():
        gate = lesson.choose("Hold the", titles, f"{page.name}.gate")
        opening = lesson.slider("at", 0.0, 1.0, 0.0, 0.05, key=f"{page.name}.opening", width=200)
        units = _range("of units", experiment.hidden_size, f"{page.name}.units")
        steps = _range("at steps", experiment.length, f"{page.name}.steps")
    chosen = None if units is None else tuple(range(units[0], units[1] + 1))
    hold = HoldGate(gate, opening, units=chosen, steps=steps)
    held = Held(hold, _effect(page, experiment, state, hold))
    seen = look()
    styles = lane_styles((experiment, experiment), seen.theme, ("As it learned", words.described(hold)))
    figure = TrainingFigure(styles, seen, ROWS, stacked=seen.narrow, loss=False)
    learned, other = Snapshot.of(experiment, state, state).lanes
    shown = Snapshot((learned, other.seen_as(record(experiment, state, (hold,)))))
    metric = task_of(experiment).metric
    before, after = (metric.quantity(value) for value in (held.effect.before, held.effect.after))
    still_chart(f"{page.name}.held", figure.show(shown), f"{held.says}: {metric.name} {before} before, {after} after.")
    return held


def table_of_gates(page: Lesson, experiment: Experiment, state: TrainingState) -> str:
    """Each gate held shut and held open, for all units and steps, and what that costs.

    Returns:
        What costs most and what costs least, in a sentence.
    """
    metric = task_of(experiment).metric
    lines = [f"| {metric.name} | as learned | held shut (0) | held open (1) |", "|---|---|---|---|"]
    costs: list[tuple[float, str]] = []
    for panel in CELLS[experiment.cell].panels:
        if panel.is_gate:
            effects = [_effect(page, experiment, state, HoldGate(panel.field, value)) for value in (0.0, 1.0)]
            each = (metric.quantity(value) for value in (effects[0].before, *(effect.after for effect in effects)))
            lines.append(f"| {panel.title} | {' | '.join(each)} |")
            for effect, held in zip(effects, ("shut", "open"), strict=True):
                says = f"{panel.title.lower()} held {held}: {words.change(metric, effect.before, effect.after)}"
                costs.append((abs(effect.after - effect.before), says))
    lesson.text("\n".join(lines))
    return f"What costs most: **{max(costs)[1]}**. What costs least: **{min(costs)[1]}**."


def _range(label: str, most: int, key: str) -> tuple[int, int] | None:
    """A range within 1 … `most`; None for all of it."""
    first, last = lesson.slider(label, 1, most, (1, most), key=key, width=200)
    return None if (first, last) == (1, most) else (first, last)


def _effect(page: Lesson, experiment: Experiment, state: TrainingState, hold: HoldGate) -> Effect:
    """What it costs, worked out once."""
    name = f"{page.name}.effect {experiment.task} {experiment.cell} {hold.gate} {hold.value:g}"
    trial = Trial.of(experiment, state.parameters, (hold,))
    return session.kept(name, (experiment, state.step, hold), lambda: effect_of(trial))
