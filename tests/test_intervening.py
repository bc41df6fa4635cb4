"""Interventions in the playground, by AppTest: what the popover adds, lists and releases, and what is shown then."""

from __future__ import annotations

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from engine import AddNoise, ExperimentError, Flip, Freeze, HoldGate, Reset, Silence, record
from engine.setup import Setup
from tests.test_pages import opened
from ui.intervened import Active
from ui.intervening import unit_numbers
from ui.words import change, described, spans

QUERY = "cells=rnn,lstm&length=12&hidden_size=6&steps=40"


def paused(query: str = QUERY) -> AppTest:
    """The playground, standing still at the untrained networks."""
    app = opened(query)
    app.session_state["kept.playground.run"].pause()
    return app


def on(app: AppTest) -> tuple[Active, ...]:
    """The interventions that are on."""
    found: tuple[Active, ...] = app.session_state.get("kept.interventions", ())
    return found


def add(app: AppTest) -> AppTest:
    """Press Add."""
    return app.button(key="intervene.add").click().run()


def says(app: AppTest) -> str:
    """What the popover lists."""
    return " ".join(each.value for each in app.markdown)


def test_a_gate_is_held_of_the_networks_that_have_it_and_released() -> None:
    app = paused()
    assert not on(app) and "intervene.release" not in {button.key for button in app.button}
    assert any(each.value == "RNN has no such gate and goes on as before." for each in app.caption)
    app.slider(key="intervene.value").set_value(0.25).run()
    app.text_input(key="intervene.units").set_value("1-3, 6").run()
    app = add(app)
    assert not app.exception and not app.error
    assert on(app) == (Active(("lstm",), HoldGate("forget_gate", 0.25, units=(1, 2, 3, 6))),)
    assert "Forget gate held at 0.25 (units 1–3, 6)" in says(app)
    app.button(key="intervene.remove 0").click().run()
    assert not on(app) and "held" not in says(app)


def test_each_kind_can_be_added_and_they_add_up() -> None:
    app = paused()
    expected = {
        "silence": Silence(steps=(3, 5)),
        "freeze": Freeze(steps=(3, 5)),
        "flip": Flip(steps=(3, 5)),
        "noise": AddNoise(1.5, steps=(3, 5)),
    }
    for kind in expected:
        app.selectbox(key="intervene.kind").select(kind).run()
        if kind == "noise":
            app.slider(key="intervene.deviation").set_value(1.5).run()
        app.slider(key="intervene.steps 12 False").set_value((3, 5)).run()
        app = add(app)
    app.selectbox(key="intervene.kind").select("reset").run()
    app.segmented_control(key="intervene.state").set_value("cell_state").run()
    app = add(app)
    assert not app.exception and not app.error
    assert [each.intervention for each in on(app)] == [*expected.values(), Reset(state="cell_state", steps=(7, 7))]
    assert [each.cells for each in on(app)] == [("rnn", "lstm")] * 4 + [("lstm",)]
    app.button(key="intervene.release").click().run()
    assert not on(app) and not app.exception


def test_what_is_shown_is_the_network_with_all_of_it_and_the_run_itself_stays() -> None:
    app = paused()
    app.selectbox(key="intervene.kind").select("silence").run()
    app = add(app)
    run = app.session_state["kept.playground.run"]
    canvas = app.session_state["kept.playground.figure"][1].canvas
    maps = [trace["z"] for trace in canvas.data if "unit %{y}" in trace.get("hovertemplate", "")]
    assert len(maps) == 6  # the RNN's h; the LSTM's h, three gates and c
    assert (maps[0] == 0).all() and (maps[1] == 0).all() and (maps[2] != 0).any()
    assert all((lane.recording.hidden_state != 0).any() for lane in run.lanes)
    assert record(run.lanes[1].experiment, run.lanes[1].chunk.state).loss == run.lanes[1].recording.loss
    assert "interven" not in str(app.query_params)


@pytest.mark.parametrize("written", ["0", "7", "3-1", "two", "1-", "1;;2", "-3", "1" * 30, "٣"])
def test_units_that_can_not_be_read_are_met_with_one_sentence(written: str) -> None:
    app = paused()
    app.text_input(key="intervene.units").set_value(written).run()
    app = add(app)
    assert not app.exception and not on(app)
    assert len(app.error) == 1 and app.error[0].value.startswith("Units:")
    app.text_input(key="intervene.units").set_value("all").run()
    assert on(add(app)) and not app.error


def test_units_are_written_as_numbers_and_ranges() -> None:
    assert unit_numbers("all", 8) is None and unit_numbers(" ", 8) is None
    assert unit_numbers("1-3, 8,5–6", 8) == (1, 2, 3, 5, 6, 8)
    with pytest.raises(ExperimentError, match="there are 1 to 8"):
        unit_numbers("9", 8)


def test_what_no_longer_fits_is_dropped_with_a_sentence() -> None:
    app = paused()
    app.text_input(key="intervene.units").set_value("6").run()
    app = add(app)
    app.text_input(key="intervene.units").set_value("2").run()
    app = add(app)
    app.button(key="edit.set").click().run()
    app.run()  # all of the page: so far the popover and the chart alone have been drawn anew
    app.slider(key="hidden_size").set_value(4).run()
    assert [each.intervention.units for each in on(app)] == [(2,)]
    assert "Released what no longer fits: Forget gate held at 0 (unit 6)." in [each.value for each in app.toast]
    app.slider(key="length").set_value(20).run()
    assert len(on(app)) == 1 and app.session_state["kept.edits"] is None
    assert any("the edited input" in each.value for each in app.toast)
    app.pills(key="cells").set_value(["rnn"]).run()
    assert not on(app) and not app.exception and not app.error
    assert "hold" not in app.selectbox(key="intervene.kind").options


def test_the_input_is_edited_and_the_sum_that_is_wanted_follows() -> None:
    app = paused()
    setup = app.session_state["kept.setup"]
    assert isinstance(setup, Setup)
    batch = app.session_state["kept.playground.run"].lanes[0].recording.batch
    marked = int(np.flatnonzero(batch.inputs[:, 0, 1])[0]) + 1
    app.slider(key="edit.step 1 0 12").set_value(marked).run()
    app.slider(key=f"edit.value 1 0 12 {marked} 0").set_value(0.9).run()
    app.button(key="edit.set").click().run()
    assert not app.exception
    canvas = app.session_state["kept.playground.figure"][1].canvas
    wanted = 0.9 + batch.targets[-1, 0, 0] - batch.inputs[marked - 1, 0, 0]
    titles = [label.html for label in canvas.labels if "wanted" in label.html]
    assert len(titles) == 2 and all(f"wanted {wanted:.2f}" in title for title in titles)
    app.selectbox(key="edit.channel of number,mark").select("mark").run()
    start = next(each.value for each in app.select_slider if each.label == "Marker at step")
    app.slider(key=f"edit.to 1 1 12 {start} 1").set_value(12).run()
    app.button(key="edit.move").click().run()
    assert not app.exception and "Edited input" in says(app)
    edits = app.session_state["kept.edits"][1]
    assert [(each.step, each.channel, each.value) for each in edits[1:]] == [(start, 2, 0.0), (12, 2, 1.0)]
    app.button(key="intervene.release").click().run()
    assert app.session_state["kept.edits"] is None


@pytest.mark.parametrize("task", ["recall", "parity", "series", "timer", "cycle"])
def test_every_kind_of_input_can_be_edited(task: str) -> None:
    app = paused(f"task={task}&length=12&cells=rnn,gru,lstm&steps=40")
    assert not any("drag a point" in each.value for each in app.caption), "its chart shows no points of the input"
    app.button(key="edit.set").click().run()
    assert not app.exception and not app.error and app.session_state["kept.edits"]


def test_interventions_in_words() -> None:
    assert described(HoldGate("update_gate", 0.5, steps=(3, 3))) == "Update gate held at 0.5 (step 3)"
    assert described(Silence(units=(4,))) == "Unit 4 silenced"
    assert described(Freeze(units=(1, 2, 3, 7), steps=(2, 9))) == "Units 1–3, 7 frozen (steps 2–9)"
    assert described(Flip(state="cell_state")) == "All units, cell state, flipped"
    assert described(AddNoise(0.5, units=(1,), layer=2)) == "Noise of 0.5 added to the hidden state (unit 1, layer 2)"
    assert described(Reset(state="cell_state", steps=(9, 9))) == "Cell state reset (step 9)"
    assert spans((1, 2, 3, 5, 7, 8)) == "1–3, 5, 7–8"


def test_a_metric_before_and_after_in_its_own_words() -> None:
    from engine import TASKS

    assert change(TASKS["adding"].metric, 0.009, 0.31) == "MSE 0.009 → 0.31"
    assert re.fullmatch(r"99.8% → 52% of bits right", change(TASKS["echo"].metric, 0.998, 0.52))
