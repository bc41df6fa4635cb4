"""Widgets → Setup. Every field's range comes from the engine; the link and the widgets say the same."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import streamlit as st

from engine import series as library
from engine.cells import CELLS
from engine.errors import ExperimentError
from engine.experiment import ACTIVATIONS, DEFAULT, INITIAL_STATES, INITIALIZATIONS, RULES, Experiment
from engine.rules import OFF, OPTIMIZERS, Change, Number
from engine.setup import Setup
from engine.tasks import TASKS, Task, task_named
from ui import session
from ui.choices import BATCHES, BUDGETS, CLIPS, OPTIMIZER_LABELS, RATES, plain, scale_with
from ui.navigation import LESSONS
from ui.pins import pin_controls
from ui.series_choice import OWN, series_controls

INITIALIZATION_LABELS = {"pytorch": "PyTorch's", "orthogonal": "Orthogonal", "identity": "Identity"}
ACTIVATION_LABELS = {"tanh": "tanh", "relu": "ReLU", "identity": "linear"}
INPUT_LABELS = {"driven": "Driven", "initial": "Initial states", "clamped": "Clamped units"}
INPUT_HELP = (
    "Driven: inputs reach units through weights at every step. Initial states: the first input is where the first "
    "units start. Clamped units: the last units take the inputs as their states at every step."
)
TARGET_LABELS = {"readout": "Read-out", "units": "Units themselves"}
TARGET_HELP = "What is compared with the target: a weighted sum of the units, or the states of the first units."
MOST_TOLD = 3  # of a link's mistakes
_REFUSED = "change in mid-run refused"


def setup_in_sidebar() -> Setup:
    """The sidebar's widgets; returns what they say, and keeps the link in step with them."""
    _adopt_link()
    with st.sidebar:
        first = LESSONS[0]
        st.page_link(first.file, label="New here? Start with lesson 1", icon=":material/school:")
        st.subheader("Task", anchor=False)
        task, series = _task_controls()
        st.subheader("Network", anchor=False)
        network = _network_controls()
        place_for_pins = st.container(gap="xsmall")
        network |= _more_about_the_network() | _way_controls(task)
        st.subheader("Training", anchor=False)
        training = _training_controls()
    cells = tuple(session.widget("cells")) or (session.last_setup() or Setup()).cells
    try:
        setup = Setup(
            Experiment(task=task.name, series=series, length=session.widget("length"), **network, **training), cells
        )
    except ExperimentError as problem:
        st.error(str(problem), icon=":material/error:")
        st.stop()
    setup, _ = setup.with_pinned(session.pins())
    with place_for_pins:
        pin_controls(setup)
    session.write_link(setup.query_items())
    return setup


def new_seed() -> None:
    """Put another seed into its widget; a callback."""
    session.set_widget("seed", secrets.randbelow(10_000))


def _adopt_link() -> None:
    """Fill the widgets from the link when it is new to this session, or from the defaults at first."""
    read = session.setup_of_link(Setup.from_query_leniently)
    if read is None and session.widget("task") is not None:
        _restore_what_is_lost()
        return
    setup, problems = read or (session.last_setup() or Setup(), [])
    if read is not None:
        session.set_pins(setup.pinned)
    if setup.experiment.task == "series" and not library.is_here(setup.experiment.series):
        problems = [*problems, "This link is about an uploaded file that is no longer here: upload the file again."]
        setup = replace(setup, experiment=replace(setup.experiment, series=library.SHIPPED[0]))
    session.set_notice(_notice_of(problems) if problems else None)
    for name, value in _widgets_of(setup).items():
        session.set_widget(name, value)
    experiment = setup.experiment
    session.set_own_series(experiment.series if library.is_own(experiment.series) else None)
    session.set_changes(experiment.changes)


def _restore_what_is_lost() -> None:
    """Fill widgets without a value as they were last: Streamlit drops those that an interrupted run had not reached."""
    for name, value in _widgets_of(session.last_setup() or Setup()).items():
        if session.widget(name) is None:
            session.set_widget(name, value)


def _widgets_of(setup: Setup) -> dict[str, Any]:
    """Key → value of each widget whose settings are `setup`."""
    experiment = setup.experiment
    return {name: getattr(experiment, name) for name in RULES} | {
        "cells": list(setup.cells),
        "series": OWN if library.is_own(experiment.series) else experiment.series,
        "clip_norm": OFF if experiment.clip_norm is None else experiment.clip_norm,
    }


def _notice_of(problems: list[str]) -> str:
    told = " ".join(problem[:300] for problem in problems[:MOST_TOLD])
    more = f" ({len(problems) - MOST_TOLD} more.)" if len(problems) > MOST_TOLD else ""
    return f"Part of the link can't be used, so the default stands in its place: {told}{more}"


def _task_controls() -> tuple[Task, str]:
    """Choose a task, its series and length; the task and the series' name."""
    name = st.selectbox(
        "Task",
        list(TASKS),
        format_func=lambda each: TASKS[each].title,
        key="task",
        label_visibility="collapsed",
        on_change=_suit_length,
    )
    series = series_controls() if name == "series" else library.SHIPPED[0]
    task = task_named(name, series)
    st.caption(f"{task.description} *{task.shape.capitalize()}.*")
    low, high = task.min_length, task.max_length
    session.set_widget("length", min(high, max(low, session.widget("length"))))
    st.slider("Length (time steps T)", low, high, key="length", help="How many steps each sequence has.")
    return task, series


def _suit_length() -> None:
    """Start another task at the length, and with the ways of input and target, that suit it; a callback."""
    session.set_widget("length", TASKS[session.widget("task")].default_length)
    for name in ("input_way", "target_way", "target_steps"):
        session.set_widget(name, getattr(DEFAULT, name))


def _network_controls() -> dict[str, Any]:
    st.pills(
        "Networks side by side",
        list(CELLS),
        format_func=lambda each: CELLS[each].title,
        selection_mode="multi",
        key="cells",
        label_visibility="collapsed",
    )
    if not session.widget("cells"):
        st.caption("Choose at least one network; until then the last ones go on.")
    _slider("hidden_size", "Units H", help="Numbers in the hidden state of each layer.")
    return {"hidden_size": session.widget("hidden_size")}


def _more_about_the_network() -> dict[str, Any]:
    with st.expander("More about the network"):
        st.segmented_control("Layers", [1, 2, 3], key="layers", required=True)
        st.segmented_control(
            "RNN's activation", ACTIVATIONS, format_func=ACTIVATION_LABELS.__getitem__, key="activation", required=True
        )
        st.segmented_control(
            "First weights",
            INITIALIZATIONS,
            format_func=INITIALIZATION_LABELS.__getitem__,
            key="initialization",
            required=True,
        )
        _slider(
            "spectral_radius",
            "Spectral radius of the recurrent weights",
            step=0.05,
            disabled=session.widget("initialization") == "pytorch",
            help="Largest |eigenvalue| at the start; for orthogonal and identity weights.",
        )
        _slider(
            "forget_bias",
            "LSTM's forget-gate bias",
            step=0.5,
            help="Above 0 the forget gate starts open and keeps the cell state.",
        )
    names = ("layers", "activation", "initialization", "spectral_radius", "forget_bias")
    return {name: session.widget(name) for name in names}


def _way_controls(task: Task) -> dict[str, Any]:
    """How inputs and targets are provided, as far as the task leaves a choice."""
    ways = ["driven", *(["initial"] if task.told_at_start else []), "clamped"]
    targets = ["readout", *(["units"] if task.targets_are_states else [])]
    most = task.most_target_steps(session.widget("length"))
    units = session.widget("hidden_size")
    for name, options in (("input_way", ways), ("target_way", targets)):
        if session.widget(name) not in options:
            session.set_widget(name, options[0])
    session.set_widget("target_steps", min(most, session.widget("target_steps")))
    for name in ("driven_units", "read_units", "initial_units"):
        session.set_widget(name, min(units, session.widget(name)))
    with st.expander("Inputs and targets"):
        st.segmented_control(
            "Input", ways, format_func=INPUT_LABELS.__getitem__, key="input_way", required=True, help=INPUT_HELP
        )
        st.slider(
            "Units driven (0: all)", 0, units, key="driven_units", disabled=session.widget("input_way") != "driven"
        )
        st.segmented_control(
            "Initial state",
            INITIAL_STATES,
            key="initial_state",
            required=True,
            help="Zero, or learned like the weights.",
        )
        learned = session.widget("initial_state") == "learned"
        st.slider("Units with a learned one (0: all)", 0, units, key="initial_units", disabled=not learned)
        st.segmented_control(
            "Target", targets, format_func=TARGET_LABELS.__getitem__, key="target_way", required=True, help=TARGET_HELP
        )
        st.slider("Units read (0: all)", 0, units, key="read_units", disabled=session.widget("target_way") == "units")
        if most > 1:
            st.slider("Last steps with a target (0: as the task says)", 0, most, key="target_steps")
        _slider("window", "Window of the feed-forward network", help="How many of the last inputs it sees.")
    names = ("input_way", "driven_units", "initial_state", "initial_units", "target_way", "read_units", "window")
    return {name: session.widget(name) for name in names} | {
        "target_steps": session.widget("target_steps") if most > 1 else 0
    }


def _training_controls() -> dict[str, Any]:
    _scale("learning_rate", "Learning rate", RATES)
    changes = _mid_run_changes()
    with st.expander("More about the training"):
        st.selectbox("Optimiser", OPTIMIZERS, format_func=OPTIMIZER_LABELS.__getitem__, key="optimizer")
        _scale("clip_norm", "Gradient clipping at norm", (*CLIPS, OFF))
        _scale("batch_size", "Sequences a step (batch)", BATCHES)
        _scale("steps", "Training steps at most", BUDGETS)
        rule = RULES["seed"]
        assert isinstance(rule, Number)
        st.number_input(
            "Seed", int(rule.low), int(rule.high), key="seed", step=1, help="Of the data and the first weights."
        )
    names = ("learning_rate", "optimizer", "batch_size", "steps", "seed")
    clip = session.widget("clip_norm")
    return {name: session.widget(name) for name in names} | {
        "clip_norm": None if clip == OFF else clip,
        "changes": changes,
    }


def _mid_run_changes() -> tuple[Change, ...]:
    """Change learning rate and clipping without starting over; the changes made."""
    run = session.current_run("playground")
    with st.popover("Change in mid-run", width="stretch", icon=":material/tune:"):
        st.caption("New settings from this training step on, without starting over.")
        now = (run.lanes[0].experiment if run else DEFAULT).settings_at(run.step if run else 0)
        rates = scale_with(RATES, now.learning_rate)
        st.select_slider("Learning rate now", rates, now.learning_rate, key="rate_now", format_func=plain)
        clips = (*scale_with(CLIPS, now.clip_norm or 1.0), OFF)
        st.select_slider("Clipping now", clips, now.clip_norm or OFF, key="clip_now", format_func=plain)
        clip_now = session.widget("clip_now")
        same = (session.widget("rate_now"), None if clip_now == OFF else clip_now) == (now.learning_rate, now.clip_norm)
        over = run is None or run.over
        if over:
            st.caption("This run is over: start it again, or branch off from a moment of its past.")
        st.button(
            "Apply from here on", width="stretch", key="apply", on_click=_change_in_mid_run, disabled=same or over
        )
        refused, problem = session.remembered(_REFUSED) or ((), "")
        if refused and refused == session.changes():
            st.error(problem, icon=":material/error:")
    changes = session.changes()
    if changes:
        says = "; ".join(
            f"from step {each.step:,}: {plain(each.learning_rate)}, clipping {plain(each.clip_norm or OFF)}"
            for each in changes
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Learning rate {says}.")
            st.button("Undo", key="undo", on_click=session.set_changes, args=((),), type="tertiary")
    return changes


def _change_in_mid_run() -> None:
    """New settings from where the run stands by now; a callback."""
    run = session.current_run("playground")
    if run is None:
        return
    rate, clip = session.widget("rate_now"), session.widget("clip_now")
    try:
        changed = run.changed_from_here(run.lanes[0].experiment, rate, None if clip == OFF else clip)
    except ExperimentError as problem:
        session.remember(_REFUSED, (session.changes(), f"{problem} Undo them, or start over."))
    else:
        session.set_changes(changed.changes)


def _slider(name: str, label: str, step: float | None = None, **more: Any) -> None:
    rule = RULES[name]
    assert isinstance(rule, Number)
    low, high = (int(rule.low), int(rule.high)) if rule.whole else (float(rule.low), float(rule.high))
    st.slider(label, low, high, key=name, step=step, **more)


def _scale(name: str, label: str, options: tuple[Any, ...]) -> None:
    """A slider over usual values of very different size, and over the one that a link asked for."""
    st.select_slider(label, scale_with(options, session.widget(name)), key=name, format_func=plain)
