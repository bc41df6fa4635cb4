"""Length and cost: any length with the same weights, but step by step, and not from arbitrarily far back (N12, N13)."""

from dataclasses import replace

from engine.analysis.cost import multiplications_per_step
from engine.lessons import COSTS, DELAYS, LENGTHENS
from engine.setup import Setup
from engine.tasks import TASKS
from figures.column import Row
from ui import lesson
from ui.cost import farthest, horizons, memory_horizon, parameters_by_length, slowdown, tested, time_by_length
from ui.training import Network, seed_of, train

page = lesson.begin("length_and_cost")
lesson.text("A recurrent network takes input of any length. Train two of them at one length, and test them at others.")
task = lesson.choose("Task", {name: TASKS[name].title for name in LENGTHENS}, "length.task")
experiment = replace(LENGTHENS[task], seed=seed_of(page))
lesson.text(f"*{TASKS[task].description}*")
options = ("Both stay right", "Only one of them", "Both fail")
bet = lesson.guess(page, f"trained at {experiment.length} steps, how do they do at {8 * experiment.length}?", options)
both = (Network("RNN", experiment), Network("LSTM", replace(experiment, cell="lstm")))
run = train(page, both, (Row.SEQUENCE, Row.HIDDEN), bet is not None)
with lesson.room():
    if run.over:
        with lesson.column():
            rnn, lstm = tested(page, run)
        happened = options[2 - (rnn[-1] > 0.9) - (lstm[-1] > 0.9)]
        lesson.outcome(
            f"{lesson.verdict(bet, happened)} At {8 * experiment.length} steps the RNN gets {rnn[-1]:.0%} and the LSTM "
            f"{lstm[-1]:.0%} right, after {rnn[1]:.0%} and {lstm[1]:.0%} at the length that they were trained at."
        )
lesson.why(
    "Weights are shared across time steps, so the network can always go on. Whether it is right depends on what it has "
    "learned: for parity a rule for one step, which holds at any length; for an answer at the end, among other things, "
    "when the end comes.",
    told=run.over,
)

lesson.heading("What a longer input needs")
with lesson.column():
    counts = parameters_by_length(page)
lesson.why(
    f"A recurrent network has the same {counts['rnn'][0]:,.0f} parameters for 10 steps and for 200. A feed-forward "
    f"network that is to see everything needs a window as long as the input: {counts['window'][0]:,.0f} at 10 steps, "
    f"{counts['window'][-1]:,.0f} at 200, and there it still can't see what was 200 steps ago."
)

lesson.heading("What it takes in time")
lesson.text(
    "The same sequence through an RNN, step after step, and through a feed-forward network with a window of 33 inputs, "
    "all steps in one product."
)
with lesson.column():
    timing = time_by_length(page)
with lesson.room():
    if timing.over:
        recurrent, windowed = slowdown(timing.progress[0])
        work = multiplications_per_step(COSTS)
        lesson.outcome(
            f"200 steps took the RNN **{recurrent:.1f} times** as long as 10, and the windowed network "
            f"**{windowed:.1f} times**. Both make {work:,} multiplications a step."
        )
lesson.why(
    "h<sub>t</sub> can't be computed before h<sub>t−1</sub>: T small operations wait for each other. The window's "
    "outputs don't wait, so they are one large operation, which for a single sequence costs hardly more than a small "
    "one. This is one thread of one processor; on many cores or a graphics card the difference grows."
)

lesson.heading("The memory horizon")
lesson.text(
    "An X or Y comes early, another near the middle, among other letters, and at the end the network has to name both "
    "in their order. Can it learn that at growing lengths? Three networks, five lengths, three seeds, at most "
    f"{DELAYS.steps:,} steps each: training them all takes half a minute or so, and the table fills as they get there."
)
names = {"rnn": "The RNN", "gru": "The GRU", "lstm": "The LSTM"}
reaches = lesson.guess(page, "which network learns over the longest delays?", tuple(names.values()), "horizon")
with lesson.column():
    trials = memory_horizon(page, reaches is not None, seed_of(page))
with lesson.room():
    if trials.over:
        reach = {names[cell]: length or 0 for cell, length in horizons(trials.progress).items()}
        told = ", ".join(f"{name[4:]} {length or 'none'}" for name, length in reach.items())
        lesson.outcome(f"{farthest(reach, reaches)} The longest sequences that two of three seeds learned: {told}.")
lesson.why(
    "In principle the state can keep anything; in practice that has to be learned from a gradient that comes back "
    "through all the steps in between, and in the plain RNN it fades. Gates move the horizon. They don't remove it, "
    "and more steps or another learning rate move it, too.",
    "Y. Bengio, P. Simard and P. Frasconi (1994), Learning long-term dependencies with gradient descent is difficult, "
    "IEEE Trans. Neural Networks 5",
    told=trials.over,
)
lesson.end(page, Setup(replace(DELAYS, cell="rnn", length=60), ("rnn", "gru", "lstm")))
