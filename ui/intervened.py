"""What the viewer does to the networks of the playground, and what the networks do then.

Interventions and edited inputs belong to the viewer's session. They are a way to look at networks: training knows
nothing of them, and a link does not carry them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.analysis.effects import Effect, Trial, effect_of
from engine.errors import ExperimentError
from engine.experiment import Experiment
from engine.intervention import Edit, Intervention, edited
from engine.lane import Lane
from engine.recording import Recording, record
from engine.runs import Past, Run
from engine.setup import Setup
from engine.supply import displayed_batch
from engine.tasks import Batch, Metric, task_of
from ui import session
from ui.views.analysed import analysed
from ui.words import change, described, spans

INTERVENTIONS, EDITS = "interventions", "edits"


@dataclass(frozen=True)
class Active:
    """An intervention that is on.

    Attributes:
        cells: names of the networks it is done to.
        intervention: what is done.
    """

    cells: tuple[str, ...]
    intervention: Intervention

    def fits(self, experiment: Experiment) -> bool:
        """Whether it is meant for the network of `experiment`, and can be done to it."""
        if experiment.cell not in self.cells:
            return False
        try:
            self.intervention.check(experiment)
        except ExperimentError:
            return False
        return True


def active() -> tuple[Active, ...]:
    """The interventions that are on."""
    return session.remembered(INTERVENTIONS) or ()


def edits() -> tuple[Edit, ...]:
    """The edits of the displayed sequences."""
    remembered: tuple[object, tuple[Edit, ...]] | None = session.remembered(EDITS)
    return remembered[1] if remembered else ()


def is_anything() -> bool:
    """Whether anything is on."""
    return bool(active() or edits())


def add(cells: Sequence[str], intervention: Intervention) -> None:
    """Turn an intervention on."""
    session.remember(INTERVENTIONS, (*active(), Active(tuple(cells), intervention)))


def remove(number: int) -> None:
    """Turn intervention number `number` off."""
    session.remember(INTERVENTIONS, tuple(each for place, each in enumerate(active()) if place != number))


def edit(experiment: Experiment, *made: Edit) -> None:
    """Edit the displayed sequences of `experiment`; of several edits of one place the last stays."""
    places = {(each.sequence, each.step, each.channel): each for each in (*edits(), *made)}
    session.remember(EDITS, (_sequences_of(experiment), tuple(places.values())))


def restore() -> None:
    """Take all edits back."""
    session.remember(EDITS, None)


def release_all() -> None:
    """Turn everything off."""
    session.remember(INTERVENTIONS, ())
    restore()


def drop_what_no_longer_fits(setup: Setup) -> str | None:
    """Turn off what suits none of the networks of `setup`, or other sequences than are displayed.

    Returns:
        A sentence that says so, or None.
    """
    dropped = []
    staying = tuple(each for each in active() if any(each.fits(experiment) for experiment in setup.experiments))
    if staying != active():
        dropped = [described(each.intervention) for each in active() if each not in staying]
        session.remember(INTERVENTIONS, staying)
    remembered = session.remembered(EDITS)
    if remembered is not None and remembered[0] != _sequences_of(setup.experiment):
        restore()
        dropped.append("the edited input")
    return f"Released what no longer fits: {'; '.join(dropped)}." if dropped else None


def shown_batch(experiment: Experiment) -> Batch:
    """The displayed sequences, as edited."""
    return edited(task_of(experiment), displayed_batch(experiment), edits())


def seen(run: Run) -> Run:
    """`run` with what is on done to its networks, to look at; the run itself if nothing is on."""
    if not is_anything():
        return run
    return run.seen_as(tuple(_seen(lane) for lane in run.lanes))


def sentence(number: int, run: Run, seen: Run) -> str | None:
    """What is done to lane number `number` of `run` and what that does, as in `seen`; None if nothing is."""
    lane, seen_lane = run.lanes[number], seen.lanes[number]
    done = done_to(lane)
    if not done and not edits():
        return None
    said = [described(each) for each in done[:2]]
    if len(done) > 2:
        said.append(f"{len(done) - 2} more")
    if edits():
        said.append(_edited_in_words(lane.experiment))
    on_fresh = f"{_fresh(number, lane, done)}; " if done and not isinstance(run, Past) else ""
    where = "those displayed" if on_fresh else "the displayed sequences"
    what = ", ".join([said[0], *(each[0].lower() + each[1:] for each in said[1:])])
    return f"{what}: {on_fresh}{_displayed(lane.task.metric, lane.recording, seen_lane.recording, where)}."


def in_short() -> str:
    """Another text for anything else that is on."""
    return f"{hash(repr((active(), edits())))}"


def announcement() -> str:
    """What a screen reader should say of what is on; empty if nothing is."""
    on = [described(each.intervention) for each in active()] + ["Input edited"] * bool(edits())
    return f"{'; '.join(on)}." if on else ""


def _seen(lane: Lane) -> Lane:
    done = done_to(lane)
    if not done and not edits():
        return lane
    return lane.seen_as(record(lane.experiment, lane.chunk.state, done, edits()))


def done_to(lane: Lane) -> tuple[Intervention, ...]:
    """What is on for the network of `lane`."""
    return tuple(each.intervention for each in active() if each.fits(lane.experiment))


def _sequences_of(experiment: Experiment) -> object:
    """What the displayed sequences depend on."""
    return experiment.task, experiment.series, experiment.length, experiment.seed


def _fresh(number: int, lane: Lane, done: tuple[Intervention, ...]) -> str:
    found: tuple[int, Effect] | None = analysed(
        f"effect of {number}",
        lane,
        effect_of,
        lambda: Trial.of(lane.experiment, lane.chunk.state.parameters, done),
        done,
    )
    if found is None:
        return "being tried on fresh sequences"
    effect, task = found[1], lane.task
    kept_back = task.held_out(lane.experiment.length) is not None
    kind = "kept-back" if kept_back else "fresh"
    return f"{change(task.metric, effect.before, effect.after)} on {effect.sequences} {kind} sequences"


def _displayed(metric: Metric, before: Recording, after: Recording, where: str) -> str:
    values = np.array([before.loss, after.loss])
    loss = "not a number" if not np.isfinite(values).all() else f"{values[0]:.2g} → {values[1]:.2g}"
    if not metric.is_share:
        return f"loss {loss} on {where}"
    shares = f"{metric.quantity(before.metric)} → {metric.quantity(after.metric)}"
    return f"loss {loss} and {shares} on {where}"


def _edited_in_words(experiment: Experiment) -> str:
    sequences = spans(sorted({each.sequence for each in edits()}))
    follows = task_of(experiment).retarget(displayed_batch(experiment)) is not None
    return f"Input of sequence {sequences} edited{'' if follows else ', target as before'}"
