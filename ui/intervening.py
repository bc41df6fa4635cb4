"""The popover “Intervene”: reach into the networks of the playground, and edit what they are shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from engine.cells import CELLS
from engine.errors import ExperimentError
from engine.experiment import Experiment
from engine.intervention import AddNoise, Edit, Flip, Freeze, HoldGate, Intervention, Reset, Silence
from engine.parameters import sizes_of
from engine.setup import Setup
from engine.tasks import Batch, Picture, Role, Task, task_of
from ui import intervened, session, words
from ui.live_chart import Drag

HOLD, SILENCE, FREEZE, FLIP, NOISE, RESET = "hold", "silence", "freeze", "flip", "noise", "reset"
KINDS = {
    HOLD: "Hold a gate",
    SILENCE: "Silence units (ablation)",
    FREEZE: "Freeze units: state kept",
    FLIP: "Flip units: sign turned",
    NOISE: "Add noise to the state",
    RESET: "Reset the state: memory erased",
}
STATE_LABELS = {"hidden_state": "Hidden state h", "cell_state": "Cell state c"}
ALL = "all"


def panel(setup: Setup, sequence: Callable[[], int], changed: Callable[[], None]) -> None:
    """The popover.

    Args:
        sequence: gives the number of the displayed sequence, from 1.
        changed: draws the networks anew; called after anything has been turned on or off.
    """
    with st.popover("Intervene", icon=":material/front_hand:"):
        st.caption("Reach into the networks as you look at them. Training goes on untouched.")
        inside, shown = st.tabs(["Gates and units", "Input shown"])
        with inside:
            _add_controls(setup, changed)
        with shown:
            _edit_controls(setup.experiment, sequence(), changed)
        _list_of_active(changed)


def unit_numbers(text: str, most: int) -> tuple[int, ...] | None:
    """Unit numbers written as "1-8, 12"; None for "all".

    Raises:
        ExperimentError: something else is written, or there is no such unit.
    """
    if text.strip().lower() in ("", ALL):
        return None
    numbers: set[int] = set()
    for part in text.replace(";", ",").split(","):
        written = re.fullmatch(r"\s*(\d{1,6})\s*(?:[-–]\s*(\d{1,6})\s*)?", part, re.ASCII)
        first, last = (int(written[1]), int(written[2] or written[1])) if written else (1, 0)
        if last < first:
            raise ExperimentError("Units: write all, or numbers and ranges such as 1-8, 12.")
        if first < 1 or last > most:
            raise ExperimentError(f"Units: there are 1 to {most}.")
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))


def _add_controls(setup: Setup, changed: Callable[[], None]) -> None:
    left, right = st.columns(2, gap="small")
    with left:
        cells = _networks(setup)
    gates = {panel.field: panel for cell in cells for panel in CELLS[cell].panels if panel.is_gate}
    carries = any(CELLS[cell].states for cell in cells)
    kinds = [kind for kind in KINDS if (gates or kind != HOLD) and (carries or kind != RESET)]
    with right:
        kind = st.selectbox("What to do", kinds, format_func=KINDS.__getitem__, key="intervene.kind")
    if kind == HOLD:
        gate = st.segmented_control(
            "Gate",
            list(gates),
            default="forget_gate" if "forget_gate" in gates else next(iter(gates)),
            format_func=lambda gate: gates[gate].title,
            key=f"intervene.gate of {','.join(gates)}",
            required=True,
        )
        without = [CELLS[cell].title for cell in cells if all(each.field != gate for each in CELLS[cell].panels)]
        if without:
            has = "has no such gate and goes" if len(without) == 1 else "have no such gate and go"
            st.caption(f"{' and '.join(without)} {has} on as before.")
        st.slider("Opening (0 shut, 1 open)", 0.0, 1.0, 0.0, 0.05, key="intervene.value")
    elif "lstm" in cells:
        st.segmented_control(
            "Of the",
            list(STATE_LABELS),
            default="hidden_state",
            format_func=STATE_LABELS.__getitem__,
            key="intervene.state",
            required=True,
        )
    if kind == NOISE:
        st.slider("Standard deviation", 0.05, 2.0, 0.5, 0.05, key="intervene.deviation")
    length, units = setup.experiment.length, sizes_of(setup.experiments[0]).free
    middle = length // 2 + 1
    left, right = st.columns(2, gap="medium")
    with left:
        st.text_input("Units", ALL, key="intervene.units", help=f"all, or numbers from 1 to {units}: 1-8, 12")
    with right:
        steps = f"intervene.steps {length} {kind == RESET}"
        st.slider("Steps", 1, length, (middle, middle) if kind == RESET else (1, length), key=steps)
    layers = setup.experiment.layers
    if layers > 1:
        st.segmented_control(
            "Layer", [ALL, *range(1, layers + 1)], default=ALL, key=f"intervene.layer of {layers}", required=True
        )
    st.button(
        "Add",
        icon=":material/add:",
        type="primary",
        key="intervene.add",
        on_click=_add,
        args=(setup, kind, cells, changed),
    )
    problem = session.remembered("intervene.problem")
    if problem:
        st.error(problem, icon=":material/error:")


def _networks(setup: Setup) -> tuple[str, ...]:
    """The cells whose networks it is done to: all, until the viewer says otherwise."""
    cells = tuple(dict.fromkeys(experiment.cell for experiment in setup.experiments))
    if len(cells) == 1:
        return cells
    chosen = st.pills(
        "Networks",
        list(cells),
        default=list(cells),
        selection_mode="multi",
        format_func=lambda cell: CELLS[cell].title,
        key=f"intervene.cells of {','.join(cells)}",
    )
    return tuple(cell for cell in cells if cell in chosen) or cells


def _add(setup: Setup, kind: str, cells: tuple[str, ...], changed: Callable[[], None]) -> None:
    session.remember("intervene.problem", None)
    try:
        wanted = _wanted(setup, kind, cells)
        meant = [each for each in setup.experiments if each.cell in cells]
        fitting = [each.cell for each in meant if intervened.Active(cells, wanted).fits(each)]
        if not fitting:
            wanted.check(meant[0])  # which says why not
    except ExperimentError as problem:
        session.remember("intervene.problem", str(problem))
    else:
        intervened.add(tuple(dict.fromkeys(fitting)), wanted)
        changed()


def _wanted(setup: Setup, kind: str, cells: tuple[str, ...]) -> Intervention:
    """What the widgets say."""
    experiment = setup.experiment
    length, free = experiment.length, max(sizes_of(each).free for each in setup.experiments)
    first, last = session.widget(f"intervene.steps {length} {kind == RESET}")
    layer = session.widget(f"intervene.layer of {experiment.layers}")
    units = unit_numbers(session.widget("intervene.units") or "", free)
    steps = None if (first, last) == (1, length) else (first, last)
    where: dict[str, Any] = {"units": units, "steps": steps, "layer": None if layer in (None, ALL) else layer}
    if kind == HOLD:
        gates = [panel.field for cell in cells for panel in CELLS[cell].panels if panel.is_gate]
        gate = session.widget(f"intervene.gate of {','.join(dict.fromkeys(gates))}") or gates[0]
        return HoldGate(gate, session.widget("intervene.value"), **where)
    where["state"] = (session.widget("intervene.state") if "lstm" in cells else None) or "hidden_state"
    match kind:
        case "noise":
            return AddNoise(session.widget("intervene.deviation"), **where)
        case "silence":
            return Silence(**where)
        case "freeze":
            return Freeze(**where)
        case "flip":
            return Flip(**where)
    return Reset(**where)


def _edit_controls(experiment: Experiment, sequence: int, changed: Callable[[], None]) -> None:
    task, batch, made = task_of(experiment), intervened.shown_batch(experiment), len(intervened.edits())
    follows = "The target follows." if task.retarget(batch) is not None else "The target stays as it was."
    how = "drag a point of its chart, or choose here" if _can_be_dragged(task, batch) else "choose a step and a value"
    st.caption(f"Of sequence {sequence}, which is shown: {how}. {follows}")
    names = list(task.inputs)
    channel = (
        names.index(st.selectbox("Input", names, key=f"edit.channel of {','.join(names)}")) if len(names) > 1 else 0
    )
    inputs = batch.inputs[:, sequence - 1, channel]
    place = f"{sequence} {channel} {experiment.length}"
    marked = [int(step) + 1 for step in np.flatnonzero(inputs == 1)]
    if set(np.unique(inputs)) <= {0.0, 1.0} and marked:
        left, right = st.columns(2, gap="medium")
        start = marked[0]
        if len(marked) > 1:
            start = left.select_slider("Marker at step", marked, key=f"edit.from {place} {marked}")
        end = right.slider("Move it to step", 1, experiment.length, start, key=f"edit.to {place} {start} {made}")
        moves = _moves(inputs, sequence, channel, start, end)
        st.button(
            "Move marker", key="edit.move", on_click=_edit, args=(experiment, moves, changed), disabled=start == end
        )
    left, right = st.columns(2, gap="medium")
    step = left.slider("Step", 1, experiment.length, key=f"edit.step {place}")
    low, high = float(min(0, batch.inputs.min())), float(max(1, batch.inputs.max()))
    value = right.slider("Value", low, high, float(inputs[step - 1]), key=f"edit.value {place} {step} {made}")
    st.button(
        "Set value",
        key="edit.set",
        on_click=_edit,
        args=(experiment, [Edit(sequence, step, channel + 1, value)], changed),
    )


def _can_be_dragged(task: Task, batch: Batch) -> bool:
    """Whether the chart of a displayed sequence shows its inputs as points."""
    if task.picture is not Picture.CURVES:
        return False
    outputs = np.zeros((batch.length, batch.size, len(task.outputs)))
    return any(curve.role is Role.INPUT for curve in task.curves(batch, outputs, 0))


def _moves(inputs: np.ndarray, sequence: int, channel: int, start: int, end: int) -> list[Edit]:
    """The edits that exchange the inputs (T,) of two steps."""
    return [Edit(sequence, to, channel + 1, float(inputs[origin - 1])) for to, origin in ((start, end), (end, start))]


def dragged(experiment: Experiment, sequence: int, drag: Drag) -> None:
    """Edit what the viewer has dragged in the chart: a point to another value, or a marker to another step.

    Args:
        sequence: number of the displayed sequence, from 1.
        drag: from where to where.
    """
    if drag.along == "value":
        intervened.edit(experiment, Edit(sequence, drag.step, drag.channel, drag.to))
        return
    to = min(experiment.length, max(1, round(drag.to)))
    if to != drag.step:
        inputs = intervened.shown_batch(experiment).inputs[:, sequence - 1, drag.channel - 1]
        intervened.edit(experiment, *_moves(inputs, sequence, drag.channel - 1, drag.step, to))


def _edit(experiment: Experiment, made: Sequence[Edit], changed: Callable[[], None]) -> None:
    intervened.edit(experiment, *made)
    changed()


def _list_of_active(changed: Callable[[], None]) -> None:
    """What is on, each with a button that turns it off."""
    several = len({cell for each in intervened.active() for cell in each.cells}) > 1
    entries = [
        (words.described(each.intervention) + (f" · {_titles(each.cells)}" if several else ""), number)
        for number, each in enumerate(intervened.active())
    ]
    for says, number in entries:
        _entry(says, f"intervene.remove {number}", _then(changed, partial(intervened.remove, number)))
    if intervened.edits():
        _entry("Edited input", "intervene.restore", _then(changed, intervened.restore))
    if intervened.is_anything():
        st.button(
            "Release all",
            icon=":material/undo:",
            key="intervene.release",
            on_click=_then(changed, intervened.release_all),
        )


def _entry(says: str, key: str, remove: Callable[[], None]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(says, width="content")
        st.button("Remove", icon=":material/close:", key=key, on_click=remove, type="tertiary", help=f"Release: {says}")


def _titles(cells: Sequence[str]) -> str:
    return ", ".join(CELLS[cell].title for cell in cells)


def _then(changed: Callable[[], None], act: Callable[[], None]) -> Callable[[], None]:
    def both() -> None:
        act()
        changed()

    return both
