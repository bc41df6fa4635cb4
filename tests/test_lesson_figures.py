"""Figures of single lessons, on their data: the cell by hand, the phase portrait."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from engine.analysis.decoding import decode
from engine.analysis.dynamics import FixedPoint, principal_plane
from engine.by_hand import ROWS, example_weights, unfold
from engine.lessons import REMEMBERS
from engine.runs import Run
from figures.decoding import DecodingFigure
from figures.lanes import lane_styles
from figures.look import Look
from figures.palette import theme_named
from figures.portrait import portrait_canvas
from figures.unfolding import NARROW, WIDE, Room, cell_svg, chain_svg
from tests.stand_ins import AtOnce, play, store_on, trained

LIGHT = theme_named("light")
SVG = "{http://www.w3.org/2000/svg}"
INPUTS = [1.0, 0.5, -1.0, 0.0]
START = np.zeros(2)


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of every box of a drawing, in its own pixels."""
    places = [
        [float(each.attrib[name]) for name in ("x", "y", "width", "height")]
        for each in ElementTree.fromstring(re.sub("&#160;", " ", svg)).iter(f"{SVG}rect")
    ]
    return [(x, y, x + width, y + height) for x, y, width, height in places]


@pytest.mark.parametrize("room", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("cell", list(ROWS))
def test_the_boxes_of_a_cell_are_inside_the_drawing_and_apart(cell: str, room: Room) -> None:
    steps = unfold(cell, example_weights(cell), INPUTS, START)
    for current in range(len(steps[0])):
        svg = cell_svg(LIGHT, "#123456", steps[0], current, 1.0, START, START, room)
        found = boxes(svg)
        assert len(found) == len(steps[0]) + (3 if cell == "lstm" else 2)
        height = float(ElementTree.fromstring(svg).attrib["height"])
        for number, (left, top, right, bottom) in enumerate(found):
            assert min(left, top) >= 0 and right <= room.width and bottom <= height
            for other in found[number + 1 :]:
                assert left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]


@pytest.mark.parametrize("room", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_chain_shows_the_states_that_are_known_and_no_others(room: Room) -> None:
    states = [np.array([0.1, 0.2]), np.array([0.3, -0.4])]
    svg = chain_svg(LIGHT, "#123456", INPUTS, states, 2, False, room)
    words = [each.text or "" for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert words.count("…") == 3 and any("0.10" in each for each in words) and any("−0.40" in each for each in words)
    assert all(right <= room.width for _, _, right, _ in boxes(svg))
    folded = chain_svg(LIGHT, "#123456", INPUTS, states, 2, True, room)
    assert len(boxes(folded)) == 1


@pytest.mark.parametrize("narrow", [False, True])
def test_what_can_be_read_out_is_shown_for_each_moment_of_a_run_that_nobody_saw(narrow: bool) -> None:
    experiment = replace(REMEMBERS, steps=60)
    run = Run(store_on(AtOnce()), (experiment,))
    play(run)
    figure = DecodingFigure(lane_styles(run.experiments, LIGHT), Look(LIGHT, narrow), 3)
    canvas = figure.show(run)
    (bars,) = (trace for trace in canvas.data if trace["type"] == "bar")
    shown = next(trace for trace in canvas.data if "R² %{z" in trace.get("hovertemplate", ""))
    now = decode(experiment, run.lanes[0].chunk.state.parameters).by_lag
    np.testing.assert_allclose(bars["y"], now, rtol=1e-6)
    rows, steps = np.asarray(shown["z"]), np.asarray(shown["y"])
    moments = np.array(run.film.steps)
    assert len(moments) >= 5
    for row, step in zip(rows, steps, strict=True):
        if step > run.step:
            assert np.isnan(row).all()
            continue
        nearest = int(moments[np.abs(moments - step).argmin()])
        expected = decode(experiment, trained(experiment, nearest).parameters).by_lag
        np.testing.assert_allclose(row, expected, rtol=1e-5, err_msg=f"step {step}")
    past = run.at(int(moments[2]))
    assert np.isnan(np.asarray(next(t for t in figure.show(past).data if t is shown)["z"])[-1]).all()


@pytest.mark.parametrize("narrow", [False, True])
def test_a_portrait_shows_each_fixed_point_and_all_eigenvalues_there(narrow: bool) -> None:
    states = np.random.default_rng(0).normal(size=(10, 6, 3))
    stable = FixedPoint(states[0, 0], np.array([0.5, 0.1j, -0.1j]))
    saddle = FixedPoint(states[1, 0], np.array([1.5, 0.2, -0.3]))
    portrait = ("tanh", "#123456", principal_plane(states), states, states[..., 0] > 0, [stable, saddle])
    canvas = portrait_canvas(Look(LIGHT, narrow), [portrait, portrait])
    shown = [trace for trace in canvas.data if "fixed point" in trace.get("hovertemplate", "")]
    assert [list(trace["text"]) for trace in shown[:2]] == [["0.50"], ["1.50"]]
    values = [trace for trace in canvas.data if "stable point" in trace.get("hovertemplate", "")]
    assert [sorted(trace["x"].astype(float).round(2).tolist()) for trace in values[:2]] == [
        [0, 0, 0.5],
        [-0.3, 0.2, 1.5],
    ]
    assert "unstable" in values[1]["hovertemplate"] and "unstable" not in values[0]["hovertemplate"]
