"""Computing anything: small algorithms learned, one worked out by hand, and the automaton inside (N3)."""

from dataclasses import replace

from engine.analysis.adder import ADDER
from engine.cells import CELLS
from engine.lessons import COMPUTES
from engine.setup import Setup
from engine.tasks import TASKS
from figures.column import Row
from ui import lesson
from ui.computing import add_by_hand, how_far_it_counts, read_automaton, tested_on_lengths, weights_by_hand
from ui.training import Network, seed_of, train

page = lesson.begin("computing_anything")
lesson.text(
    "A network reads a string symbol by symbol and has to run an algorithm on it. It trains on short strings; then "
    "it is tested on lengths that it has never seen. If it has found the algorithm, length does not matter."
)
task = lesson.choose("Algorithm", {name: TASKS[name].title for name in COMPUTES}, "computing.task")
cell = lesson.choose("Network", {name: CELLS[name].title for name in ("rnn", "gru", "lstm")}, "computing.cell")
experiment = replace(COMPUTES[task], cell=cell, seed=seed_of(page))
lesson.text(f"*{TASKS[task].description}*")
options = ("It falls to chance", "It gets worse", "It stays right")
bet = lesson.guess(
    page, f"trained on strings of {experiment.length} steps, how will it do on 8 times as many?", options
)
run = train(page, [Network(CELLS[cell].title, experiment)], (Row.SEQUENCE, Row.HIDDEN), bet is not None)
with lesson.room():
    if run.over:
        (lane,) = run.lanes
        with lesson.column():
            lengths, values = tested_on_lengths(page, lane, CELLS[cell].title)
        chance = lane.task.chance(experiment.length).metric
        happened = options[2] if values[-1] > 0.99 else options[1] if values[-1] > (chance + 1) / 2 else options[0]
        lesson.outcome(
            f"{lesson.verdict(bet, happened)} {lane.task.metric.name.capitalize()}: {values[1]:.1%} at {lengths[1]} "
            f"steps, {values[-1]:.1%} at {lengths[-1]}.{how_far_it_counts(lane)}"
        )
lesson.why(
    "All steps share the same weights, so what is right for one step from one state to the next is right at any "
    "length, as long as the states stay apart. Parity and addition need but a few states. A counter needs one more for "
    "every number, so a trained one gets blurred sooner or later beyond what it was trained on.",
    "F. A. Gers and J. Schmidhuber (2001), LSTM recurrent networks learn simple context-free and context-sensitive "
    "languages, IEEE Trans. Neural Networks 12",
    told=run.over,
)

lesson.heading("Worked out by hand")
lesson.text(
    "No training is needed to see that a recurrent network can add numbers of any length without an error. Bits a and "
    "b come in, the lowest first, and c is the carry. Three units with h<sub>t</sub> = ReLU(W x<sub>t</sub> + "
    "U h<sub>t−1</sub> + b) are enough:"
)
weights_by_hand()
add_by_hand(page, run.lanes[0] if run.over else None)
lesson.why(
    f"The {ADDER.hidden_size} units hold whole numbers of at most 3, which are never rounded, so nothing is lost from "
    "one step to the next, and what is right for one step is right for a million."
)

lesson.heading("The automaton inside")
with lesson.room():
    if not run.over:
        lesson.text("*Train the network above first; then the states that it has made up can be read out.*")
    else:
        found = read_automaton(page, run.lanes[0])
        machine = found.automaton
        lesson.outcome(
            f"The network's states fall into **{machine.states}** kinds. The machine made of them answers like "
            f"the network on **{found.agreement:.1%}** of the steps of unseen strings three times as long, and is "
            f"right on {found.right:.1%}."
        )
lesson.why(
    "States of the network are clustered, each cluster becomes a state of a machine, and states that no string can "
    "tell apart are merged. For addition four remain: carry or none, with the bit just given. A counter has no end of "
    "states, so its machine is only as large as the strings it was made from.",
    "C. W. Omlin and C. L. Giles (1996), Extraction of rules from discrete-time recurrent neural networks, "
    "Neural Networks 9",
)

lesson.heading("What the theorem says")
lesson.text(
    "Siegelmann and Sontag proved that a recurrent network of finitely many units, with rational weights and the "
    "saturated-linear activation, can simulate any Turing machine, and one that works with stacks even in real time: "
    "a step for a step. The proof keeps a whole stack in the digits of one unit's state, so it needs exact arithmetic "
    "of unbounded precision and, like any computer, as many steps as the computation takes. It says that suitable "
    "weights exist. It does not say that training finds them; and a network with numbers of fixed precision has "
    "finitely many states: it is a finite automaton."
)
lesson.sources_of("H. T. Siegelmann and E. D. Sontag (1995), On the computational power of neural nets, JCSS 50")
lesson.end(page, Setup(experiment, (cell,)))
