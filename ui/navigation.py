"""The pages: their names, titles and order. A new lesson is a file in `pages/` and an entry here."""

from __future__ import annotations

from dataclasses import dataclass

PLAYGROUND = "pages/playground.py"


@dataclass(frozen=True)
class Lesson:
    """One page of the course.

    Attributes:
        name: of its file in `pages/`, also in its address.
        title: in the menu and at the head of the page.
        icon: a Material symbol.
        idea: what the page is about, in one sentence.
    """

    name: str
    title: str
    icon: str
    idea: str

    @property
    def file(self) -> str:
        """Where the page is."""
        return f"pages/{self.name}.py"


LESSONS = (
    Lesson(
        "why_recurrence",
        "Why recurrence",
        ":material/cycle:",
        "A network that feeds its own output back can use inputs that have long gone by; one without can't.",
    ),
    Lesson(
        "hidden_state",
        "Hidden state",
        ":material/grid_view:",
        "The hidden state keeps the past, spread over many units; non-linear steps update it in complicated ways.",
    ),
    Lesson(
        "computing_anything",
        "Computing anything",
        ":material/calculate:",
        "With enough units and time a recurrent network can compute whatever a computer can.",
    ),
    Lesson(
        "inputs_and_targets",
        "Inputs and targets",
        ":material/tune:",
        "There are three ways to tell a recurrent network something, and three ways to tell it what is wanted.",
    ),
    Lesson(
        "length_and_cost",
        "Length and cost",
        ":material/timer:",
        "Any length of input with the same few weights; but step after step, and not from arbitrarily far back.",
    ),
    Lesson(
        "gates",
        "Gates",
        ":material/sensor_door:",
        "An LSTM decides at every step what to throw away, what to add and what to let out.",
    ),
    Lesson(
        "gradients",
        "Gradients",
        ":material/trending_down:",
        "What an early step teaches a plain RNN fades with every step in between; an LSTM's cell state carries it.",
    ),
)


def lesson_named(name: str) -> Lesson:
    """The lesson whose file has that name."""
    return next(lesson for lesson in LESSONS if lesson.name == name)


def after(lesson: Lesson) -> Lesson | None:
    """The lesson that follows, if there is one."""
    number = LESSONS.index(lesson) + 1
    return LESSONS[number] if number < len(LESSONS) else None
