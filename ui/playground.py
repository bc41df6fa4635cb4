"""What the playground shows of its run: buttons, the figure, and how it may be looked at."""

from __future__ import annotations

from functools import partial

import streamlit as st

from engine.runs import Run
from engine.setup import Setup
from figures.lanes import LaneStyle, lane_styles
from figures.look import Look
from figures.palette import theme_named
from ui import branching, controls, intervened, intervening, live, session, words
from ui.live_chart import Click, Drag, Frame, Sentence
from ui.reel import reel_of
from ui.views import VIEWS, RunFigure, View
from ui.views.analysed import begin_frame, is_behind

NAME = "playground"
INTERVENE = f"{NAME}.intervene"
STEP_PATIENCE = 10.0  # seconds


def live_run(setup: Setup) -> None:
    """The run bar and the figure of `setup`, trained live."""
    session.set_insisted()
    narrow = session.is_narrow()
    view = _view()

    def current() -> Run:
        return session.run_beside(NAME, setup.experiments)

    def click(click: Click) -> None:
        view.on_click(setup, current(), click)

    def drag(drag: Drag) -> None:
        intervening.dragged(setup.experiment, _sequence_shown(), drag)
        _intervened(stage)

    dropped = intervened.drop_what_no_longer_fits(setup)
    if dropped:
        st.toast(dropped, icon=":material/undo:")

    stage = live.Stage(
        NAME,
        current,
        lambda run: _frame(run, setup, view),
        _follow_a_click,
        click,
        lambda run: view.beside(setup, intervened.seen(run)),
        drag,
        lambda run, wanted: reel_of(run, wanted, lambda past: _frame(past, setup, view)),
        branching.begin,
    )
    stage.live()  # so that the buttons know it
    with st.container(gap="xsmall"):  # its parts are there at all times, so that the chart below keeps its place
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            with st.container(width="content"):
                live.part(stage.bar, partial(_run_bar, stage, setup, narrow), ("play", "step", "restart", "new_seed"))
            _reading_aids(stage, setup, view, narrow)
        with st.container():
            if view.idea:
                st.caption(view.idea)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            view.controls(setup)
        with st.container():
            branching.controls(setup, current())
    live.show(stage)
    live.settle()


def _view() -> View:
    """The view that the viewer has chosen."""
    return VIEWS.get(session.widget("view") or "") or next(iter(VIEWS.values()))


def _follow_a_click() -> None:
    if session.is_overruled():
        st.rerun()  # a click has chosen another view


def _frame(run: Run, setup: Setup, view: View) -> Frame:
    """The picture of where `run` stands."""
    look = _look(setup)
    if run.worker_was_replaced():
        st.toast("A worker process was replaced; training went on from the last chunk.", icon=":material/healing:")
    begin_frame()
    seen = intervened.seen(run)
    canvas = _figure(setup, look, view).show(seen)
    styles = lane_styles(setup.experiments, look.theme, setup.titles)
    sentences = [Sentence(_sentence(style, run, seen), style.hue) for style in styles]
    return Frame(
        canvas=canvas,
        alt=words.figure_in_words(seen, setup.titles),
        running=(run.playing and not run.over) or is_behind(),
        step=run.step,
        run=session.run_number(NAME),
        progress=run.step / setup.experiment.steps,
        count=words.count(run),
        sentences=sentences,
        lines=words.lines_of_room(run, look.narrow) + intervened.is_anything(),
        announce=intervened.announcement() or words.announcement(run, setup.titles),
        interval=view.interval,
        clickable=view.clickable,
        filmed="" if run.behind is not None else intervened.in_short(),
        branchable=True,
    )


def _sentence(style: LaneStyle, run: Run, seen: Run) -> str:
    """How a network is doing, or what is done to it and what that does."""
    doing = words.lane_sentence(run.lanes[style.number], words.subject_of(style.title))
    return intervened.sentence(style.number, run, seen) or doing


def _figure(setup: Setup, look: Look, view: View) -> RunFigure:
    """The view's figure of `setup`, laid out once."""

    def make() -> RunFigure:
        styles = lane_styles(setup.experiments, look.theme, setup.titles)
        return view.figure(setup, styles if not look.narrow else (styles[_lane_shown(setup)],), look)

    # other interventions, another figure: the film has no pictures of other interventions
    key = (setup, look, _lane_shown(setup), view.name, view.key(setup), intervened.active(), intervened.edits())
    return session.kept(f"{NAME}.figure", key, make)


def _run_bar(stage: live.Stage[Run], setup: Setup, narrow: bool) -> None:
    """Buttons for what a viewer does with a run."""
    run = stage.live()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
        playing = run.playing and not run.over
        st.button(
            "Pause" if playing else "Play",
            icon=":material/pause:" if playing else ":material/play_arrow:",
            shortcut=None if narrow else "P",
            key="play",
            on_click=live.pause if playing else live.play,
            args=(stage, run),
            disabled=run.over,
            type="primary",
        )
        st.button(
            "Step",
            icon=":material/skip_next:",
            shortcut=None if narrow else "S",
            key="step",
            on_click=_single_step,
            args=(stage, run),
            disabled=run.over,
            help="One training step",
        )
        st.button(
            "Again",
            icon=":material/replay:",
            shortcut=None if narrow else "A",
            key="restart",
            on_click=_start_over,
            args=(stage, setup),
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


def _single_step(stage: live.Stage[Run], run: Run) -> None:
    run.single_step(STEP_PATIENCE)
    live.refresh(stage)


def _start_over(stage: live.Stage[Run], setup: Setup) -> None:
    session.start_run(NAME, setup.experiments)
    live.refresh(stage)


def _intervened(stage: live.Stage[Run]) -> None:
    """Show what has just been done to the networks, or released; the part with the button first, as in `refresh`."""
    st.rerun([INTERVENE, stage.loop])


def _reading_aids(stage: live.Stage[Run], setup: Setup, view: View, narrow: bool) -> None:
    """How the run is looked at, what may be done to it, and what to look for."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
        if len(VIEWS) > 1:
            st.selectbox(
                "Look inside",
                list(VIEWS),
                format_func=lambda name: VIEWS[name].title,
                key="view",
                persist_state="session",
                label_visibility="collapsed",
                width=150,
            )
        if narrow and len(setup.titles) > 1:
            st.segmented_control(
                "Network shown",
                setup.titles,
                default=setup.titles[0],
                key="lane",
                required=True,
                label_visibility="collapsed",
            )
        with st.container(width="content"):
            live.part(
                INTERVENE,
                partial(intervening.panel, setup, _sequence_shown, partial(_intervened, stage)),
                ("intervene", "edit"),
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
            for title, sentence in view.guide(setup):
                st.markdown(f"**{title}.** {sentence}")


def _look(setup: Setup) -> Look:
    return Look(
        theme=theme_named(st.context.theme.type),
        narrow=session.is_narrow(),
        sequence=_sequence_shown() - 1,
        layer=(session.widget(f"layer of {setup.experiment.layers}") or setup.experiment.layers) - 1,
        by_activity=session.widget("sorting") == "activity",
    )


def _sequence_shown() -> int:
    """Number of the displayed sequence, from 1."""
    return int(session.widget("sequence") or 1)


def _lane_shown(setup: Setup) -> int:
    """Number of the network that a phone shows."""
    title = session.widget("lane")
    return setup.titles.index(title) if title in setup.titles else 0
