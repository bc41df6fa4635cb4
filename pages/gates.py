"""Gates: what to throw away, what to add, what to let out; hold one and see what breaks (N15)."""

from dataclasses import replace

from engine.cells import CELLS
from engine.lessons import GATES, GATES_ELSEWHERE
from engine.setup import Setup
from engine.tasks import TASKS, task_of
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
        held = hold_a_gate(page, experiment, state)
        before, after = held.effect.before, held.effect.after
        chance = task_of(experiment).chance(experiment.length).metric
        happened = options[0] if after < chance / 3 else options[1] if after < 2 * chance else options[2]
        guessed = lesson.verdict(bet, happened) if held.is_forget_gate_shut else f"**{happened}.**"
        lesson.outcome(
            f"{guessed} {held.says}: MSE {before:.2g} → **{after:.2g}** on {held.effect.sequences} fresh sequences; "
            f"always answering 1 gives {chance:.2g}."
        )
        lesson.text("For all units and all steps:")
        table_of_gates(page, experiment, state)
        lesson.why(
            "With the forget gate shut the cell state keeps nothing from one step to the next. With the input gate "
            "open all the numbers get in, not the marked ones alone, and swamp the sum. Input or output gate shut come "
            "to the same: the hidden state is zero at the end, and the read-out has only its bias to answer with. "
            "A network that answers wrongly with confidence can do worse than one that guesses. Hold the forget gate "
            "shut at one step only: what the cell state held until then is lost, and nothing after it."
        )
lesson.heading("Another task, another gate")
lesson.text(
    "Which gates a network needs depends on what it has to do. Repeating bits, it has to throw the oldest away all the "
    "time; recalling one symbol, it had better throw nothing away. A GRU has two gates for the same purposes: the "
    "reset gate hides the old state from the candidate, the update gate keeps the old state (1) or replaces it (0)."
)
with lesson.controls():
    task = lesson.choose("Task", {name: TASKS[name].title for name in GATES_ELSEWHERE}, f"{page.name}.task")
    cell = lesson.choose("Network", {name: CELLS[name].title for name in ("lstm", "gru")}, f"{page.name}.cell")
elsewhere = replace(GATES_ELSEWHERE[task], cell=cell, seed=seed_of(page, "elsewhere"))
other = train(
    page, [Network(CELLS[cell].title, elsewhere)], (Row.SEQUENCE, Row.HIDDEN, Row.GATES), ready=True, name="elsewhere"
)
with lesson.room():
    if other.over:
        lesson.outcome(table_of_gates(page, elsewhere, other.lanes[0].chunk.state))
lesson.why(
    "A gate that is held where the network would have put it costs little. The bits of the echo task push each other "
    "out: a forget gate held open lets them pile up. The recalled symbol is alone: the same gate, held open, only "
    "keeps it. A GRU whose update gate is held open never leaves the zero it starts from.",
    "K. Cho et al. (2014), Learning phrase representations using RNN encoder–decoder for statistical machine "
    "translation, EMNLP",
)
lesson.end(page, Setup(experiment, ("lstm",)))
