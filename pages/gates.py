"""Gates: what to throw away, what to add, what to let out; hold one and see what breaks (N15)."""

from dataclasses import replace

from engine.lessons import GATES
from engine.setup import Setup
from engine.tasks import task_of
from figures.column import Row
from ui import lesson
from ui.held_gates import hold_a_gate, table_of_gates
from ui.training import Network, seed_of, train

page = lesson.begin("gates")
lesson.text(
    "Train an LSTM to add the two marked numbers, and watch its three gates: each has an opening between 0 (shut) and "
    "1 (open) for every unit and every step. Then take a gate out of its hands."
)
options = ("Hardly worse", "As bad as guessing", "Far worse than guessing")
bet = lesson.guess(page, "hold the forget gate of the trained network shut. How wrong will it be?", options)
experiment = replace(GATES, seed=seed_of(page))
run = train(
    page, [Network("LSTM", experiment)], (Row.SEQUENCE, Row.HIDDEN, Row.GATES, Row.CELL, Row.REACH), bet is not None
)
lesson.why(
    "c<sub>t</sub> = f<sub>t</sub> ⊙ c<sub>t−1</sub> + i<sub>t</sub> ⊙ tanh(…): the forget gate f, a sigmoid, says "
    "what of the cell state is kept and what is thrown away; the input gate i how much of the new candidate, a tanh, "
    "is added. h<sub>t</sub> = o<sub>t</sub> ⊙ tanh(c<sub>t</sub>): the output gate o says what is let out.",
    "S. Hochreiter and J. Schmidhuber (1997), Long short-term memory, Neural Computation 9",
    "F. A. Gers, J. Schmidhuber and F. Cummins (2000), Learning to forget, Neural Computation 12",
)
lesson.heading("Hold a gate")
with lesson.room():
    if not run.over:
        lesson.text("Train the network first: then its gates can be held.")
    else:
        state = run.lanes[0].chunk.state
        gate, opening, before, after = hold_a_gate(page, experiment, state)
        chance = task_of(experiment).chance(experiment.length).metric
        happened = options[0] if after < chance / 3 else options[1] if after < 2 * chance else options[2]
        guessed = lesson.verdict(bet, happened) if gate == "Forget gate" and opening == 0 else f"**{happened}.**"
        lesson.outcome(
            f"{guessed} {gate} held at {opening:g}: MSE {before:.2g} → **{after:.2g}** on 200 fresh sequences; "
            f"always answering 1 gives {chance:.2g}."
        )
        table_of_gates(experiment, state)
        lesson.why(
            "With the forget gate shut nothing outlives a step. With the input gate open all the numbers get in, not "
            "the marked ones alone, and swamp the sum. Input or output gate shut come to the same: the hidden state "
            "is zero at the end, and the read-out has only its bias to answer with. "
            "A network that answers wrongly with confidence can do worse than one that guesses."
        )
lesson.end(page, Setup(experiment, ("lstm",)))
