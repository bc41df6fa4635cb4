"""Branching: train a network on from a moment of its past with other settings, beside the others."""

from __future__ import annotations

import streamlit as st

from engine.errors import ExperimentError
from engine.experiment import Experiment
from engine.rules import OFF, OPTIMIZERS, Settings
from engine.runs import Run
from engine.setup import MOST_LANES, Setup
from ui import session
from ui.choices import BATCHES, CLIPS, OPTIMIZER_LABELS, RATES, plain, scale_with

_STEP, _REFUSED = "branch from", "branch refused"


def begin(step: int) -> None:
    """Open the settings of a branch from training step `step`."""
    session.remember(_STEP, step)
    st.rerun()


def controls(setup: Setup, run: Run) -> None:
    """The settings of the branch that the viewer is about to make, if they are."""
    step: int | None = session.remembered(_STEP)
    if step is None:
        return
    with st.container(border=True):
        st.markdown(
            f"**Branch from step {step:,}.** A network trains on from there with other settings, beside the others."
        )
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            lane = _lane(setup)
            _settings(run, lane, step)
            _buttons(setup)
        refused, problem = session.remembered(_REFUSED) or (None, "")
        if refused == (lane, step, _chosen(run, lane, step)):
            st.error(problem, icon=":material/error:")
        says = _giving_way(setup)
        if says:
            st.caption(says)


def _lane(setup: Setup) -> int:
    """Which network branches."""
    numbers = list(range(len(setup.experiments)))
    chosen = st.selectbox("Network", numbers, format_func=setup.titles.__getitem__, key="branch lane", width=190)
    return min(chosen, numbers[-1])


def _settings(run: Run, lane: int, step: int) -> None:
    """Widgets for the settings from there on; they begin with those that hold there."""
    before = _before(run, lane, step)
    place = _place(lane, step)
    rates = scale_with(RATES, before.learning_rate)
    st.selectbox(
        "Learning rate", rates, rates.index(before.learning_rate), plain, key=f"branch rate {place}", width=120
    )
    clips = (*scale_with(CLIPS, before.clip_norm or 1.0), OFF)
    st.selectbox("Clipping", clips, clips.index(before.clip_norm or OFF), plain, key=f"branch clip {place}", width=100)
    batches = scale_with(BATCHES, before.batch_size)
    st.selectbox("Batch", batches, batches.index(before.batch_size), plain, key=f"branch batch {place}", width=90)
    st.selectbox(
        "Optimiser",
        OPTIMIZERS,
        OPTIMIZERS.index(before.optimizer),
        OPTIMIZER_LABELS.__getitem__,
        key=f"branch optimiser {place}",
        width=190,
        help="Another one starts with empty moments.",
    )


def _chosen(run: Run, lane: int, step: int) -> Settings:
    """What these widgets say; what they begin with as long as they aren't there."""
    before, place = _before(run, lane, step), _place(lane, step)
    clip = session.widget(f"branch clip {place}") or before.clip_norm or OFF
    return Settings(
        float(session.widget(f"branch rate {place}") or before.learning_rate),
        None if clip == OFF else float(clip),
        int(session.widget(f"branch batch {place}") or before.batch_size),
        session.widget(f"branch optimiser {place}") or before.optimizer,
    )


def _place(lane: int, step: int) -> str:
    return f"{session.run_number('playground')}.{lane}.{step}"


def _before(run: Run, lane: int, step: int) -> Settings:
    """What holds for network number `lane` when it comes to `step`, or to its end before that."""
    network = run.lanes[lane]
    return network.experiment.settings_at(max(0, min(step, network.step) - 1))


def _buttons(setup: Setup) -> None:
    full = len(setup.cells) >= MOST_LANES
    st.button(
        "Train on",
        icon=":material/alt_route:",
        type="primary",
        key="branch",
        on_click=_branch,
        args=(setup,),
        disabled=full,
        help=f"{MOST_LANES} networks stand side by side: take one away first." if full else None,
    )
    st.button("Cancel", key="no branch", on_click=_put_away, type="tertiary")


def _put_away() -> None:
    """Close the settings; a callback."""
    session.remember(_STEP, None)
    session.remember(_REFUSED, None)


def _branch(setup: Setup) -> None:
    """Pin the branch, so that it trains beside the others; it begins where the run's film has it. A callback."""
    run, step = session.current_run("playground"), session.remembered(_STEP)
    if run is None or step is None:  # a second press, before the page has heard of the first
        return
    lane = min(session.widget("branch lane") or 0, len(run.lanes) - 1)
    settings = _chosen(run, lane, step)
    try:
        branch = run.branched(lane, step, settings)
        if settings == _before(run, lane, step) or setup.lane_of(branch) is not None:
            raise ExperimentError("Such a network is here already: change one of the settings.")
    except ExperimentError as problem:
        session.remember(_REFUSED, ((lane, step, settings), str(problem)))
        return
    session.set_pins((*_staying(setup), branch))
    _put_away()
    run.play()


def _staying(setup: Setup) -> tuple[Experiment, ...]:
    """The pinned networks that stay when there is one more: the newest, as many as there is room for."""
    room = MOST_LANES - len(setup.cells) - 1
    return session.pins()[-room:] if room else ()


def _giving_way(setup: Setup) -> str:
    """Which network gives way to the branch, in a sentence; empty if none does."""
    gone = len(session.pins()) - len(_staying(setup))
    if len(setup.cells) >= MOST_LANES or not gone:
        return ""
    names = ", ".join(setup.title_of(each) for each in session.pins()[:gone])
    return f"At most {MOST_LANES} networks stand side by side, so the oldest pinned one gives way: {names}."
