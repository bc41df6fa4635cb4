"""Networks compared: what they have in common, the difference of two heatmaps, and the view that shows it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine import CELLS, Experiment
from engine.analysis.comparison import GRADIENT, Quantity, begin_equal, common_quantities, why_not
from engine.executor import Workers
from engine.runs import Run
from engine.setup import Setup
from engine.store import ChunkStore
from figures.canvas import Canvas
from figures.compare import CompareFigure, Pair
from figures.lanes import lane_styles
from figures.look import Look
from figures.palette import DARK, LIGHT
from tests.test_pages import opened

SMALL = Experiment(task="echo", length=9, hidden_size=6, batch_size=4, steps=300, cell="lstm")
SETUP = Setup(SMALL, ("rnn", "lstm"), (replace(SMALL, learning_rate=0.03),))


@pytest.fixture(scope="module")
def run() -> Run:
    """RNN, LSTM, and the LSTM with another learning rate, trained for some chunks."""
    run = Run(ChunkStore(Workers(lambda: ThreadPoolExecutor(1))), SETUP.experiments)
    run.next_frame(0)
    for _ in range(3):
        assert run.next_frame(60)
    return run


def figure_of(setup: Setup, look: Look, pair: Pair | None) -> CompareFigure:
    return CompareFigure(lane_styles(setup.experiments, look.theme, setup.titles), look, pair)


def heatmaps(canvas: Canvas) -> list[dict[str, Any]]:
    return [each for each in canvas.data if each["type"] == "heatmap"]


def words(canvas: Canvas) -> str:
    return " ".join(label.html for label in canvas.labels)


# --- what two networks have in common ---


def test_networks_have_in_common_what_both_their_traces_have() -> None:
    for one in CELLS:
        for other in CELLS:
            found = common_quantities(replace(SMALL, cell=one), replace(SMALL, cell=other))
            fields = [each.field for each in found]
            assert fields[0] == "hidden_state" and fields[-1] == GRADIENT
            both = {panel.field for panel in CELLS[one].panels} & {panel.field for panel in CELLS[other].panels}
            assert set(fields[1:-1]) == both
    lstms = common_quantities(SMALL, SMALL)
    assert [each.title for each in lstms[1:-1]] == ["Forget gate", "Input gate", "Output gate", "Cell state"]


def test_a_difference_needs_the_same_size_and_says_so_in_one_sentence() -> None:
    hidden, *_, gradient = common_quantities(SMALL, SMALL)
    larger = replace(SMALL, hidden_size=9)
    assert why_not(SMALL, replace(SMALL, seed=3), hidden) is None
    assert why_not(SMALL, larger, gradient) is None
    assert why_not(SMALL, larger, hidden) == (
        "One network has 6 units, the other 9: a difference unit by unit needs networks of the same size."
    )
    assert "both have" in str(why_not(SMALL, replace(SMALL, cell="gru"), Quantity("forget_gate", "Forget gate")))


@pytest.mark.parametrize(
    ("change", "alike"),
    [
        ({"learning_rate": 0.5}, True),
        ({"optimizer": "sgd", "read_units": 3}, True),
        ({"seed": 8}, False),
        ({"forget_bias": 3.0}, False),
        ({"hidden_size": 7}, False),
        ({"cell": "gru"}, False),
        ({"initialization": "orthogonal"}, False),
    ],
    ids=str,
)
def test_units_correspond_where_first_weights_are_equal(change: dict[str, Any], alike: bool) -> None:
    assert begin_equal(SMALL, replace(SMALL, **change)) is alike


# --- the figure ---


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("quantity", common_quantities(SMALL, SMALL)[:-1], ids=lambda each: each.field)
def test_the_figure_shows_a_b_and_a_less_b_on_one_scale(run: Run, quantity: Quantity, narrow: bool) -> None:
    look = Look(DARK, narrow=narrow, sequence=2)
    canvas = figure_of(SETUP, look, Pair(1, 2, quantity)).show(run)
    a, b = (getattr(run.lanes[number].recording, quantity.field)[:, 2].T for number in (1, 2))
    shown = heatmaps(canvas)
    np.testing.assert_array_equal(shown[0]["z"], a)
    np.testing.assert_array_equal(shown[1]["z"], b)
    np.testing.assert_allclose(shown[2]["z"], a.astype(np.float64) - b, atol=1e-6)
    assert {(each["zmin"], each["zmax"], str(each["colorscale"])) for each in shown} == {(-1, 1, str(DARK.diverging))}
    assert shown[0]["y"].tolist() == [1, 2, 3, 4, 5, 6]
    size = np.sqrt(np.mean((a.astype(np.float64) - b) ** 2))
    assert f"root mean square {size:.2g}" in words(canvas)
    assert "began with the same weights" in words(canvas)


def test_gradients_are_compared_by_training_step(run: Run) -> None:
    canvas = figure_of(SETUP, Look(LIGHT), Pair(0, 1, common_quantities(SMALL, SMALL)[-1])).show(run)
    one, other, difference = (each["z"] for each in heatmaps(canvas))
    for shown, lane in ((one, run.lanes[0]), (other, run.lanes[1])):
        done = np.flatnonzero(~np.isnan(shown[:, 0]))[-1]
        assert 0 <= lane.step - heatmaps(canvas)[0]["y"][done] <= 300 / 63 + 1
        begin = np.log10(lane.gradients.norms(0, 0)[0])
        np.testing.assert_allclose(shown[0], begin, atol=1e-5)
    np.testing.assert_allclose(difference, one - other, atol=1e-6)
    assert "correspond" not in words(canvas), "units play no part here"


def test_the_table_lists_what_differs_and_the_loss_is_that_of_all(run: Run) -> None:
    canvas = figure_of(SETUP, Look(LIGHT), Pair(1, 2, common_quantities(SMALL, SMALL)[0])).show(run)
    for told in (
        "What is different",
        "Network",
        "Learning rate",
        "<b>0.03</b>",
        "<b>0.003</b>",
        "LSTM · learning rate 0.03",
    ):
        assert told in words(canvas)
    lines = [each for each in canvas.data if each["type"] == "scatter" and each["mode"] == "lines"]
    for line, lane in zip(lines, run.lanes, strict=True):
        np.testing.assert_array_equal(line["y"], lane.losses.curve()[1])


@pytest.mark.parametrize(
    ("setup", "pair", "says"),
    [
        (Setup(SMALL, ("lstm",)), None, "There is one network only"),
        (SETUP, Pair(1, 1, Quantity("hidden_state", "Hidden state")), "A and B are the same network"),
        (
            Setup(SMALL, ("lstm",), (replace(SMALL, hidden_size=4),)),
            Pair(0, 1, Quantity("hidden_state", "Hidden state")),
            "a difference unit by unit needs networks of the same size",
        ),
    ],
)
def test_where_there_is_no_difference_to_be_seen_a_sentence_says_why(
    setup: Setup, pair: Pair | None, says: str
) -> None:
    run = Run(ChunkStore(Workers(lambda: ThreadPoolExecutor(1))), setup.experiments)
    canvas = figure_of(setup, Look(LIGHT), pair).show(run)
    assert says in words(canvas) and not heatmaps(canvas)


def test_a_long_table_says_how_much_more_there_is() -> None:
    other = replace(SMALL, layers=2, batch_size=9, optimizer="sgd", learning_rate=0.1, clip_norm=None, forget_bias=0.0)
    setup = Setup(SMALL, ("lstm",), (other,))
    canvas = figure_of(setup, Look(LIGHT), Pair(0, 1, common_quantities(SMALL, SMALL)[0])).canvas
    assert "and 2 settings more" in words(canvas) and "Forget-gate bias" not in words(canvas)


# --- the view ---


def shown(app: Any) -> CompareFigure:
    figure = app.session_state["kept.playground.figure"][1]
    assert isinstance(figure, CompareFigure)
    return figure


def test_the_view_compares_what_is_chosen() -> None:
    app = opened("cells=rnn,lstm&length=8&hidden_size=4&steps=20&pin=cell:lstm,learning_rate:0.02")
    app.selectbox(key="view").select("compare").run()
    assert not app.exception and not app.error
    assert shown(app)._pair == Pair(0, 1, Quantity("hidden_state", "Hidden state"))
    app.selectbox(key="compare A of 3").select(2).run()
    gates = next(each for each in app.selectbox if each.label == "Shown")
    assert gates.options == ["Hidden state", "Forget gate", "Input gate", "Output gate", "Cell state",
                             "Gradient norm by training step"]  # fmt: skip
    gates.select("forget_gate").run()
    assert not app.exception and shown(app)._pair == Pair(2, 1, Quantity("forget_gate", "Forget gate"))
    app.button(key="unpin 0").click().run()
    assert not app.exception and shown(app)._pair == Pair(0, 1, Quantity("hidden_state", "Hidden state"))


def test_the_view_opens_with_one_network() -> None:
    app = opened("cells=gru&length=8&hidden_size=4&steps=20")
    app.selectbox(key="view").select("compare").run()
    assert not app.exception and "one network only" in words(shown(app).canvas)
