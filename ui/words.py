"""How a run is doing, in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.cells import CELLS
from engine.chunks import Ending
from engine.intervention import AddNoise, Flip, Freeze, HoldGate, Intervention, Reset, Silence
from engine.lane import Lane
from engine.runs import Run
from engine.tasks import Chance, Metric

STATES = {"hidden_state": "hidden state", "cell_state": "cell state"}


def lane_sentence(lane: Lane, subject: str | None = None) -> str:
    """How one network is doing: solved, learning, guessing, or broken off.

    Args:
        subject: what the sentence calls it; by default “The LSTM”.
    """
    subject = subject or f"The {CELLS[lane.experiment.cell].title}"
    metric, score = lane.task.metric, lane.chunk.score
    chance = lane.task.chance(lane.experiment.length)
    if lane.ending is Ending.DIVERGED:
        return (
            f"{subject} diverged at step {lane.step + 1:,}: its loss or gradient is no longer a number. "
            f"{_remedy(lane)} The last good state is shown."
        )
    if lane.ending is Ending.SOLVED:
        return f"{subject} has solved it: {metric.phrase(score)} after {lane.step:,} steps."
    if metric.solved is None:
        return _forecast_sentence(subject, lane, metric, chance)
    if not math.isfinite(score):
        return f"{subject} has not been trained yet."
    over = f" at the end of its {lane.step:,} steps" if lane.ending else ""
    level = metric.quantity(chance.metric)
    doing = _progress(metric, score, chance, lane.ending is not None)
    return f"{subject} {doing}: {metric.phrase(score)}{over}, chance is {level}."


def lines_of_room(run: Run, narrow: bool) -> int:
    """How many lines a lane's sentence may take as long as nothing goes wrong."""
    forecasts = run.lanes[0].task.metric.solved is None
    if narrow:
        return 3 if forecasts else 2
    return 2 if forecasts or len(run.lanes) > 2 else 1


def count(run: Run) -> str:
    """How far a run is, and how fast."""
    rate = run.steps_per_second()
    speed = "" if math.isnan(rate) or run.over or not run.playing else f" · {rate:,.0f} steps/s"
    of = f"of {run.lanes[0].experiment.steps:,}"
    if run.behind is not None:
        return f"step {run.behind:,} {of}, catching up with {run.step:,}{speed}"
    return f"step {run.step:,} {of}{speed}"


def subject_of(title: str) -> str:
    """The network called `title`, as a sentence begins."""
    cell, _, different = title.partition(" · ")
    return f"The {cell} ({different})" if different else f"The {cell}"


def announcement(run: Run, titles: Sequence[str] | None = None, subjects: Sequence[str] | None = None) -> str:
    """What a screen reader should say: the lanes' sentences, but only when one of them changes in kind.

    Args:
        titles: what the networks are called on the screen; by default by their cells.
        subjects: what sentences call them; by default after their titles.
    """
    titles = titles or _cells_of(run)
    subjects = subjects or [subject_of(title) for title in titles]
    if not any(lane.ending for lane in run.lanes):
        return f"Training {' and '.join(titles)} on: {run.lanes[0].task.title}."
    named = zip(run.lanes, subjects, strict=True)
    return " ".join(lane_sentence(lane, subject) for lane, subject in named if lane.ending)


def figure_in_words(run: Run, titles: Sequence[str] | None = None) -> str:
    """The figure for those who can't see it."""
    parts = [f"Training of {len(run.lanes)} network(s) on “{run.lanes[0].task.title}” at step {run.step:,}."]
    for lane, title in zip(run.lanes, titles or _cells_of(run), strict=True):
        losses = lane.losses.values
        first, last = (lane.gradients.latest(-1, 0)[at] for at in (0, -1))
        loss = f"loss {losses[-1]:.3g}, " if len(losses) else ""
        gradient = f"gradient norm {last:.1e} at the last time step and {first:.1e} at the first"
        parts.append(f"{title}: {loss}{gradient}.")
    return " ".join(parts)


def change(metric: Metric, before: float, after: float) -> str:
    """A metric before → after: "MSE 0.009 → 0.31", "99.8 % → 52 % of bits right"."""
    arrow = f"{metric.quantity(before)} → {metric.quantity(after)}"
    return f"{arrow} of {metric.name}" if metric.is_share else f"{metric.name} {arrow}"


def _cells_of(run: Run) -> tuple[str, ...]:
    return tuple(CELLS[lane.experiment.cell].title for lane in run.lanes)


def _progress(metric: Metric, score: float, chance: Chance, over: bool) -> str:
    """How far from chance to solved, "still guesses", "is learning", "has nearly solved it", or how far it has got."""
    assert metric.solved is not None
    if metric.is_share:
        share = (score - chance.metric) / (metric.solved - chance.metric)
    else:
        start, goal = math.log(chance.metric), math.log(metric.solved)
        share = (start - math.log(max(score, 1e-30))) / (start - goal)
    if share < 0.05:
        return "still guesses"
    if share >= 0.8:
        return "has nearly solved it"
    if over:
        return "has learned little" if share < 0.3 else "has learned a part of it"
    return "is learning"


def _forecast_sentence(subject: str, lane: Lane, metric: Metric, chance: Chance) -> str:
    score = lane.chunk.score
    if lane.step == 0:
        return f"{subject} has not been trained yet; {chance.says} errs by {metric.quantity(chance.metric)}."
    verdict = "better" if score < chance.metric else "no better"
    over = f" at the end of its {lane.step:,} steps" if lane.ending else ""
    return (
        f"{subject} forecasts what it never saw with an error of {metric.quantity(score)}{over}, "
        f"{verdict} than {chance.says} ({metric.quantity(chance.metric)})."
    )


def _remedy(lane: Lane) -> str:
    experiment = lane.experiment
    settings = experiment.settings_at(lane.step)
    if settings.clip_norm is None:
        return "Turn on gradient clipping, or lower the learning rate."
    if settings.learning_rate > 0.003:
        return "Try a lower learning rate."
    if experiment.activation != "tanh" and experiment.cell == "rnn":
        return "Try tanh, which keeps the state between −1 and 1, or a smaller spectral radius."
    return "Try a smaller spectral radius or stronger clipping."


def described(intervention: Intervention) -> str:
    """An intervention in words: "Forget gate held at 0 (units 1–8, steps 10–20)"."""
    match intervention:
        case HoldGate():
            title = next(
                panel.title for cell in CELLS.values() for panel in cell.panels if panel.field == intervention.gate
            )
            what = f"{title} held at {intervention.value:g}"
        case Silence():
            what = f"{_units(intervention, intervention.state)} silenced"
        case Freeze():
            what = f"{_units(intervention, intervention.state)} frozen"
        case Flip():
            what = f"{_units(intervention, intervention.state)} flipped"
        case AddNoise():
            what = f"Noise of {intervention.deviation:g} added to the {STATES[intervention.state]}"
        case Reset():
            what = f"{STATES[intervention.state].capitalize()} reset"
        case _:
            what = type(intervention).__name__
    named = not isinstance(intervention, HoldGate | AddNoise | Reset)  # its units have been
    where = [
        *([_numbers(intervention.units)] if intervention.units and not named else []),
        *([_steps(*intervention.steps)] if intervention.steps else []),
        *([f"layer {intervention.layer}"] if intervention.layer else []),
    ]
    return f"{what} ({', '.join(where)})" if where else what


def spans(numbers: Sequence[int]) -> str:
    """Numbers in short: "1–8, 12"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("–".join(str(end) for end in run) for run in runs)


def _units(intervention: Intervention, state: str) -> str:
    units = _numbers(intervention.units).capitalize() if intervention.units else "All units"
    return f"{units}, cell state," if state == "cell_state" else units


def _numbers(units: Sequence[int]) -> str:
    return f"unit{'s' if len(units) > 1 else ''} {spans(units)}"


def _steps(first: int, last: int) -> str:
    return f"step {first}" if first == last else f"steps {first}–{last}"
