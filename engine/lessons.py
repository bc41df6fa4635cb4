"""The experiments behind the lessons: what a page runs and what a test holds its claims against are the same."""

from __future__ import annotations

from dataclasses import replace

from engine.analysis.horizon import TEMPORAL_ORDER
from engine.experiment import Experiment
from engine.tasks.patterns import UNITS


def echo_after(delay: int) -> Experiment:
    """Why recurrence: repeat each bit `delay` steps later."""
    return Experiment(task="echo", cell="rnn", length=4 * delay, learning_rate=0.005, steps=600)


FADES = Experiment(task="adding", cell="rnn", length=50, hidden_size=32, steps=2000)
"""Gradients: the adding problem, on which the plain RNN's gradient fades and the LSTM's does not."""

EXPLODES = Experiment(
    task="adding",
    cell="rnn",
    activation="relu",
    initialization="identity",
    spectral_radius=1.03,
    optimizer="sgd",
    learning_rate=0.1,
    length=50,
    clip_norm=None,
    steps=300,
)
"""Gradients: a recurrence a little above 1, whose gradient grows with each step back (after Le et al. 2015)."""

GATES = Experiment(task="adding", cell="lstm", length=30, hidden_size=32, learning_rate=0.005, steps=1500)
"""Gates: the adding problem needs all three: let the marked numbers in, keep them, let the sum out."""

GATES_ELSEWHERE = {
    "echo": Experiment(task="echo", cell="lstm", length=20, hidden_size=32, learning_rate=0.005, steps=1000),
    "recall": Experiment(task="recall", cell="lstm", length=10, hidden_size=32, learning_rate=0.01, steps=1000),
}
"""Gates: bits that push each other out, and one symbol that has to stay."""

STEEP = Experiment(
    task="temporal_order",
    cell="rnn",
    length=20,
    initialization="orthogonal",
    spectral_radius=1.3,
    optimizer="momentum",
    learning_rate=0.05,
    clip_norm=None,
    steps=500,
)
"""Gradients: clipped at 2 or less it learns, else the first steps throw it where it only guesses."""

REMEMBERS = Experiment(task="echo", cell="rnn", length=12, hidden_size=32, learning_rate=0.002, steps=1000)
"""Hidden state: repeat a bit, for which all younger bits have to be carried along."""

PARITY = Experiment(task="parity", cell="rnn", length=8, hidden_size=16, learning_rate=0.01, steps=1000)
"""Hidden state: what no linear dynamics can do."""

COMPUTES = {
    task: Experiment(task=task, cell="rnn", length=length, hidden_size=24, learning_rate=0.01, steps=1500)
    for task, length in (("addition", 12), ("parity", 10), ("counting", 24), ("brackets", 20))
}
"""Computing anything: small algorithms, learned from short strings."""

COSTS = Experiment(task="echo", cell="rnn", length=20, hidden_size=32, batch_size=1)
"""Length and cost: one input, one output, whatever the length."""

DELAYS = TEMPORAL_ORDER
"""Length and cost: a delay that grows with the length."""

LENGTHENS = {
    "parity": Experiment(task="parity", cell="rnn", length=10, hidden_size=24, learning_rate=0.01, steps=1200),
    "temporal_order": Experiment(
        task="temporal_order", cell="rnn", length=20, hidden_size=32, learning_rate=0.005, steps=1200
    ),
}
"""Length and cost: trained at one length, tested at others; a rule for each step, and an answer at the end."""

TOLD = Experiment(
    task="attractors",
    cell="rnn",
    length=20,
    hidden_size=16,
    learning_rate=0.01,
    steps=1500,
    input_way="initial",
    target_way="units",
    target_steps=16,
)
"""Inputs and targets: told where to begin, and asked where to be at the last 16 of 20 steps."""


def told(task: str, way: str, asked: str, last: int) -> Experiment:
    """Inputs and targets: the network for a way of input and a way of target.

    Args:
        task: "attractors" or "cycle".
        way: "all" or "subset" of the units have a given initial state, or a subset has given states at every step
            ("clamped"). Of "all", two are given the point and the others zero; else the others' start is learned.
        asked: "all" units have a target, or "subset": two of 16. All of them can have one in the task "attractors".
        last: at how many of the last steps.
    """
    chosen = replace(TOLD, task=task, target_steps=last, input_way="clamped" if way == "clamped" else "initial")
    if way == "subset":
        chosen = replace(chosen, initial_state="learned")
    if asked == "all":
        units = UNITS + (2 if way == "clamped" else 0)
        return replace(chosen, task="patterns", hidden_size=units, initialization="identity")
    return chosen
