"""Inputs and targets: three ways to tell a network something, three ways to tell it what is wanted (N6 to N11)."""

from dataclasses import replace
from functools import partial

import streamlit as st

from engine.lessons import told
from engine.setup import Setup
from figures.plane import PlaneFigure
from ui import lesson
from ui.training import Network, seed_of, train
from ui.ways import choose_ways, draw_from_there, my_push, my_start, push_them, wanted_places, what_became_of_them

page = lesson.begin("inputs_and_targets")
lesson.text(
    "A network is told a point of the plane, and has to take its state from there to the nearest of four places, "
    "or onto a circle. Nothing is written into it or read out of it but states of units: choose which, and when."
)
ways = choose_ways()
experiment = replace(told(ways.task, ways.given, ways.asked, ways.last), seed=seed_of(page, first=4))
options = ("It stays where it was trained to be", "It wanders off")
bet = lesson.guess(
    page, f"training ends at step {experiment.length}. What does the state do in the 150 steps after that?", options
)
figure = partial(PlaneFigure, targets=wanted_places(ways.task), start=my_start(), push=my_push())
run = train(page, [Network("RNN", experiment)], (), bet is not None, figure=figure, on_click=draw_from_there)
st.caption(
    "The plane is that of the first two units. Equal colours: starts that end at the same place, a basin. Dots: where "
    "states come to rest; rings or dotted line: where they should be. Thin lines: four paths, each from its small "
    "circle; click anywhere for a thick one of your own. When pushed, paths begin where that has thrown the state.",
    width=lesson.READING,
)
push_them()
with lesson.room():
    if run.over:
        fate = what_became_of_them(page, run.lanes[0], my_push())
        lesson.outcome(f"{lesson.verdict(bet, options[0] if fate.stays > 0.5 else options[1])} {fate.in_words}")
lesson.why(
    "Targets at many of the last steps ask the state to stay. The surest way to that is a place that pulls states in "
    "from around it: an attractor, which also takes back a state that was pushed, if not too far. A target at the "
    "last step only asks the state to pass by at that moment. What it does later is nobody's concern: it may wander "
    "off, or stay all the same, for instance while the input is still there.",
    "J. J. Hopfield (1982), Neural networks and physical systems with emergent collective computational abilities, "
    "PNAS 79",
    "B. A. Pearlmutter (1989), Learning state space trajectories in recurrent neural networks, Neural Computation 1",
    told=run.over,
)
lesson.end(page, Setup(experiment, ("rnn",)))
