"""One unit by itself: the figure, the diagram with its numbers, and how a viewer chooses the unit."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from engine import CELLS, Experiment, advance, initial_state, record
from engine.analysis.unit import GRUNumbers, LSTMNumbers, Place, RNNNumbers, numbers_at
from engine.analysis.weights import incoming, outgoing
from engine.lane import Lane
from figures.cell_diagram import diagram_svg, number
from figures.lanes import lane_styles
from figures.look import Look
from figures.palette import DARK, LIGHT, mix
from figures.unit import UnitFigure
from tests.test_pages import opened
from ui.live_chart import Click
from ui.views import VIEWS
from ui.views.choice import network_at

SMALL = Experiment(task="echo", length=9, hidden_size=5, batch_size=4, learning_rate=0.02, steps=400, seed=3)
RECURRENT = ("rnn", "gru", "lstm")


class Standing:
    """Stands in for a run of one network that has been looked at after 0, 10, 20 and 30 steps."""

    def __init__(self, **settings: Any) -> None:
        experiment = replace(SMALL, **settings)
        lane, state = Lane(experiment), initial_state(experiment)
        for _ in range(3):
            state = advance(experiment, state, 10)[0]
            lane.moments.append(state.step, state.parameters)
        lane.chunk = replace(lane.chunk, state=state, recording=record(experiment, state))
        self.lanes, self.step = (lane,), 30


def heatmaps(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in data if each["type"] == "heatmap"]


# --- the figure ---


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("cell", [*RECURRENT, "window"])
def test_the_figure_shows_the_unit_over_time_and_over_training(cell: str, narrow: bool) -> None:
    run = Standing(cell=cell, layers=2, window=2)
    (lane,) = run.lanes
    place = Place(1, 2, 3, 4)
    (style,) = lane_styles([lane.experiment], LIGHT)
    canvas = UnitFigure(style, Look(LIGHT, narrow=narrow), place).show(run)  # type: ignore[arg-type]
    trace = lane.recording.layers[1]
    maps = heatmaps(canvas.data)
    np.testing.assert_array_equal(maps[0]["z"], trace.hidden_state[:, 2].T)
    assert maps[0]["meta"] == 0
    curves = [each for each in canvas.data if each["type"] == "scatter" and "t = " in str(each.get("hovertemplate"))]
    lines = {each["hovertemplate"].split(",")[0]: each["y"] for each in curves}
    np.testing.assert_array_equal(lines.pop("h"), trace.hidden_state[:, 2, 3])
    for panel in CELLS[cell].panels:
        np.testing.assert_array_equal(lines.pop(panel.symbol), getattr(trace, panel.field)[:, 2, 3])
    if lines:
        heard = lines.pop("W x") + lines.pop("U h")
        bias = incoming(lane.experiment, lane.chunk.state.parameters, 1, 3).bias[0]
        assert np.abs(np.tanh(heard + bias) - trace.hidden_state[:, 2, 3]).max() < 1e-5
    blocks = CELLS[cell].blocks
    for shown in maps[1 : 1 + 2 * blocks]:
        times = shown["x"]
        for step, parameters in ((0, initial_state(lane.experiment).parameters), (30, lane.chunk.state.parameters)):
            column = np.flatnonzero(times <= step)[-1]
            which = next(number for number, each in enumerate(maps[1:]) if each is shown)
            if which < blocks:
                rows = incoming(lane.experiment, parameters, 1, 3)
                first, own = rows.input[which], rows.recurrent[which]
            else:
                away = outgoing(lane.experiment, parameters, 1, 3)
                first = away.readout if which == blocks else np.full_like(away.readout, np.nan)
                own = away.recurrent[which - blocks]
            expected = np.concatenate([first, [np.nan] if own.size else [], own])
            np.testing.assert_allclose(shown["z"][:, column], expected, atol=1e-7)
        assert np.isnan(shown["z"][:, times > 30]).all(), "nothing is said of steps to come"


def test_a_unit_of_a_lower_layer_is_heard_by_the_layer_above() -> None:
    run = Standing(cell="gru", layers=2)
    (style,) = lane_styles([run.lanes[0].experiment], DARK)
    canvas = UnitFigure(style, Look(DARK), Place(0, 0, 1, 9)).show(run)  # type: ignore[arg-type]
    shown = heatmaps(canvas.data)[-1]
    away = outgoing(run.lanes[0].experiment, run.lanes[0].chunk.state.parameters, 0, 1)
    column = np.flatnonzero(shown["x"] <= 30)[-1]
    np.testing.assert_allclose(shown["z"][:, column], [*away.above[2], np.nan, *away.recurrent[2]], atol=1e-7)


def test_a_clamped_unit_has_no_weights_to_show() -> None:
    run = Standing(cell="lstm", input_way="clamped")
    (style,) = lane_styles([run.lanes[0].experiment], DARK)
    canvas = UnitFigure(style, Look(DARK), Place(0, 0, 4, 9)).show(run)  # type: ignore[arg-type]
    assert all(np.isnan(each["z"]).all() for each in heatmaps(canvas.data)[1:])


# --- the diagram ---


def numbers_of(cell: str, step: int = 5, unit: int = 2) -> Any:
    run = Standing(cell=cell)
    (lane,) = run.lanes
    return numbers_at(lane.experiment, lane.chunk.state.parameters, lane.recording, Place(0, 1, unit, step)), lane


def shown_in(svg: str) -> dict[str, float]:
    """Name → value of everything that a diagram says beside its wires."""
    found: dict[str, float] = {}
    for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        values = [each.text for each in text.iter("{http://www.w3.org/2000/svg}tspan") if each.get("class") == "v"]
        if values and values[0]:
            name = "".join(text.itertext()).replace(values[0], "").strip()
            found[name] = float(values[0].replace("−", "-"))
    return found


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("unit", range(5))
def test_the_lstms_lines_carry_the_recorded_numbers_and_they_add_up(unit: int, narrow: bool) -> None:
    numbers, lane = numbers_of("lstm", unit=unit)
    assert isinstance(numbers, LSTMNumbers)
    shown = shown_in(diagram_svg(LIGHT, LIGHT.hue("lstm"), numbers, "Unit", narrow))
    trace, at = lane.recording.layers[0], (4, 1, unit)
    for name, recorded in (
        ("ft", trace.forget_gate[at]), ("it", trace.input_gate[at]), ("gt", trace.cell_candidate[at]),
        ("ot", trace.output_gate[at]), ("ct", trace.cell_state[at]), ("ht", trace.hidden_state[at]),
        ("ct−1", trace.cell_state[3, 1, unit]),
    ):  # fmt: skip
        assert shown[name] == pytest.approx(recorded, abs=5.1e-4)
    rounding = 1e-3 * 2
    assert shown["ct"] == pytest.approx(shown["ft"] * shown["ct−1"] + shown["it"] * shown["gt"], abs=rounding)
    assert shown["ct"] == pytest.approx(shown["f ct−1"] + shown["i g"], abs=rounding)
    assert shown["ht"] == pytest.approx(shown["ot"] * np.tanh(shown["ct"]), abs=rounding)
    assert numbers.cell == pytest.approx(
        numbers.forget * numbers.cell_before + numbers.input * numbers.candidate, abs=1e-6
    )


def test_the_grus_and_the_rnns_lines_add_up_too() -> None:
    numbers, lane = numbers_of("gru")
    assert isinstance(numbers, GRUNumbers)
    shown = shown_in(diagram_svg(DARK, DARK.hue("gru"), numbers, "Unit"))
    assert shown["ht"] == pytest.approx(shown["zt"] * shown["ht−1"] + (1 - shown["zt"]) * shown["nt"], abs=2e-3)
    assert shown["r (U h + b)"] == pytest.approx(shown["rt"] * shown["U h + b"], abs=2e-3)
    assert shown["zt"] == pytest.approx(lane.recording.layers[0].update_gate[4, 1, 2], abs=5.1e-4)
    numbers, lane = numbers_of("rnn")
    assert isinstance(numbers, RNNNumbers)
    shown = shown_in(diagram_svg(DARK, DARK.hue("rnn"), numbers, "Unit"))
    assert shown["zt"] == pytest.approx(shown["U ht−1"] + shown["W xt"] + shown["b"], abs=2e-3)
    assert shown["ht"] == pytest.approx(np.tanh(shown["zt"]), abs=2e-3)
    assert shown["ht"] == pytest.approx(lane.recording.layers[0].hidden_state[4, 1, 2], abs=5.1e-4)


@pytest.mark.parametrize("cell", RECURRENT)
def test_the_diagram_is_valid_within_its_frame_and_names_the_gates(cell: str) -> None:
    for theme in (LIGHT, DARK):
        for narrow in (False, True):
            svg = diagram_svg(theme, theme.hue(cell), numbers_of(cell)[0], "The cell of the network", narrow)
            root = ElementTree.fromstring(svg)
            width, height = float(root.get("width") or 0), float(root.get("height") or 0)
            for each in root.iter():
                for name, end in (("x", width), ("cx", width), ("y", height), ("cy", height)):
                    assert 0 <= float(each.get(name) or 0) <= end
            words = " ".join(root.itertext())
            named = {"lstm": ("forget gate", "input gate", "output gate", "tanh"), "gru": ("reset gate", "update gate")}
            assert all(name in words for name in named.get(cell, ("new state",)))
            assert root.get("aria-label") == "The cell of the network"


def test_what_is_not_a_number_is_a_dash() -> None:
    assert [number(value) for value in (float("nan"), float("inf"), -0.5, 0.1234)] == ["–", "–", "−0.500", "0.123"]
    run = Standing(cell="lstm", input_way="clamped")
    (lane,) = run.lanes
    numbers = numbers_at(lane.experiment, lane.chunk.state.parameters, lane.recording, Place(0, 0, 4, 3))
    svg = diagram_svg(LIGHT, LIGHT.hue("lstm"), numbers, "Unit")
    assert "nan" not in svg.lower() and len(re.findall(">–<", svg)) > 5


def test_gates_open_by_colour() -> None:
    numbers, _ = numbers_of("lstm")
    shut, open_ = (diagram_svg(LIGHT, "#0064a6", replace(numbers, forget=value), "Unit") for value in (0.0, 1.0))
    assert "fill='#ffffff' stroke='#0064a6'" in shut
    assert f"fill='{mix('#ffffff', '#0064a6', 0.75)}' stroke='#0064a6'" in open_


# --- the view ---


def figure_shown(app: Any) -> UnitFigure:
    figure = app.session_state["kept.playground.figure"][1]
    assert isinstance(figure, UnitFigure)
    return figure


def test_the_unit_and_step_are_chosen_by_widgets() -> None:
    app = opened("cells=rnn,lstm&length=8&hidden_size=4&steps=20&layers=2")
    app.selectbox(key="view").select("unit").run()
    assert not app.exception and not app.error
    assert figure_shown(app).place == Place(1, 0, 0, 8) and figure_shown(app).style.title == "RNN"
    app.selectbox(key="network of 2").select(1).run()
    app.number_input(key="unit number").set_value(3).run()
    app.slider(key="unit step of 8").set_value(5).run()
    app.segmented_control(key="layer of 2").set_value(1).run()
    assert not app.exception and not app.error
    assert figure_shown(app).place == Place(0, 0, 2, 5) and figure_shown(app).style.title == "LSTM"
    app.slider(key="hidden_size").set_value(2).run()
    assert not app.exception and not app.error
    assert figure_shown(app).place.unit == 1, "the last unit that there is"


def test_a_click_in_the_overview_is_about_a_network_only_on_rows_of_its_units() -> None:
    app = opened("cells=rnn,lstm&length=8&hidden_size=4&steps=20")
    canvas = app.session_state["kept.playground.figure"][1].canvas
    assert VIEWS["overview"].clickable
    found = [network_at(canvas, Click(number, 1, "1")) for number in range(len(canvas.data))]
    assert (found.count(0), found.count(1)) == (1, 5), "the RNN's states; the LSTM's states, gates and cell states"
    for network, trace in zip(found, canvas.data, strict=True):
        assert (network is not None) == (trace["type"] == "heatmap" and "unit %{y}" in trace["hovertemplate"])


def test_a_click_elsewhere_chooses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from ui import session

    run = Standing(cell="rnn")
    (style,) = lane_styles([run.lanes[0].experiment], LIGHT)
    figure = UnitFigure(style, Look(LIGHT), Place(0, 0, 0, 1))
    monkeypatch.setattr(session, "kept_now", lambda name: figure)
    monkeypatch.setattr(session, "insist", lambda values: pytest.fail("it has chosen something"))
    scatter = next(number for number, each in enumerate(figure.canvas.data) if each["type"] == "scatter")
    VIEWS["unit"].on_click(None, run, Click(scatter, 1, 1))  # type: ignore[arg-type]
    VIEWS["overview"].on_click(None, run, Click(scatter, 1, 1))  # type: ignore[arg-type]
