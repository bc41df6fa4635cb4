"""The one live loop: take what the workers have done, draw it, and let the browser ask for the next."""

from __future__ import annotations

import math
import time
from concurrent.futures import BrokenExecutor

import streamlit as st

from engine.cells import CELLS
from engine.errors import ExperimentError
from engine.runs import Run
from engine.setup import Setup
from figures.guide import guide_for
from figures.palette import theme_named
from figures.playground import Look
from ui import controls, session, words
from ui.live_chart import Frame, Sentence, live_chart

PATIENCE = 0.5  # seconds to wait for a chunk before drawing the same picture again
SLICE = 0.05  # seconds after which a wait looks whether the viewer has done something
STEP_PATIENCE = 10.0
FLUSH = 0.1  # seconds in which what this run has drawn leaves for the browser. If the browser's request for the
# next frame has come in meanwhile, the frame's own run would start at once and take the chart out of the queue of
# what is still to be sent, and the browser would remove the chart for a moment: a flash, and zoom lost.


RUN_BAR, LOOP = "run-bar", "live-loop"


def live_run(setup: Setup) -> None:
    """The run bar and the figure of `setup`, trained live."""
    run = session.run_for(setup)
    narrow = session.is_narrow()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        _run_bar(setup, narrow)
        _reading_aids(setup, narrow)
    _loop(setup, run.over, narrow)
    time.sleep(FLUSH)


@st.fragment(key=LOOP)
def _loop(setup: Setup, was_over: bool, was_narrow: bool) -> None:
    """One picture, and all that follow when the browser asks for them."""
    if session.is_narrow() != was_narrow:
        st.rerun()  # the run bar gets a switch between networks
    run = session.run_for(setup)
    try:
        _wait_for_frame(run)
    except (BrokenExecutor, ExperimentError) as problem:
        run.pause()
        run.trouble = _sentence_on(problem)
        st.rerun()  # the run bar has to know
    if run.trouble:
        st.error(run.trouble, icon=":material/error:")
    look = _look(setup)
    if run.worker_was_replaced():
        st.toast("A worker process was replaced; training went on from the last chunk.", icon=":material/healing:")
    live_chart(
        Frame(
            canvas=session.figure_for(_shown(setup, look), look).show(run),
            alt=words.figure_in_words(run),
            running=run.playing and not run.over,
            step=run.step,
            run=session.run_number(),
            progress=run.step / setup.experiment.steps,
            count=_count(run, setup),
            sentences=[Sentence(words.lane_sentence(lane), look.theme.hue(lane.experiment.cell)) for lane in run.lanes],
            lines=words.lines_of_room(run, look.narrow),
            announce=words.announcement(run),
        )
    )
    if run.over and not was_over:
        st.rerun()  # the run bar has to know


def _wait_for_frame(run: Run) -> None:
    """Let `run` go on to its next picture; give up after PATIENCE, or at once when the viewer has done something."""
    begin = time.monotonic()
    while not run.next_frame(SLICE) and run.playing and not run.over and time.monotonic() < begin + PATIENCE:
        session.give_way()


def _sentence_on(problem: Exception) -> str:
    if isinstance(problem, ExperimentError):
        return str(problem)
    return "The workers that train here keep being stopped, perhaps for want of memory: press Play to try again."


@st.fragment(key=RUN_BAR)
def _run_bar(setup: Setup, narrow: bool) -> None:
    """Buttons for what a viewer does with a run."""
    run = session.run_for(setup)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        playing = run.playing and not run.over
        st.button(
            "Pause" if playing else "Play",
            icon=":material/pause:" if playing else ":material/play_arrow:",
            shortcut=None if narrow else "P",
            key="play",
            on_click=_pause if playing else _play,
            args=(run,),
            disabled=run.over,
            type="primary",
        )
        st.button(
            "Step",
            icon=":material/skip_next:",
            shortcut=None if narrow else "S",
            key="step",
            on_click=_single_step,
            args=(run,),
            disabled=run.over,
            help="One training step",
        )
        st.button(
            "Again",
            icon=":material/replay:",
            shortcut=None if narrow else "A",
            key="restart",
            on_click=_start_over,
            args=(setup,),
            help="Start over from the same seed",
        )
        if st.button(
            "Seed" if narrow else "New seed",
            icon=":material/casino:",
            shortcut=None if narrow else "N",
            key="new_seed",
            on_click=controls.new_seed,
            help="Other data, other first weights",
        ):
            st.rerun()


def _pause(run: Run) -> None:
    run.pause()
    st.rerun([RUN_BAR, LOOP])


def _play(run: Run) -> None:
    run.play()
    st.rerun([RUN_BAR, LOOP])


def _single_step(run: Run) -> None:
    run.single_step(STEP_PATIENCE)
    st.rerun([RUN_BAR, LOOP])


def _start_over(setup: Setup) -> None:
    session.start_run(setup)
    st.rerun([RUN_BAR, LOOP])


def _reading_aids(setup: Setup, narrow: bool) -> None:
    """How the run is looked at, and what to look for."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
        if narrow and len(setup.cells) > 1:
            st.segmented_control(
                "Network shown",
                list(setup.cells),
                default=setup.cells[0],
                key="lane",
                required=True,
                format_func=lambda cell: CELLS[cell].title,
                label_visibility="collapsed",
            )
        with st.popover("View", icon=":material/visibility:"):
            st.segmented_control("Sequence shown", [1, 2, 3, 4], default=1, key="sequence", required=True)
            st.segmented_control(
                "Units sorted by", ["number", "activity"], default="number", key="sorting", required=True
            )
            if setup.experiment.layers > 1:
                st.segmented_control(
                    "Layer shown",
                    list(range(1, setup.experiment.layers + 1)),
                    default=setup.experiment.layers,
                    key=f"layer of {setup.experiment.layers}",
                    required=True,
                )
        with st.popover("Guide" if narrow else "What to look for", icon=":material/help:"):
            for title, sentence in guide_for(setup.experiments):
                st.markdown(f"**{title}.** {sentence}")


def _look(setup: Setup) -> Look:
    return Look(
        theme=theme_named(st.context.theme.type),
        narrow=session.is_narrow(),
        sequence=(session.widget("sequence") or 1) - 1,
        layer=(session.widget(f"layer of {setup.experiment.layers}") or setup.experiment.layers) - 1,
        by_activity=session.widget("sorting") == "activity",
    )


def _shown(setup: Setup, look: Look) -> Setup:
    """The networks to draw: on a phone one at a time."""
    lane = session.widget("lane")
    if not look.narrow:
        return setup
    return Setup(setup.experiment, (lane if lane in setup.cells else setup.cells[0],))


def _count(run: Run, setup: Setup) -> str:
    rate = run.steps_per_second()
    speed = "" if math.isnan(rate) or run.over or not run.playing else f" · {rate:,.0f} steps/s"
    return f"step {run.step:,} of {setup.experiment.steps:,}{speed}"
