"""The figures show the numbers of the recording, at the right places, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from engine import CELLS, TASKS, Experiment, initial_state, record, task_of
from engine.executor import Workers
from engine.lane import gradient_norms
from engine.runs import Run
from engine.setup import Setup
from engine.store import ChunkStore
from figures.canvas import TITLE_HEIGHT, Canvas
from figures.guide import guide_for
from figures.lanes import lane_styles
from figures.look import Look
from figures.palette import DARK, LIGHT, Theme, mix
from figures.rows import GRADIENT_RANGE
from figures.training import TrainingFigure
from ui.payload import decode, encode

SMALL = Experiment(length=12, hidden_size=6, batch_size=4, steps=5000)


@pytest.fixture(scope="module")
def store() -> ChunkStore:
    return ChunkStore(Workers(lambda: ThreadPoolExecutor(1)))


def figure_of(experiments: tuple[Experiment, ...], look: Look) -> TrainingFigure:
    """The figure of a run, as the playground lays it out."""
    return TrainingFigure(lane_styles(experiments, look.theme), look)


def trained(store: ChunkStore, setup: Setup, chunks: int = 2) -> Run:
    """A run of `setup` that has gone some chunks on."""
    run = Run(store, setup.experiments)
    run.next_frame(0)
    for _ in range(chunks):
        assert run.next_frame(60)
    return run


def heatmap_named(canvas: Canvas, name: str, number: int = 0) -> dict[str, object]:
    """The `number`-th heatmap whose hover text begins with `name`."""
    found = [each for each in canvas.data if each["type"] == "heatmap" and each["hovertemplate"].startswith(name)]
    return dict(found[number])


@pytest.mark.parametrize("cell", list(CELLS))
def test_heatmaps_hold_states_and_gates_units_by_time(store: ChunkStore, cell: str) -> None:
    run = trained(store, Setup(SMALL, (cell,)))
    canvas = figure_of(run.experiments, Look(LIGHT, sequence=2)).show(run)
    recording = run.lanes[0].recording
    for field, title in [("hidden_state", "Hidden state"), *((each.field, each.title) for each in CELLS[cell].panels)]:
        heatmap = heatmap_named(canvas, title)
        np.testing.assert_array_equal(heatmap["z"], getattr(recording, field)[:, 2].T)
        assert heatmap["y"] == [str(unit) for unit in range(1, 7)]
        np.testing.assert_array_equal(heatmap["x"], np.arange(1, 13))


def test_gates_run_from_nothing_to_one_and_states_are_centred_on_zero(store: ChunkStore) -> None:
    run = trained(store, Setup(SMALL, ("lstm",)), 0)
    for theme in (LIGHT, DARK):
        canvas = figure_of(run.experiments, Look(theme)).show(run)
        gate, state = heatmap_named(canvas, "Forget gate"), heatmap_named(canvas, "Hidden state")
        assert (gate["zmin"], gate["zmax"], gate["colorscale"][0]) == (0, 1, [0.0, theme.background])  # type: ignore[index]
        assert (state["zmin"], state["zmax"], state["colorscale"][2]) == (-1, 1, [0.5, theme.background])  # type: ignore[index]


def test_units_sorted_by_activity_keep_their_numbers(store: ChunkStore) -> None:
    run = trained(store, Setup(SMALL, ("gru",)))
    canvas = figure_of(run.experiments, Look(LIGHT, by_activity=True)).show(run)
    states = run.lanes[0].recording.hidden_state[:, 0]
    activity = np.abs(states).mean(axis=0)
    heatmap = heatmap_named(canvas, "Hidden state")
    order = [int(unit) - 1 for unit in heatmap["y"]]  # type: ignore[attr-defined]
    assert list(activity[order]) == sorted(activity, reverse=True)
    np.testing.assert_array_equal(heatmap["z"], states.T[order])


def test_gradient_lines_are_the_norms_of_each_sequences_own_loss(store: ChunkStore) -> None:
    run = trained(store, Setup(SMALL, ("rnn", "lstm")))
    canvas = figure_of(run.experiments, Look(LIGHT, sequence=1)).show(run)
    lines = [each for each in canvas.data if "‖∂L/∂h‖" in each.get("hovertemplate", "")]
    for lane, line in zip(run.lanes, lines, strict=True):
        own_loss = 4 * np.linalg.norm(lane.recording.hidden_state_grad[:, 1].astype(float), axis=-1)
        np.testing.assert_allclose(line["y"], own_loss, rtol=1e-5)
        np.testing.assert_allclose(gradient_norms(lane.recording)[-1, :, 1], own_loss, rtol=1e-12)


def test_gradient_reach_has_a_row_for_each_moment_and_none_for_the_future(store: ChunkStore) -> None:
    run = trained(store, Setup(SMALL, ("rnn",)))
    canvas = figure_of(run.experiments, Look(LIGHT)).show(run)
    reach = heatmap_named(canvas, "training step")
    rows, z = np.asarray(reach["y"]), np.asarray(reach["z"])
    past = rows <= run.step
    assert past.any() and not past.all()
    assert np.isfinite(z[past]).all() and np.isnan(z[~past]).all()
    untrained = record(run.experiments[0], initial_state(run.experiments[0]))
    np.testing.assert_allclose(z[0], np.log10(gradient_norms(untrained)[0, :, 0]), rtol=1e-5)
    recorded = np.log10(run.lanes[0].gradients.norms(0, 0))
    assert all(any(np.allclose(row, seen, rtol=1e-5) for seen in recorded) for row in z[past])
    assert (reach["zmin"], reach["zmax"]) == GRADIENT_RANGE


def test_loss_line_is_the_loss_and_chance_is_drawn(store: ChunkStore) -> None:
    run = trained(store, Setup(SMALL, ("rnn", "lstm")))
    canvas = figure_of(run.experiments, Look(LIGHT)).show(run)
    lines = [each for each in canvas.data if each.get("mode") == "lines" and "loss" in each["hovertemplate"]]
    for lane, line in zip(run.lanes, lines, strict=True):
        block = -(-lane.step // 300)
        block = 1 << (block - 1).bit_length()  # the line's points are means over blocks of 1, 2, 4 … steps
        means = [lane.losses.values[at : at + block].astype(float).mean() for at in range(0, lane.step, block)]
        np.testing.assert_allclose(line["y"], means, rtol=1e-5)
        np.testing.assert_array_equal(line["x"], np.minimum(np.arange(0, lane.step, block) + block, lane.step))
    levels = [shape["y0"] for shape in canvas.layout["shapes"]]
    assert levels == [task_of(SMALL).chance(12).loss, 0.01]


@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize("narrow", [False, True])
def test_every_task_makes_a_valid_figure(store: ChunkStore, task: str, narrow: bool) -> None:
    setup = Setup(replace(SMALL, task=task), ("gru",) if narrow else tuple(CELLS))
    run = trained(store, setup, 1)
    for sequence in range(4):
        canvas = figure_of(setup.experiments, Look(DARK, narrow=narrow, sequence=sequence)).show(run)
        figure = canvas.figure()  # Plotly validates it
        assert len(figure.data) == len(canvas.data)
        assert {label.html for label in canvas.labels} <= {note.text for note in figure.layout.annotations}


def test_the_displayed_sequence_says_what_is_wanted_and_what_is_answered(store: ChunkStore) -> None:
    run = trained(store, Setup(SMALL, ("lstm",)), 1)
    canvas = figure_of(run.experiments, Look(LIGHT, sequence=3)).show(run)
    recording = run.lanes[0].recording
    wanted, answer = recording.targets[-1, 3, 0], recording.outputs[-1, 3, 0]
    assert any(f"wanted {wanted:.2f}" in each.html and f"answers {answer:.2f}" in each.html for each in canvas.labels)


@pytest.mark.parametrize("cells", [("rnn",), ("rnn", "lstm"), tuple(CELLS)])
@pytest.mark.parametrize("narrow", [False, True])
def test_panels_do_not_overlap(store: ChunkStore, cells: tuple[str, ...], narrow: bool) -> None:
    figure = figure_of(Setup(SMALL, cells[:1] if narrow else cells).experiments, Look(LIGHT, narrow=narrow))
    layout = figure.canvas.layout
    boxes = []
    for name, axis in layout.items():
        if name.startswith("xaxis"):
            across, up = axis["domain"], layout["y" + name[1:]]["domain"]
            assert 0 <= across[0] < across[1] <= 1 and 0 <= up[0] < up[1] <= 1
            boxes.append((*across, up[0], up[1] + (TITLE_HEIGHT - 2) / layout["height"]))
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            beside = one[1] <= other[0] or other[1] <= one[0]
            apart = one[3] <= other[2] or other[3] <= one[2]
            assert beside or apart


def test_the_layouts_version_changes_only_with_the_layout(store: ChunkStore) -> None:
    run = trained(store, Setup(SMALL, ("lstm",)), 2)
    figure = figure_of(run.experiments, Look(LIGHT))
    before = figure.show(run).version
    assert figure.show(run).version == before
    figure.canvas.set_axis("xaxis", range=[0, 1])
    assert figure.canvas.version == before + 1


def test_every_chart_has_a_sentence_that_says_what_to_look_for() -> None:
    for cell in CELLS:
        titles = [title for title, _ in guide_for((replace(SMALL, cell=cell),))]
        assert len(titles) == 5 + len(CELLS[cell].panels)
        assert all(sentence.endswith(".") for _, sentence in guide_for((replace(SMALL, cell=cell),)))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_networks_stay_apart_for_the_colour_blind(theme: Theme) -> None:
    """Machado, Oliveira & Fernandes (2009), full severity: the hues stay at a distance of ΔE*ab > 15."""
    simulations = {
        "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
    }
    hues = [theme.hue(cell) for cell in CELLS]
    for matrix in simulations.values():
        seen = [lab(np.array(matrix) @ linear(hue)) for hue in hues]
        for number, one in enumerate(seen):
            for other in seen[number + 1 :]:
                assert np.linalg.norm(one - other) > 15


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_words_stand_out_from_the_background(theme: Theme) -> None:
    """WCAG 2 contrast: 4.5 for text, 3 for lines."""
    assert contrast(theme.ink, theme.background) > 7
    assert contrast(theme.muted, theme.background) > 4.5
    for cell in CELLS:
        assert contrast(theme.hue(cell), theme.background) > 3


def test_mix() -> None:
    assert mix("#000000", "#ffffff", 0.0) == "#000000"
    assert mix("#000000", "#ffffff", 0.5) == "#808080"


def test_payload_round_trip() -> None:
    content = {
        "a": [1, "ä", None, {"z": np.arange(6, dtype=np.float32).reshape(2, 3)}],
        "b": np.arange(3.0),
        "c": np.float32(2),
    }
    back = decode(encode(content))
    np.testing.assert_array_equal(back["a"][3]["z"], content["a"][3]["z"])  # type: ignore[index]
    np.testing.assert_array_equal(back["b"], content["b"])
    assert back["a"][:3] == [1, "ä", None] and back["c"] == 2
    with pytest.raises(TypeError):
        encode({"a": object()})


def linear(color: str) -> np.ndarray:
    """Linear RGB of a hexadecimal colour."""
    channels = np.array([int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) of linear RGB."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(to_xyz @ rgb, 1e-6, None) / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two colours."""
    light, dark = sorted(
        (float(np.array([0.2126, 0.7152, 0.0722]) @ linear(each)) for each in (one, other)), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)
