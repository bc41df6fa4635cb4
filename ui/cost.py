"""The parts of the page about length and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.analysis import cost, horizon
from engine.analysis.cost import Measurement
from engine.analysis.generalization import over_lengths
from engine.analysis.horizon import Trial
from engine.cells import CELLS
from engine.experiment import Experiment
from engine.lessons import COSTS, DELAYS
from engine.runs import Run
from engine.sweep import Job, Sweep
from figures.canvas import Canvas
from figures.cost import CostCurve, cost_canvas, horizon_canvas
from figures.lanes import lane_styles
from figures.lengths import LengthCurve, length_canvas
from ui import lesson, session
from ui.live_chart import still_chart
from ui.navigation import Lesson
from ui.sweeping import sweep
from ui.training import look

LENGTHS = (10, 20, 40, 80, 120, 160, 200)
DELAYED = (10, 20, 30, 60, 100)
RECURRENT = ("rnn", "gru", "lstm")
SEEDS = 3


def tested(page: Lesson, run: Run) -> list[np.ndarray]:
    """The metric of each network over lengths from half to eight times those of training."""
    trained = run.lanes[0].experiment.length
    lengths = [trained * factor // 2 for factor in (1, 2, 4, 8, 12, 16)]
    key = (run.experiments, run.step)
    values = session.kept(
        f"{page.name}.tested",
        key,
        lambda: [over_lengths(lane.experiment, lane.chunk.state.parameters, lengths).metric for lane in run.lanes],
    )
    styles = lane_styles(run.experiments, look().theme)
    curves = [
        LengthCurve(style.title, lengths, each, style.hue, style.dash)
        for style, each in zip(styles, values, strict=True)
    ]
    task = run.lanes[0].task
    chance = task.chance(trained).metric
    title = f"<b>On other lengths</b> share of {task.metric.name}"
    still_chart(f"{page.name}.tested", length_canvas(look(), title, curves, trained, chance, 0.0), title)
    return values


def parameters_by_length(page: Lesson) -> dict[str, np.ndarray]:
    """How many numbers each network learns, by the length of what it is to see."""
    theme = look().theme
    counts = {
        cell: cost.parameter_counts(replace(COSTS, cell=cell), LENGTHS).astype(float) for cell in (*RECURRENT, "window")
    }
    curves = [CostCurve(CELLS[cell].title, values, theme.hue(cell)) for cell, values in counts.items()]
    highest = max(values.max() for values in counts.values())
    title = "<b>Parameters</b> with 32 units, seeing all of the input"
    canvas = cost_canvas(look(), title, "parameters", LENGTHS, curves, float(highest), log=False)
    still_chart(f"{page.name}.parameters", canvas, title)
    return counts


def timed() -> list[Experiment]:
    """What is timed: at each length the RNN and then the network with a window."""
    return [replace(COSTS, cell=cell, length=length, window=33) for length in LENGTHS for cell in ("rnn", "window")]


def time_by_length(page: Lesson) -> Sweep[Measurement]:
    """Measure the time that a sequence takes, step after step and all steps at once."""
    job = Job("time by length", cost.begin(timed()), cost.measure_on)
    return sweep(page, "time", "time", lambda: [job], draw_times, "Measure")


def draw_times(progress: Sequence[Measurement]) -> tuple[Canvas, str]:
    """The figure of what has been measured, and what it says."""
    theme = look().theme
    milliseconds = 1e3 * progress[0].seconds_per_sequence[:, 0]
    curves = [
        CostCurve("RNN, step by step", milliseconds[::2], theme.hue("rnn")),
        CostCurve("window, at once", milliseconds[1::2], theme.hue("window")),
    ]
    highest = float(np.nanmax(milliseconds)) if np.isfinite(milliseconds).any() else 1.0
    title = "<b>Time for one sequence</b> forward, on one thread here"
    return cost_canvas(look(), title, "ms", LENGTHS, curves, highest), "Milliseconds for one sequence by its length."


def slowdown(measurement: Measurement) -> tuple[float, float]:
    """How many times longer 200 steps take than 10: recurrent, and with a window."""
    seconds = measurement.seconds_per_sequence[:, 0]
    return float(seconds[-2] / seconds[0]), float(seconds[-1] / seconds[1])


def memory_horizon(page: Lesson, ready: bool, seed: int) -> Sweep[Trial]:
    """Train every network at every length with several seeds, and see which learn."""
    experiment = replace(DELAYS, seed=seed)

    def jobs() -> list[Job[Trial]]:
        trials = horizon.grid(experiment, RECURRENT, DELAYED, SEEDS)
        return [Job(trial.experiment, trial, horizon.advance_trial) for trial in trials]

    return sweep(page, "horizon", experiment, jobs, _draw_horizon, "Train them all", ready)


def _draw_horizon(progress: Sequence[Trial]) -> tuple[Canvas, str]:
    found = horizon.shares(progress)
    kinds = [[found[cell, length] for length in DELAYED] for cell in RECURRENT]
    solved = np.array([[kind.solved for kind in row] for row in kinds])
    ended = np.array([[kind.solved + kind.failed for kind in row] for row in kinds])
    names = [CELLS[cell].title for cell in RECURRENT]
    words = "; ".join(f"{name} {int(row.sum())} solved" for name, row in zip(names, solved, strict=True))
    return horizon_canvas(look(), names, DELAYED, solved, ended, SEEDS), words


def horizons(progress: Sequence[Trial]) -> dict[str, int | None]:
    """Cell → the length up to which at least half of the seeds learned."""
    return {cell: horizon.horizon(progress, cell) for cell in RECURRENT}


def farthest(reach: Mapping[str, int], guess: str | None) -> str:
    """Who gets farthest, and how that compares with the reader's guess."""
    first = [name for name, length in reach.items() if length == max(reach.values())]
    if len(first) == 1:
        return lesson.verdict(guess, first[0])
    both = " and ".join([first[0], *(f"t{name[1:]}" for name in first[1:])])
    compared = "one of which you guessed" if guess in first else f"and you guessed “{guess}”"
    return f"A tie: **{both}** get equally far{f', {compared}' if guess else ''}."
