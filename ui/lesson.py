"""What a lesson page is made of: the idea, a guess, something to play with, the outcome, the reason, the way on.

page = begin("why_recurrence")
bet = guess(page, "Which of them will learn to echo?", ("all", "the RNN only", "none"))
run = train(page, networks, rows, ready=bet is not None)          # from ui.training
with room():
    if run.over:
        outcome(f"You guessed “{bet}”. …")
why("…", "Elman (1990), Finding structure in time", told=run.over)
end(page, Setup(…))
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from engine.lane import Lane
from engine.setup import Setup
from ui import frame, live, navigation, session
from ui.navigation import Lesson

READING = 760  # pixels: the width of a column of text


def begin(name: str) -> Lesson:
    """Head the page of the lesson called `name` with its title and its one idea."""
    lesson = navigation.lesson_named(name)
    frame.enter(lesson.file)
    number = navigation.LESSONS.index(lesson) + 1
    with st.container(width=READING, gap=None):
        st.title(f"{number} · {lesson.title}", anchor=False)
        st.markdown(f"##### {lesson.idea}")
    return lesson


def room() -> DeltaGenerator:
    """A place for what is there only at times, such as an outcome; what follows it keeps its own place.

    While a script runs, the browser still shows what the last run has drawn, place by place. If places moved up, the
    end of the page would be seen twice until the run is over.
    """
    return st.container()


def text(words: str) -> None:
    """A paragraph in the width of a column."""
    with st.container(width=READING):
        st.markdown(words, unsafe_allow_html=True)


def caption(words: str) -> None:
    """What to look for in a figure."""
    st.caption(words, width=READING)


def heading(words: str) -> None:
    """A second part of the page."""
    st.subheader(words, anchor=False)


def guess(lesson: Lesson, question: str, options: Sequence[str], name: str = "first") -> str | None:
    """Ask for a guess before anything is shown; the answer, or None as long as there is none."""
    with st.container(width=READING, key=f"{lesson.name}-{name}-guess"):
        answer = st.pills(
            f"**Your guess:** {question}", list(options), key=f"{lesson.name}.guess {name}", persist_state="session"
        )
    return str(answer) if answer is not None else None


def controls() -> DeltaGenerator:
    """A row for the widgets that the reader moves."""
    # the gap is between lines, too
    return st.container(horizontal=True, gap="small" if session.is_narrow() else "large", vertical_alignment="top")


def column() -> DeltaGenerator:
    """A part of the page in the width of a column of text."""
    return st.container(width=READING)


def choose(label: str, options: Mapping[str, str], key: str, default: str | None = None) -> str:
    """One of `options`, value → words; the first, or `default`, to begin with."""
    return st.segmented_control(
        label,
        list(options),
        format_func=options.__getitem__,
        key=key,
        default=default or next(iter(options)),
        required=True,
        persist_state="session",
    )


def slider(label: str, low: float, high: float, first: Any, step: float | None = None, *, key: str, **more: Any) -> Any:
    """A number between `low` and `high`, whole if these are, or two if `first` is two; kept when the page is left."""
    return st.slider(label, low, high, first, step, key=key, persist_state="session", **({"width": 300} | more))


def outcome(words: str) -> None:
    """What came out, in the reader's own numbers."""
    with st.container(width=READING, border=True):
        st.markdown(words, unsafe_allow_html=True)


def verdict(bet: str | None, happened: str) -> str:
    """What happened, and how the guess compares with it: the beginning of an outcome."""
    if bet is None:
        return f"**{happened}.**"
    return f"**{happened}**, as you guessed." if bet == happened else f"You guessed “{bet}”. It was: **{happened}.**"


def power(number: float) -> str:
    """A number of any size as a reader wants it: 0.25, or a power of ten."""
    if not math.isfinite(number) or 0.01 <= abs(number) < 1000 or not number:
        return f"{number:.2g}"
    exponent = math.floor(math.log10(abs(number)))
    return f"{number / 10**exponent:.0f}·10<sup>{exponent}</sup>".replace("-", "−")


def solved_or_not(lane: Lane, subject: str) -> str:
    """Whether a network has solved its task, in a short sentence."""
    if lane.solved:
        return f"{subject} has solved the task after {lane.step:,} steps."
    return f"{subject} has not solved the task in {lane.step:,} steps."


def which_solved(lanes: Sequence[Lane], subjects: Sequence[str]) -> str:
    """Which of two networks have solved their task."""
    if not any(lane.solved for lane in lanes):
        return f"Neither has solved the task in {max(lane.step for lane in lanes):,} steps."
    return " ".join(solved_or_not(lane, subject) for lane, subject in zip(lanes, subjects, strict=True))


def why(words: str, *sources: str, told: bool = True) -> None:
    """The reason, in two or three sentences, and where it comes from.

    Args:
        told: whether the reader has seen the outcome; before that the reason would give it away.
    """
    with room():
        if told:
            text(f"**Why?** {words}")
            sources_of(*sources)
        else:
            caption("Why? The reason follows the outcome.")


def sources_of(*papers: str) -> None:
    """Where something comes from."""
    if papers:
        st.caption("Source: " + "; ".join(papers) + ".", width=READING)


def end(lesson: Lesson, setup: Setup | None = None) -> None:
    """Close the page: to the playground with `setup`, and to the next lesson."""
    following = navigation.after(lesson)
    st.space("small")
    with st.container(horizontal=True, width=READING, gap="medium"):
        if setup is not None:
            st.page_link(
                navigation.PLAYGROUND,
                label="Take this to the playground",
                icon=":material/science:",
                query_params=setup.query_items(),
            )
        if following is not None:
            st.page_link(
                following.file, label=f"Next: {following.title}", icon=":material/arrow_forward:", icon_position="right"
            )
    live.settle()
