"""The figures of gradient flow, attribution, clipping and health show the numbers of the analyses, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine import CELLS, Experiment, task_of
from engine.analysis.attribution import attribution, by_output_step
from engine.analysis.clipping import clipped
from engine.analysis.gradient_flow import FlowReport, flow_report, recurrent_radii
from engine.analysis.health import LENGTHS, MAP, RADII, Health, Spot, grid, health_of
from engine.chunks import train_chunk
from engine.executor import Workers
from engine.lane import Lane
from engine.losses import loss_of_batch
from engine.runs import Run
from engine.setup import Setup
from engine.store import ChunkStore
from engine.tasks import Batch
from figures.attribution import Asked, AttributionFigure, Found, Measure
from figures.canvas import TITLE_HEIGHT, Canvas
from figures.clipping import ClippingFigure
from figures.gradient_flow import Chart, GradientFlowFigure
from figures.health_map import color_of, health_canvas, size_of
from figures.lanes import lane_styles
from figures.lines import until_lost
from figures.look import Look
from figures.palette import DARK, LIGHT
from figures.signed import ALARM, DECADES, normalised, symmetric_log

SMALL = Experiment(length=12, hidden_size=6, batch_size=4, steps=5000, clip_norm=0.3)


@pytest.fixture(scope="module")
def store() -> ChunkStore:
    return ChunkStore(Workers(lambda: ThreadPoolExecutor(1)))


def trained(store: ChunkStore, setup: Setup, chunks: int = 2) -> Run:
    run = Run(store, setup.experiments)
    run.next_frame(0)
    for _ in range(chunks):
        assert run.next_frame(60)
    return run


def report_of(lane: Lane, sequence: int = 0) -> FlowReport | None:
    if not CELLS[lane.experiment.cell].states:
        return None
    one = np.s_[:, sequence : sequence + 1]
    recording = lane.recording
    batch = Batch(recording.inputs[one], recording.targets[one], recording.target_mask[one])
    _, grad = loss_of_batch(lane.task.loss, recording.outputs[one].astype(float), batch)
    return flow_report(lane.experiment, lane.chunk.state.parameters, recording.inputs[:, sequence], grad[:, 0])


def radii_of(lane: Lane) -> dict[int, np.ndarray]:
    if not CELLS[lane.experiment.cell].states:
        return {}
    return {step: recurrent_radii(lane.experiment, lane.moments[step]) for step in lane.moments.steps}


def shown(run: Run, look: Look, sequence: int = 0) -> Canvas:
    lanes = run.lanes if not look.narrow else run.lanes[:1]
    figure = GradientFlowFigure(lane_styles([lane.experiment for lane in lanes], look.theme), look)
    reports, radii = [report_of(lane, sequence) for lane in lanes], [radii_of(lane) for lane in lanes]
    return figure.show(list(lanes), reports, radii, 500)


def traces(canvas: Canvas, says: str) -> list[dict[str, Any]]:
    return [trace for trace in canvas.data if says in trace.get("hovertemplate", "")]


def test_symmetric_log_counted_by_hand() -> None:
    values = np.array([0, 1, -1, 1e-8, -1e-4, 1e5, 1e-30, np.nan, np.inf, -np.inf])
    expected = [0, 8, -8, 0, -4, 8, 0, ALARM, ALARM, ALARM]
    np.testing.assert_allclose(symmetric_log(values), expected, atol=1e-6)


def test_rows_are_divided_by_their_largest() -> None:
    values = np.array([[1.0, -4, 2], [0, 0, 0], [np.nan, 3, -1]])
    expected = [[0.25, -1, 0.5], [0, 0, 0], [ALARM / DECADES, 1, -1 / 3]]
    np.testing.assert_allclose(normalised(values), expected, rtol=1e-6)


def test_a_line_ends_where_it_is_no_longer_known() -> None:
    x = np.arange(4.0)
    np.testing.assert_array_equal(until_lost(x, np.array([0, 1, np.nan, np.nan])), [[0, 1, 1, 1], [1, 10, 10, 10]])
    np.testing.assert_allclose(until_lost(x, np.array([0, -np.inf, np.inf, -400]))[1], [1, 1e-30, 1e30, 1e-30])
    assert (until_lost(x, np.full(4, np.nan))[1] < 1e-29).all()


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_maps_hold_the_gradient_of_the_sequences_own_loss(store: ChunkStore, cell: str) -> None:
    run = trained(store, Setup(SMALL, (cell,)))
    canvas = shown(run, Look(LIGHT, sequence=2), sequence=2)
    recording = run.lanes[0].recording
    for symbol, field in [("h", "hidden_state_grad")] + ([("c", "cell_state_grad")] if cell == "lstm" else []):
        (heatmap,) = traces(canvas, f"∂L/∂{symbol}, unit")
        own = 4 * getattr(recording, field)[:, 2].astype(float)
        expected = np.sign(own) * np.clip(np.log10(np.abs(own)) + 8, 0, 8)
        np.testing.assert_allclose(heatmap["z"], expected.T, rtol=1e-5, atol=1e-5)
        assert heatmap["zmin"] == -heatmap["zmax"] == -ALARM
        assert ["0.5", LIGHT.background] in [[f"{at:g}", color] for at, color in heatmap["colorscale"]]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_lines_are_the_norms_and_the_logarithms_of_the_report(store: ChunkStore, cell: str) -> None:
    run = trained(store, Setup(SMALL, (cell,)))
    canvas, report = shown(run, Look(LIGHT)), report_of(run.lanes[0])
    assert report is not None
    (every,) = traces(canvas, "all ways, k")
    np.testing.assert_allclose(every["y"], np.linalg.norm(report.ways.all_ways, axis=1), rtol=1e-5)
    (norm,), (bound,) = traces(canvas, "norm, %{x} back"), traces(canvas, "bound, %{x} back")
    np.testing.assert_allclose(norm["y"], 10 ** report.reach.singular[::-1, 0], rtol=1e-4)
    np.testing.assert_allclose(bound["y"], 10 ** report.reach.bound[::-1], rtol=1e-4)
    if cell == "rnn":
        assert not traces(canvas, "share along") and any("no highway" in label.html for label in canvas.labels)
    else:
        symbol = "h" if cell == "gru" else "c"
        assert report.ways.highway is not None and report.ways.share is not None
        (strip,), (alone,) = traces(canvas, "share along"), traces(canvas, f"along {symbol} alone")
        np.testing.assert_allclose(strip["z"][0], report.ways.share, rtol=1e-5)
        np.testing.assert_allclose(alone["y"], np.linalg.norm(report.ways.highway, axis=1), rtol=1e-5)
        assert any(f"{report.ways.share[0]:.0%} at k = 1" in label.html for label in canvas.labels)
    radii = traces(canvas, "ρ = ")
    steps = run.lanes[0].moments.steps
    for block, line in enumerate(radii):
        np.testing.assert_array_equal(line["x"], steps)
        own = replace(SMALL, cell=cell)
        expected = [recurrent_radii(own, run.lanes[0].moments[step])[block] for step in steps]
        np.testing.assert_allclose(line["y"], expected, rtol=1e-5)
    assert len(radii) == {"rnn": 1, "gru": 3, "lstm": 4}[cell]


def test_clipped_steps_are_marked_where_they_were(store: ChunkStore) -> None:
    run = trained(store, Setup(SMALL, ("lstm",)), 12)
    lane = run.lanes[0]
    canvas = shown(run, Look(DARK))
    (strip,), (level,), (line,) = (traces(canvas, each) for each in ("steps clipped", "clipped at", "gradient norm"))
    events = lane.norms.values > 0.3
    assert events.any() and not events.all()
    edges = np.linspace(0, 500, len(strip["z"][0]) + 1)
    for number, share in enumerate(strip["z"][0]):
        inside = events[int(np.ceil(edges[number])) : int(np.ceil(edges[number + 1]))]
        assert np.isnan(share) if not len(inside) else share == pytest.approx(inside.mean())
    np.testing.assert_allclose(level["y"], 0.3, rtol=1e-6)
    np.testing.assert_allclose(line["y"][:5], lane.norms.curve(200)[1][:5], rtol=1e-5)
    assert any(f"{events.mean():.0%} of steps clipped" in label.html for label in canvas.labels)


def test_the_clipping_figure_stands_for_both_networks(store: ChunkStore) -> None:
    experiments = (replace(SMALL, clip_norm=None), SMALL)
    run = Run(store, experiments)
    run.next_frame(0)
    assert run.next_frame(60)
    for look in (Look(LIGHT), Look(DARK, narrow=True)):
        figure = ClippingFigure(lane_styles(experiments, look.theme, ("Free", "Clipped")), look)
        canvas = figure.show(run)
        assert canvas.figure().data
        says = " ".join(label.html for label in canvas.labels)
        share = clipped(SMALL, run.lanes[1].norms.values).mean()
        assert "no clipping" in says and f"{share:.0%} of steps clipped" in says


@pytest.mark.parametrize("measure", Measure)
def test_attribution_rows_are_the_moments_each_by_its_largest(store: ChunkStore, measure: Measure) -> None:
    run = trained(store, Setup(replace(SMALL, task="echo"), ("gru",)), 3)
    lane = run.lanes[0]
    inputs, steps = lane.recording.inputs[:, 1], lane.moments.steps
    rows = {step: attribution(lane.experiment, lane.moments[step], inputs, 9, 0).gradient for step in steps}
    at = (6, 9, 12)
    every = by_output_step(lane.experiment, lane.chunk.state.parameters, inputs, at, 0).gradient
    asked = Asked(9, "echo", measure, many=True)
    look = Look(LIGHT, sequence=1)
    figure = AttributionFigure(lane_styles((lane.experiment,), LIGHT), look, asked)
    canvas = figure.show([lane], [Found(rows, rows[steps[-1]], every, at, inputs)], 250)
    canvas.figure()

    def measured(gradient: np.ndarray) -> np.ndarray:
        if measure is Measure.STRENGTH:
            return np.linalg.norm(gradient, axis=-1)
        return np.asarray((gradient * inputs).sum(axis=-1))

    (heatmap,), (pairs,) = traces(canvas, "training step %{y"), traces(canvas, "output at")
    for step, row in zip(np.linspace(0, 250, 64), heatmap["z"], strict=True):
        if step > lane.step:
            assert np.isnan(row).all()
        else:
            last = max(each for each in steps if each <= step)
            values = measured(rows[last])
            np.testing.assert_allclose(row, values / max(np.abs(values).max(), 1e-300), atol=1e-5)
    for number in range(1, 13):
        row = pairs["z"][number - 1]
        if number in at:
            values = measured(every[at.index(number)])
            np.testing.assert_allclose(row, values / max(np.abs(values).max(), 1e-300), atol=1e-5)
        else:
            assert np.isnan(row).all()
    (now,) = traces(canvas, "t = %{x}: %{y:.3g}")
    np.testing.assert_allclose(now["y"], measured(rows[steps[-1]]), rtol=1e-5, atol=1e-7)


def test_nothing_known_yet_and_no_numbers_any_more_are_both_drawn(store: ChunkStore) -> None:
    run = trained(store, Setup(SMALL, ("lstm",)), 1)
    lane, styles = run.lanes[0], lane_styles((SMALL,), LIGHT)
    inputs = lane.recording.inputs[:, 0]
    flow = GradientFlowFigure(styles, Look(LIGHT))
    assert flow.show([lane], [None], [{}], 250).figure().data
    figure = AttributionFigure(styles, Look(LIGHT), Asked(12, "sum", Measure.CONTRIBUTION))
    assert figure.show([lane], [Found({}, None, None, (12,), inputs)], 250).figure().data
    lost = np.full((12, 2), np.nan)
    canvas = figure.show([lane], [Found({0: lost}, lost, None, (12,), inputs)], 250)
    assert any("no numbers" in label.html for label in canvas.labels)
    assert (traces(canvas, "training step %{y")[0]["z"][0] == np.float32(ALARM / DECADES)).all()
    parameters = {name: value * np.nan for name, value in lane.chunk.state.parameters.items()}
    report = flow_report(SMALL, parameters, inputs, np.ones((12, 1)))
    nothing = {0: recurrent_radii(SMALL, parameters)}
    assert flow.show([lane], [report], [nothing], 250).figure().data


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_network_that_diverges_is_drawn_up_to_the_end(cell: str) -> None:
    wild = Experiment(
        task="adding", cell=cell, length=8, hidden_size=4, activation="identity", optimizer="sgd", learning_rate=10,
        clip_norm=None, layers=2,
    )  # fmt: skip
    lane, styles, look = Lane(wild), lane_styles((wild,), LIGHT), Look(LIGHT, layer=1)
    flow = GradientFlowFigure(styles, look)
    asked = AttributionFigure(styles, look, Asked(8, "sum", Measure.CONTRIBUTION))
    while not lane.diverged and lane.step < 60:
        lane.show(train_chunk(wild, lane.chunk.state, 1))
        with np.errstate(all="ignore"):
            report = report_of(lane)
        assert flow.show([lane], [report], [radii_of(lane)], 250).data
        inputs, steps = lane.recording.inputs[:, 0], lane.moments.steps
        rows = {step: attribution(wild, lane.moments[step], inputs, 8, 0).gradient for step in steps}
        assert asked.show([lane], [Found(rows, rows[steps[-1]], None, (8,), inputs)], 250).data
    assert lane.diverged


@pytest.mark.parametrize("cells", [("rnn",), ("rnn", "lstm"), ("rnn", "gru", "lstm"), ("lstm", "window")])
@pytest.mark.parametrize("narrow", [False, True])
def test_panels_do_not_overlap(cells: tuple[str, ...], narrow: bool) -> None:
    look = Look(LIGHT, narrow=narrow)
    styles = lane_styles(Setup(replace(SMALL, task="echo"), cells).experiments, LIGHT)
    figures = [
        GradientFlowFigure(styles, look).canvas,
        GradientFlowFigure(styles, look, (Chart.MAPS, Chart.REACH)).canvas,
        AttributionFigure(styles[:1] if narrow else styles, look, Asked(9, "echo", Measure.STRENGTH, True)).canvas,
        ClippingFigure(styles, look).canvas,
    ]
    for canvas in figures:
        boxes = []
        for name, axis in canvas.layout.items():
            if name.startswith("xaxis"):
                across, up = axis["domain"], canvas.layout["y" + name[1:]]["domain"]
                assert 0 <= across[0] < across[1] <= 1 and 0 <= up[0] < up[1] <= 1, name
                title = canvas.height * (1 - up[1]) - TITLE_HEIGHT + 1
                titled = any(label.html and abs(label.y - title) < 1 for label in canvas.labels)
                boxes.append((*across, up[0], up[1] + titled * (TITLE_HEIGHT - 2) / canvas.height))
        for number, one in enumerate(boxes):
            for other in boxes[number + 1 :]:
                beside = one[1] <= other[0] + 1e-9 or other[1] <= one[0] + 1e-9
                assert beside or one[3] <= other[2] or other[3] <= one[2]


@pytest.mark.parametrize("narrow", [False, True])
def test_the_map_has_each_spot_at_its_place_and_blanks_for_the_rest(narrow: bool) -> None:
    spots = grid(MAP, RADII, LENGTHS)
    known = {0: -55.0, 1: -2.5, len(RADII): 0.3, len(RADII) + 1: 9.0, 5: float("nan")}
    spots = [Spot(each.experiment, known.get(number)) for number, each in enumerate(spots)]
    canvas = health_canvas(Look(DARK, narrow=narrow), RADII, LENGTHS, spots, spots[3])
    heatmap = canvas.data[0]
    for number, spot in enumerate(spots):
        place = divmod(number, len(RADII))
        value = heatmap["z"][place]
        assert heatmap["x"][place[1]] == f"{spot.experiment.spectral_radius:g}"
        assert heatmap["y"][place[0]] == str(spot.experiment.length)
        assert np.isnan(value) == (number not in known)
        assert bool(heatmap["text"][place[0]][place[1]]) == (number in known)
    assert canvas.data[1]["x"] == [f"{spots[3].experiment.spectral_radius:g}"]
    canvas.figure()


def test_colours_and_powers_of_the_map() -> None:
    assert color_of(0) == color_of(-2) == color_of(2) == 0
    assert -2 == color_of(-50) < color_of(-3) < -1 < 1 < color_of(3) < color_of(50) == 2
    assert color_of(np.nan) == 3 and health_of(np.nan) is Health.EXPLODING
    assert [size_of(each) for each in (None, -55.2, 0.3, -0.2, 2.99, np.inf, -np.inf, np.nan)] == [
        "", "6·10<sup>−56</sup>", "2·10<sup>0</sup>", "6·10<sup>−1</sup>", "1·10<sup>3</sup>", "∞", "0", "?",
    ]  # fmt: skip


def test_every_task_can_be_explained(store: ChunkStore) -> None:
    for name in ("recall", "waves", "attractors", "series"):
        experiment = replace(SMALL, task=name, cell="lstm")
        lane = Lane(experiment)
        asked = Asked(12, task_of(experiment).outputs[0], Measure.CONTRIBUTION, many=True)
        figure = AttributionFigure(lane_styles((experiment,), LIGHT), Look(LIGHT), asked)
        inputs = lane.recording.inputs[:, 0]
        now = attribution(experiment, lane.chunk.state.parameters, inputs, 12, 0).gradient
        assert figure.show([lane], [Found({0: now}, now, None, (12,), inputs)], 250).figure().data
