"""Gradients: why they vanish, why the cell state carries them, what exploding is and what clipping does (N14)."""

from dataclasses import replace

from engine.lessons import EXPLODES, FADES, STEEP
from engine.setup import Setup
from figures.clipping import ClippingFigure
from figures.column import Row
from ui import lesson
from ui.flow import MAPPED_NAMES, flow_chart, health_map, share_clipped, what_became
from ui.training import Network, seed_of, train
from ui.views.analysed import is_behind
from ui.views.gradient_flow import FlowOnPage

page = lesson.begin("gradients")
lesson.text(
    "Two numbers, marked early and late among 50, have to be added at the end. What the network gets told about an "
    "early step is the gradient that comes back to it: ∂L/∂h<sub>t</sub>, from the last step to the first."
)
options = ("About as large", "A tenth", "A millionth or less")
bet = lesson.guess(page, "in the RNN, how large is the gradient at the first step, compared with the last?", options)
fades = replace(FADES, seed=seed_of(page))
networks = (Network("RNN", fades), Network("LSTM", replace(fades, cell="lstm")))
run = train(page, networks, (Row.NOW, Row.REACH), bet is not None, figure=FlowOnPage, behind=is_behind)
lesson.caption(
    "In the map a row is a unit; the colour is the sign of its gradient, the depth its power of ten. Ways back: how "
    "long the gradient is at each step, by all ways and by the LSTM's highway alone, its cell state. Reach: how "
    "strongly the last state depends on one so many steps back; it can't pass the dashed bound, and the dotted line is "
    "what the weights predict."
)
with lesson.room():
    if run.over:
        rnn, lstm = (lane.gradient_ratio for lane in run.lanes)
        happened = options[2] if rnn < 1e-5 else options[1] if rnn < 0.3 else options[0]
        lesson.outcome(
            f"{lesson.verdict(bet, happened)} In this RNN the first step's gradient is {lesson.power(rnn)} times the "
            f"last step's, in this LSTM {lesson.power(lstm)} times. {lesson.solved_or_not(run.lanes[1], 'The LSTM')}"
        )
lesson.why(
    "On its way back the gradient is multiplied by the same kind of matrix at every step, "
    "∂h<sub>t</sub>/∂h<sub>t−1</sub> = diag(φ′) U. Fifty factors a little below 1 leave nothing, fifty a little above "
    "blow it up. The LSTM's cell state is passed on by an addition, c<sub>t</sub> = f<sub>t</sub> c<sub>t−1</sub> + …, "
    "whose factor is the forget gate, which training can bring close to 1. What takes that way alone is "
    "a<sub>k</sub> = f<sub>k+1</sub> a<sub>k+1</sub> + ∂h<sub>k</sub>/∂c<sub>k</sub> · r<sub>k</sub>, with "
    "r<sub>k</sub> from the read-out at step k; the strip is its share beside all that has passed a gate or a "
    "candidate, and with it the weights U.",
    "S. Hochreiter and J. Schmidhuber (1997), Long short-term memory, Neural Computation 9",
    told=run.over,
)

lesson.heading("Fifty factors")
lesson.text("Untrained networks with 32 units. Move the spectral radius, the largest |eigenvalue| of U, across 1.")
with lesson.controls():
    radius = lesson.slider("Spectral radius of U", 0.5, 1.5, 0.9, 0.05, key="gradients.radius")
    bias = lesson.slider("LSTM's forget-gate bias", -2.0, 5.0, 3.0, 0.5, key="gradients.bias")
with lesson.column():
    flow_chart(page, radius, bias)
lesson.why(
    "U is a rotation times ρ, so without a squashing function ‖∂h<sub>T</sub>/∂h<sub>k</sub>‖ is exactly "
    "ρ<sup>T−k</sup>: a straight line on the log axis, and also the bound σ<sub>max</sub>(U)<sup>T−k</sup> that tanh "
    "stays below, since its slope is at most 1. The LSTM's solid line counts all ways back, its dotted one only that "
    "along the cell state: the product of the forget gates, which their bias holds open.",
    "R. Pascanu, T. Mikolov and Y. Bengio (2013), On the difficulty of training recurrent neural networks, ICML",
)

lesson.heading("Vanishing, healthy, exploding")
lesson.text(
    "Untrained networks again, of every spectral radius and for every length: what is left of a gradient when it has "
    "come from the last step to the first? Grey is healthy: neither less than a hundredth nor more than a hundredfold."
)
ends = ("It vanishes", "It arrives", "It explodes")
hunch = lesson.guess(page, "tanh, a spectral radius of exactly 1, 200 steps. What becomes of it?", ends, "map")
with lesson.controls():
    mapped = lesson.choose("Network of the map", MAPPED_NAMES, "gradients.mapped")
with lesson.column():
    spots = health_map(page, mapped, hunch is not None)
with lesson.room():
    if spots.over:
        lesson.outcome(what_became(spots, mapped, hunch, ends))
lesson.why(
    "Without squashing, ρ = 1 is the edge, and the longer the sequence the narrower the healthy strip around it: "
    "ρ<sup>T−1</sup>. The slope of tanh is below 1 wherever a unit is active, which moves the strip to the right and "
    "widens it: larger weights push the units to where the slope is smaller. In an LSTM whose forget gates are open "
    "the gradient vanishes nowhere on the map, since its highway does not pass U.",
    told=spots.over,
)

lesson.heading("Exploding, and clipping")
lesson.text(
    "Two copies of one network train side by side; one of them scales down every gradient that is longer than the norm "
    "you set. The first network is one with tanh, whose recurrence is 1.3 times a rotation, the second a ReLU one that "
    "begins a little above the identity."
)
with lesson.controls():
    name = lesson.choose(
        "Network", {"tanh": "tanh, 1.3 × rotation", "relu": "ReLU, 1.03 × identity"}, "gradients.network"
    )
    clip = lesson.slider("Clipping at norm", 0.5, 10.0, 1.0, 0.5, key="gradients.clip")
explodes = replace(EXPLODES if name == "relu" else STEEP, seed=seed_of(page, "clipping"))
both = (
    Network("Without clipping", explodes, "The network without clipping"),
    Network(f"Clipped at {clip:g}", replace(explodes, clip_norm=clip), "The network with clipping"),
)
wild = train(page, both, (Row.NOW,), ready=True, name="clipping", figure=ClippingFigure)
with lesson.room():
    if wild.over:
        worst, calm = (float(lane.losses.values.max(initial=0)) for lane in wild.lanes)
        lesson.outcome(
            f"Without clipping the loss went up to **{lesson.power(worst)}**, with clipping at {clip:g} to "
            f"**{lesson.power(calm)}**; "
            f"**{share_clipped(wild.lanes[1]):.0%}** of its steps were clipped, where the strip is filled. "
            f"{lesson.which_solved(wild.lanes, ('Without clipping the network', 'With clipping it'))}"
        )
lesson.why(
    "Where the loss has a cliff, the gradient at its foot is huge and one step along it throws the weights far away. "
    "Clipping keeps the direction and shortens the step, which can decide whether anything is learned at all. It can't "
    "help a gradient that has vanished.",
)
lesson.end(page, Setup(fades, ("rnn", "lstm")))
