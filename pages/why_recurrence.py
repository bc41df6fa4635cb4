"""Why recurrence: one network sees the current input, one a window of inputs, and one remembers (N4)."""

from dataclasses import replace

from engine.lessons import echo_after
from engine.setup import Setup
from figures.column import Row
from ui import lesson
from ui.by_hand import step_by_hand
from ui.training import Network, seed_of, train

page = lesson.begin("why_recurrence")
lesson.text(
    "Bits come in one by one, and each has to be repeated after a delay. When a bit is wanted it has long gone by: "
    "whoever can repeat it must have kept it. Set the delay, and how far back the second network can look."
)
with lesson.controls():
    delay = lesson.slider("Delay (steps)", 1, 10, 5, key="why.delay")
    window = lesson.slider("Window of the second network (inputs)", 1, 12, 4, key="why.window")

rnn = replace(echo_after(delay), seed=seed_of(page))
networks = (
    Network("Current input", replace(rnn, cell="window"), "The network that sees the current input"),
    Network(f"Window of {window}", replace(rnn, cell="window", window=window), f"The one with a window of {window}"),
    Network("RNN", rnn),
)
options = ("Only the RNN", "The window and the RNN", "All three", "None of them")
bet = lesson.guess(page, f"which of the three can learn to repeat a bit after {delay} steps?", options)
run = train(page, networks, (Row.SEQUENCE, Row.HIDDEN), ready=bet is not None)

with lesson.room():
    if run.over:
        _, windowed, recurrent = run.lanes
        happened = (
            options[1] if windowed.solved and recurrent.solved else options[0] if recurrent.solved else options[3]
        )
        lesson.outcome(
            f"{lesson.verdict(bet, happened)} A window of {window} {'reaches' if window > delay else 'does not reach'} "
            f"the bit of {delay} steps ago, and has {windowed.parameter_count:,} parameters; each further step costs "
            f"{rnn.hidden_size} more. The RNN needs {recurrent.parameter_count:,}, whatever the delay."
        )
lesson.why(
    "A feed-forward network computes its answer from what it sees at this step, so what lies outside its window can't "
    "matter, however long it is trained: its best answer is a guess. The RNN also sees its own last state "
    "h<sub>t−1</sub>, which it has made from everything before, and training teaches it to pass the bits along.",
    "J. L. Elman (1990), Finding structure in time, Cognitive Science 14",
    told=run.over,
)
lesson.heading("One step, by hand")
lesson.text(
    "h<sub>t</sub> = f<sub>c</sub>(h<sub>t−1</sub>, x<sub>t</sub>): the new state is a function, with parameters c, of "
    "the old state and the new input. The same function with the same weights works at every step."
)
step_by_hand()
lesson.end(page, Setup(replace(rnn, window=window), ("rnn", "window")))
