"""Pictures of a run's past for the browser's film, made again from the engine's film when they are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.runs import Run
from ui.live import Wanted
from ui.live_chart import Frame, Reel, encoded
from ui.views.analysed import is_behind

AT_ONCE = 0.06  # seconds of making pictures before what there is is sent


def reel_of(run: Run, wanted: Wanted, frame: Callable[[Run], Frame]) -> Reel:
    """As many of the pictures `wanted` as can be made at once, the nearest first; `frame` draws one."""
    steps = [step for step in run.film.steps if step < wanted.before and step not in wanted.known]
    steps.sort(key=lambda step: abs(step - wanted.near))
    frames: list[tuple[int, bytes]] = []
    end = time.monotonic() + AT_ONCE
    while len(frames) < len(steps) and time.monotonic() < end:
        step = steps[len(frames)]
        picture = frame(run.at(step))
        if is_behind():  # a picture of what takes the workers a while can't be made again at once
            return Reel(frames, 0)
        frames.append((step, encoded(picture)))
    return Reel(frames, len(steps) - len(frames))
