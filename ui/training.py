"""Networks that train on a lesson's page, once the reader has made a guess and pressed a button."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from engine.experiment import Experiment
from engine.runs import Run
from figures.canvas import Canvas
from figures.column import Row
from figures.lanes import LaneStyle, lane_styles
from figures.look import Look
from figures.palette import theme_named
from figures.training import TrainingFigure
from ui import live, session, words
from ui.live_chart import Click, Frame, Sentence
from ui.navigation import Lesson
from ui.reel import reel_of
from ui.views.base import RunFigure

FigureMaker = Callable[[tuple[LaneStyle, ...], Look], RunFigure]


@dataclass(frozen=True)
class Network:
    """A network that trains on a page.

    Attributes:
        title: its name there.
        experiment: what it is.
        subject: what a sentence calls it; by default “The” and its title.
    """

    title: str
    experiment: Experiment
    subject: str = ""

    @property
    def called(self) -> str:
        """What a sentence calls it."""
        return self.subject or f"The {self.title}"


def seed_of(lesson: Lesson, name: str = "run", first: int = 0) -> int:
    """The seed of the page's run called `name`: `first`, until the reader asks for another."""
    seed = session.remembered(f"{lesson.name}.{name}.seed")
    return first if seed is None else int(seed)


def train(
    lesson: Lesson,
    networks: Sequence[Network],
    rows: tuple[Row, ...],
    ready: bool,
    name: str = "run",
    sentence: Callable[[Run, int], str] | None = None,
    figure: FigureMaker | None = None,
    on_click: Callable[[Click], None] | None = None,
    behind: Callable[[], bool] = lambda: False,
) -> Run:
    """Buttons, sentences and figure of `networks`, which train side by side on the same data.

    Nothing trains before the reader presses Train. From then on every change of the networks trains them anew.

    Args:
        rows: what is shown of each network.
        ready: whether Train can be pressed: the guess has been made.
        name: of this run, where a page has several.
        sentence: how network number n of the run is doing; by default as the playground says it.
        figure: makes the figure; by default the networks' `rows` below their loss.
        on_click: what a click on a point of the figure does.
        behind: whether the figure just drawn waits for something that is still being worked out.

    Returns:
        The run, so that the page can say what came out once it is over.
    """
    experiments = tuple(network.experiment for network in networks)
    titles = tuple(network.title for network in networks)
    place = f"{lesson.name}.{name}"

    def current() -> Run:
        return session.run_for(place, experiments, wait=True)

    def frame(run: Run) -> Frame:
        look = Look(theme_named(st.context.theme.type), session.is_narrow())
        styles = lane_styles(experiments, look.theme, titles)
        canvas = _figure(place, styles, look, rows, figure).show(run)
        return Frame(
            canvas=canvas,
            alt=words.figure_in_words(run, titles),
            running=(run.playing and not run.over) or behind(),
            step=run.step,
            run=session.run_number(place),
            progress=run.step / max(1, experiments[0].steps),
            count=words.count(run),
            sentences=[
                Sentence(sentence(run, number) if sentence else _sentence(run, number, networks[number]), style.hue)
                for number, style in enumerate(styles)
            ],
            lines=2 if look.narrow or len(styles) > 2 else 1,
            announce=words.announcement(run, titles, tuple(network.called for network in networks)),
            clickable=on_click is not None,
            filmed="as it is",
        )

    stage = live.Stage(
        place,
        current,
        frame,
        on_click=on_click or _nothing,
        reel=lambda run, wanted: reel_of(run, wanted, frame),
    )
    live.part(stage.bar, partial(_bar, stage, ready, experiments), (stage.name,))
    live.show(stage)
    return current()


def _bar(stage: live.Stage[Run], ready: bool, experiments: tuple[Experiment, ...]) -> None:
    """Train and pause, from the start again, another seed."""
    run = stage.live()
    playing = run.playing and not run.over
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Pause" if playing else "Train",
            icon=":material/pause:" if playing else ":material/play_arrow:",
            key=f"{stage.name}.play",
            on_click=live.pause if playing else live.play,
            args=(stage, run),
            disabled=run.over or not (ready or playing),
            type="primary",
            help=None if ready else "Make your guess first: it costs nothing to be wrong.",
        )
        if run.playing or run.step:
            st.button(
                "Again",
                icon=":material/replay:",
                key=f"{stage.name}.again",
                on_click=_again,
                args=(stage, experiments),
                help="Start over from the same seed",
            )
            st.button(
                "Another seed",
                icon=":material/casino:",
                key=f"{stage.name}.reseed",
                on_click=_reseed,
                args=(stage,),
                help="Other data, other first weights",
            )
            if run.over:
                st.caption("Done. Move something, or try another seed: it trains anew at once.")


def _again(stage: live.Stage[Run], experiments: tuple[Experiment, ...]) -> None:
    session.start_run(stage.name, experiments)
    live.refresh(stage)


def _reseed(stage: live.Stage[Run]) -> None:
    session.remember(f"{stage.name}.seed", secrets.randbelow(10_000))
    st.rerun()  # the whole page, not the buttons alone: it makes the experiments


def _figure(
    place: str, styles: tuple[LaneStyle, ...], look: Look, rows: tuple[Row, ...], figure: FigureMaker | None
) -> RunFigure:
    def make() -> RunFigure:
        return figure(styles, look) if figure else TrainingFigure(styles, look, rows, stacked=look.narrow)

    # a maker that is a `partial` says by its arguments what it would make
    made_of = (figure.func, figure.args, repr(figure.keywords)) if isinstance(figure, partial) else figure
    return session.kept(f"{place}.figure", (styles, look, rows, made_of), make)


def _nothing(click: Click) -> None:
    """A click that is of no interest."""


def _sentence(run: Run, number: int, network: Network) -> str:
    return words.lane_sentence(run.lanes[number], network.called)


def look() -> Look:
    """How this reader sees charts: theme and width."""
    return Look(theme_named(st.context.theme.type), session.is_narrow())


def canvas_kept(name: str, key: object, make: Callable[[], Canvas]) -> Canvas:
    """The canvas `make()` gave for `key`, laid out anew only when the key changes."""
    return session.kept(f"{name}.canvas", key, make)
