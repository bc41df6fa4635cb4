"""Hidden state: what it remembers, that it is spread over many units, and why it has to be non-linear (N1, N2)."""

from dataclasses import replace
from functools import partial

from engine.analysis.decoding import decode
from engine.lessons import PARITY, REMEMBERS
from engine.setup import Setup
from figures.column import Row
from figures.decoding import DecodingFigure
from ui import lesson
from ui.hidden_state import portraits, switch_units_off
from ui.training import Network, seed_of, train

page = lesson.begin("hidden_state")
lesson.text(
    "A network is trained to repeat the bit of a few steps ago, and nothing else. For every lag, a linear read-out "
    "tries to tell from its state h<sub>t</sub> what the bit of that many steps ago was; R² says how well, from 0 to 1."
)
delay = lesson.slider("Repeat the bit of so many steps ago", 1, 6, 3, key="hidden.delay")
options = ("That one only", "Younger ones, too, and older ones for a while", "Every bit so far")
bet = lesson.guess(page, "which bits can be read out of the trained state?", options)
experiment = replace(REMEMBERS, length=4 * delay, seed=seed_of(page))
figure = partial(DecodingFigure, delay=delay)
run = train(page, [Network("RNN", experiment)], (), bet is not None, figure=figure)
with lesson.room():
    if run.over:
        found = decode(experiment, run.lanes[0].chunk.state.parameters)
        told = [lag for lag, share in enumerate(found.by_lag) if share > 0.9]
        younger = all(lag in told for lag in range(delay + 1))
        happened = options[1] if younger and len(told) < len(found.by_lag) else options[2] if younger else options[0]
        lesson.outcome(
            f"{lesson.verdict(bet, happened)} An R² of more than 0.9 is reached for the bits of "
            f"{', '.join(map(str, told))} steps ago. Over the lags from 0 to {len(found.by_lag) - 1} R² adds up to a "
            f"memory capacity of **{found.capacity:.1f}**; with {experiment.hidden_size} units it can't be more than "
            f"{experiment.hidden_size}, over however many lags."
        )
lesson.why(
    "To have a bit ready in time, all younger ones must be carried along. Older ones are still there for a while, "
    "since each step mixes the old state in. The untrained network keeps them even longer: training makes room for "
    "what is asked.",
    "H. Jaeger (2001), Short term memory in echo state networks, GMD Report 152",
    told=run.over,
)

lesson.heading("Switch units off")
lesson.text(
    "Which unit holds the bit? Switch off any of them, or as many as you like at random: they are 0 at every step. The "
    "grey code was wired by hand: a shift register, in which each bit on its way has one unit of its own."
)
with lesson.room():
    if not run.over:
        lesson.text("*Train the network above first.*")
    else:
        with lesson.column():
            lesion = switch_units_off(page, run.lanes[0])
        lesson.outcome(
            f"With {lesion.off} of {lesion.units} units off the trained network gets **{lesion.right:.0%}** of the "
            f"bits right. The one wired by hand falls to {lesion.localist.mean[1]:.0%} when it loses a single unit of "
            f"its {lesion.localist.removed[-1]}, whichever that is; a coin gets half."
        )
lesson.why(
    "The code is distributed: each bit is spread over many units, and each unit takes part in many bits. So a lost "
    "unit costs a little of everything instead of everything of one thing: performance degrades gracefully.",
    "G. E. Hinton, J. L. McClelland and D. E. Rumelhart (1986), Distributed representations",
    told=run.over,
)

lesson.heading("Bend it, or not")
lesson.text(
    "Now the task is parity: has the number of ones so far been odd? Each one has to flip the answer. The same "
    "network, with tanh and without: then each step is a linear map."
)
parity = replace(PARITY, seed=seed_of(page, "parity"))
bent = (
    Network("tanh", parity, "The network with tanh"),
    Network("linear", replace(parity, activation="identity"), "The linear one"),
)
flips = lesson.guess(page, "will the linear network learn it, too?", ("Yes", "No"), "linear")
dynamics = train(page, bent, (Row.SEQUENCE, Row.HIDDEN), flips is not None, "parity")
with lesson.room():
    if dynamics.over:
        tanh, linear = dynamics.lanes
        counts = portraits(page, dynamics, bent)
        lesson.outcome(
            f"{lesson.verdict(flips, 'Yes' if linear.solved else 'No')} tanh: {tanh.chunk.score:.0%} of bits right, "
            f"linear: {linear.chunk.score:.0%}, where a coin gets half. Dots are states, coloured by the right "
            f"answer; circles are fixed points while zeros come in (filled: stable): {counts[0]} with tanh, "
            f"{counts[1]} without. Below are the eigenvalues of ∂h<sub>t</sub>/∂h<sub>t−1</sub> at each: a point is "
            "stable if all of them lie inside the circle."
        )
lesson.why(
    "A linear state is a constant plus a weighted sum of the inputs, and no threshold on such a sum tells odd from "
    "even: of one bit it can, of two it can't. With tanh a state can stay in one of several regions, and an input can "
    "throw it from one to another: that is how a network flips.",
    "M. Minsky and S. Papert (1969), Perceptrons",
    "D. Sussillo and O. Barak (2013), Opening the black box, Neural Computation 25",
    told=dynamics.over,
)
lesson.end(page, Setup(experiment, ("rnn",)))
