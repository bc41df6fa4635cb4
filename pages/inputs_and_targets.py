"""Inputs and targets: three ways to tell a network something, three ways to tell it what is wanted (N6 to N11)."""

from functools import partial

import numpy as np
import streamlit as st

from engine.analysis.attractors import share_that_stays
from engine.experiment import Experiment
from engine.setup import Setup
from engine.tasks.attractors import PLACE
from engine.tasks.cycle import RADIUS
from figures.plane import PlaneFigure
from ui import lesson, session
from ui.live_chart import Click
from ui.training import Network, seed_of, train

LENGTH = 20
INPUTS = {
    "all": "Initial states of all the units",
    "subset": "Initial states of a subset",
    "clamped": "States of a subset at every step",
}
TARGETS = {"last": "Activities for the last few steps", "final": "Final activities"}
TASKS = {"attractors": "Rest at four places", "cycle": "Go round a circle"}

page = lesson.begin("inputs_and_targets")
lesson.text(
    "A network is told a point of the plane, and has to take its state from there to the nearest of four places, "
    "or onto a circle. Nothing is written into it or read out of it but states of units: choose which, and when."
)
with lesson.controls():
    task = lesson.choose("Task", TASKS, "inputs.task")
    way = lesson.choose("Input", INPUTS, "inputs.way", default="subset")
    target = lesson.choose("Target", TARGETS, "inputs.target")
    last = st.slider("Last steps with a target", 2, LENGTH, 16, disabled=target == "final", width=260)
units = 2 if way == "all" else 16
of_units = "both units, so all of them" if way == "all" else "2 of 16 units; the other 14 are hidden"
st.caption(f"Start and target concern {of_units}. Training sequences have {LENGTH} steps.")

experiment = Experiment(
    task=task,
    cell="rnn",
    length=LENGTH,
    hidden_size=units,
    initialization="identity" if way == "all" else "pytorch",
    learning_rate=0.01,
    steps=1500,
    seed=seed_of(page),
    input_way="clamped" if way == "clamped" else "initial",
    target_way="units",
    target_steps=1 if target == "final" else last,
)
options = ("It stays where it was trained to be", "It wanders off")
bet = lesson.guess(
    page, f"training ends at step {LENGTH}. What does the state do in the 150 steps after that?", options
)

start = session.remembered("inputs.start")
push = float(session.widget("inputs.push") or 0)
angles = np.linspace(0, 2 * np.pi, 60)
circle = RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
places = PLACE * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
figure = partial(PlaneFigure, targets=places if task == "attractors" else circle, start=start, push=push)


def start_there(click: Click) -> None:
    """Draw a path from where the reader has clicked."""
    session.remember("inputs.start", (float(click.x), float(click.y)))
    st.rerun()


run = train(page, [Network("RNN", experiment)], (), ready=bet is not None, figure=figure, on_click=start_there)
st.caption(
    "Colours: from there the state ends at the same place. Dots: where states come to rest; rings: where they should. "
    "Thin lines: four paths; click anywhere for a thick one of your own."
)
st.slider("Push all units once they are at rest, by", 0.0, 0.6, 0.0, 0.05, key="inputs.push", width=340)
with lesson.room():
    if run.over:
        share = share_that_stays(experiment, run.lanes[0].chunk.state.parameters)
        lesson.outcome(
            f"{lesson.verdict(bet, options[0] if share > 0.5 else options[1])} Trained for {LENGTH} steps, "
            f"{share:.0%} of 64 fresh starts were where they should be at each of the steps 151 to 162."
        )
lesson.why(
    "A target at the last step only asks the state to pass by at that moment, and where it goes later is nobody's "
    "concern. Targets at many of the last steps ask it to stay: the error is small only if the place pulls states in "
    "from around it, and then it is an attractor, which also takes back a state that was pushed.",
    "J. J. Hopfield (1982), Neural networks and physical systems with emergent collective computational abilities, "
    "PNAS 79",
    "B. A. Pearlmutter (1989), Learning state space trajectories in recurrent neural networks, Neural Computation 1",
)
lesson.end(page, Setup(experiment, ("rnn",)))
