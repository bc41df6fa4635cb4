"""The parts of the page about computing: lengths never seen, numbers to add, the automaton."""

from __future__ import annotations

import streamlit as st

from engine.analysis.adder import (
    ADDER,
    UNITS,
    add,
    adder_parameters,
    answers,
    number_of,
    on_paper,
    proof,
    weights_with_reasons,
)
from engine.analysis.automata import SYMBOLS, Automaton, Extraction, extract
from engine.analysis.generalization import counted, over_lengths
from engine.errors import ExperimentError
from engine.lane import Lane
from figures.lengths import LengthCurve, length_canvas
from figures.palette import Theme
from ui import lesson, session
from ui.live_chart import still_chart
from ui.navigation import Lesson
from ui.training import look

MOST_COUNTED = 60
MOST_DIGITS = 40
MEANS = {
    "addition": "the bit of the sum is 1",
    "parity": "the ones so far are odd in number",
    "counting": "so far no more b than a",
    "brackets": "none has closed that was not open",
}
"""What the answer 1 means in each task that has an automaton."""


def tested_on_lengths(page: Lesson, lane: Lane, title: str) -> tuple[list[int], list[float]]:
    """The metric over lengths up to eight times those of training; lengths and values."""
    experiment, parameters = lane.experiment, lane.chunk.state.parameters
    lengths = [round(experiment.length * factor) for factor in (0.5, 1, 2, 3, 4, 6, 8)]
    values = session.kept(
        f"{page.name}.lengths", (experiment, lane.step), lambda: over_lengths(experiment, parameters, lengths).metric
    )
    seen = look()
    curves = [LengthCurve(title, lengths, values, seen.theme.hue(experiment.cell))]
    if experiment.task == "addition":
        by_hand = over_lengths(ADDER, adder_parameters(), lengths).metric
        curves.append(LengthCurve("by hand", lengths, by_hand, seen.theme.muted, "dot"))
    chance = lane.task.chance(experiment.length).metric
    heading = f"<b>On lengths never seen</b> share of {lane.task.metric.name}"
    canvas = length_canvas(seen, heading, curves, experiment.length, chance, min(0.4, chance - 0.1))
    still_chart(
        f"{page.name}.lengths", canvas, ", ".join(f"{n}: {v:.0%}" for n, v in zip(lengths, values, strict=True))
    )
    return lengths, [float(value) for value in values]


def how_far_it_counts(lane: Lane) -> str:
    """How far a counter counts, in a sentence; empty for other tasks."""
    if lane.experiment.task != "counting":
        return ""
    reach = counted(lane.experiment, lane.chunk.state.parameters, MOST_COUNTED).reach
    trained = lane.experiment.length // 2
    return (
        f" Asked for aⁿ and then b, it tells which b is the first too many up to n = {reach}; "
        f"in training n went up to {trained}."
    )


def weights_by_hand() -> None:
    """The hand-made adder: what its units are, why, and what they are for every case that can occur."""
    units = "\n".join(f"| {unit} | {equation} | {meaning} |" for unit, equation, meaning in UNITS)
    lesson.text(f"| | is | which is |\n|---|---|---|\n{units}")
    lesson.text("So these are the weights:")
    with lesson.column(), st.container(horizontal=True, gap="medium"):
        for symbol, values, reason in weights_with_reasons():
            rows = r" \\ ".join(" & ".join(f"{value:g}" for value in row) for row in values)
            with st.container(width="content", gap=None, horizontal_alignment="center"):
                st.latex(rf"{symbol} = \begin{{pmatrix}} {rows} \end{{pmatrix}}", width="content")
                st.caption(reason, width="content")
    cases = "\n".join(f"| {' | '.join(map(str, row))} |" for row in proof())
    lesson.text(
        "And this is the whole proof, for there can be no other cases:\n\n"
        f"| a + b + c | h₁ | h₂ | h₃ | next carry | sum bit |\n|---|---|---|---|---|---|\n{cases}"
    )


def add_by_hand(page: Lesson, lane: Lane | None) -> None:
    """Two numbers of the reader's, added by the hand-made network and by the one trained, if that can add."""
    with lesson.controls():
        texts = [
            st.text_input(
                f"{which} number",
                value,
                key=f"{page.name}.{which}",
                max_chars=MOST_DIGITS,
                width=320,
                persist_state="session",
            )
            for which, value in (("First", "123456789"), ("Second", "987654321"))
        ]
    with lesson.room():
        try:
            first, second = (_whole(text) for text in texts)
        except ExperimentError as problem:
            st.error(str(problem), icon=":material/error:", width=lesson.READING)
            return
        with lesson.column():
            st.code(on_paper(first, second), language=None)
        steps = max(first, second).bit_length() + 1
        says = f"{first:,} + {second:,} = **{add(first, second):,}**, worked out by three units in {steps} steps."
        lesson.outcome(says + _sum_of_trained(lane, first, second))


def _sum_of_trained(lane: Lane | None, first: int, second: int) -> str:
    """What a network that has been trained to add makes of two numbers; empty without one."""
    if lane is None or lane.experiment.task != "addition":
        return ""
    learned = number_of(answers(lane.experiment, dict(lane.chunk.state.parameters), first, second))
    verdict = "right, too" if learned == first + second else "wrong"
    return f" The network that you have trained answers {learned:,}: {verdict}."


def read_automaton(page: Lesson, lane: Lane) -> Extraction:
    """The automaton of a trained network, drawn."""
    experiment, parameters = lane.experiment, lane.chunk.state.parameters
    found = session.kept(f"{page.name}.automaton", (experiment, lane.step), lambda: extract(experiment, parameters))
    with lesson.column():
        st.graphviz_chart(_dot(found.automaton, look().theme))
        st.caption(f"In a circle: the answer in this state (1: {MEANS[experiment.task]}). At an arrow: what is read.")
    return found


def has_automaton(task: str) -> bool:
    """Whether the task's inputs are symbols."""
    return task in SYMBOLS


def _dot(machine: Automaton, theme: Theme) -> str:
    """The machine in the language of Graphviz."""
    font = f'fontname="sans-serif" fontcolor="{theme.ink}" color="{theme.muted}"'
    lines = [f'rankdir=LR bgcolor="transparent" node [shape=circle {font}] edge [{font} fontsize=11]']
    lines.append(f'begin [shape=point color="{theme.muted}"] begin -> 0')
    for state in range(machine.states):
        fill = f'style=filled fillcolor="{theme.positive}44"' if machine.answers[state] else ""
        lines.append(f'{state} [label="{int(machine.answers[state])}" {fill}]')
        targets: dict[int, list[str]] = {}
        for symbol, to in zip(machine.symbols, machine.moves[state], strict=True):
            if to >= 0:
                targets.setdefault(int(to), []).append(symbol)
        lines += [f'{state} -> {to} [label="{", ".join(symbols)}"]' for to, symbols in targets.items()]
    return "digraph {" + "\n".join(lines) + "}"


def _whole(text: str) -> int:
    plain = text.replace(",", "").replace(" ", "").replace("_", "")
    if not plain.isascii() or not plain.isdecimal() or len(plain) > MOST_DIGITS:
        raise ExperimentError(f"A number to add has to be whole, not negative, and of at most {MOST_DIGITS} digits.")
    return int(plain)
