"""Tasks are what they say: shapes, targets worked out a second way, chance levels measured, and one file each.

The chance level is checked by Monte Carlo: the best predictor that knows the step but not the inputs is found
from many sequences, and its loss and metric are measured.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns

import numpy as np
import pytest

import engine
from engine import TASKS, Batch, Experiment, ExperimentError, Task, advance, initial_state, task_of
from engine.discovery import subclasses_in
from engine.randomness import Stream, generator
from engine.supply import displayed_batch
from engine.tasks import Loss, Picture, Role, Shape, task_named
from engine.tasks.base import Metric
from engine.tasks.echo import Echo
from engine.tasks.recall import NOISE
from engine.tasks.series import BoundSeriesForecast
from engine.tasks.temporal_order import CLASSES, DISTRACTORS
from engine.tasks.waves import HIGHEST, LOWEST

every_task = pytest.mark.parametrize("name", TASKS)
SYNTHETIC = [name for name in TASKS if name != "series"]


def lengths_of(task: Task) -> list[int]:
    """The shortest, the default and the longest."""
    return [task.min_length, task.default_length, task.max_length]


def batch_of(name: str, length: int | None = None, batch_size: int = 64, seed: int = 0) -> Batch:
    """A training batch."""
    task = task_named(name, "el_nino")
    return task.sample(generator(seed, Stream.TRAINING, 0), length or task.default_length, batch_size)


# --- shapes and manners ---


@every_task
def test_arrays_have_the_promised_shapes_and_types(name: str) -> None:
    task = task_named(name, "el_nino")
    for length in lengths_of(task):
        for batch in (
            task.sample(generator(0, Stream.TRAINING, 0), length, 5),
            task.display(generator(0, Stream.DISPLAY), length, 5),
        ):
            assert (batch.length, batch.size) == (length, 5)
            assert batch.inputs.shape == (length, 5, len(task.inputs)) and batch.inputs.dtype == np.float32
            assert batch.target_mask.shape == (length, 5) and batch.target_mask.dtype == np.bool_
            if task.loss is Loss.CATEGORICAL:
                assert batch.targets.shape == (length, 5) and batch.targets.dtype == np.int64
                assert set(np.unique(batch.targets)) <= set(range(len(task.outputs)))
            else:
                assert batch.targets.shape == (length, 5, len(task.outputs)) and batch.targets.dtype == np.float32
            assert np.isfinite(batch.inputs).all() and np.isfinite(batch.targets).all()
            if task.loss is Loss.BINARY:
                assert set(np.unique(batch.targets)) <= {0, 1}


@every_task
def test_the_declared_shape_is_that_of_inputs_and_targets(name: str) -> None:
    task, batch = TASKS[name], batch_of(name, batch_size=200)
    target_steps = set(np.flatnonzero(batch.target_mask.any(axis=1)) + 1)
    informative = set(np.flatnonzero(batch.inputs.reshape(batch.length, -1).std(axis=1) > 0) + 1)
    assert (batch.target_mask.all(axis=1) == batch.target_mask.any(axis=1)).all(), "all sequences at the same steps"
    match task.shape:
        case Shape.MANY_TO_ONE:
            assert target_steps == {batch.length} and len(informative) > 1
        case Shape.ONE_TO_MANY:
            assert informative == {1} and len(target_steps) > 1
            assert not batch.inputs[1:].any()
        case Shape.MANY_TO_MANY:
            assert len(target_steps) > 1 and len(informative) > 1


@every_task
def test_a_batch_follows_from_its_generator_alone(name: str) -> None:
    def frozen(seed: int) -> list[bytes]:
        batch = batch_of(name, seed=seed)
        return [array.tobytes() for array in (batch.inputs, batch.targets, batch.target_mask)]

    assert frozen(1) == frozen(1)
    assert frozen(1)[0] != frozen(2)[0]


@every_task
def test_a_task_introduces_itself(name: str) -> None:
    task = TASKS[name]
    assert task.name == name and task.title and task.source
    assert task.description.endswith(".") and task.description.count(". ") == 0, "one sentence"
    assert task.min_length <= task.default_length <= task.max_length
    assert task.metric.name
    Experiment(task=name, length=task.default_length)


def test_all_promised_tasks_are_there() -> None:
    assert set(TASKS) >= {"adding", "recall", "temporal_order", "parity", "addition", "echo", "waves", "series"}
    assert {task.shape for task in TASKS.values()} == set(Shape)
    assert {task.loss for task in TASKS.values()} == set(Loss)


@every_task
def test_lengths_out_of_range_are_refused_with_the_range(name: str) -> None:
    task = task_named(name, "el_nino")
    for length in lengths_of(task):
        task.check_length(length)
    for length in (task.min_length - 1, task.max_length + 1, 0, -5):
        with pytest.raises(ExperimentError, match=rf"length={length} .*{task.min_length} to {task.max_length} steps"):
            task.check_length(length)


def test_an_unknown_task_or_series_is_named() -> None:
    with pytest.raises(ExperimentError, match="task='chess' is unknown: choose one of adding"):
        task_named("chess", "el_nino")
    with pytest.raises(ExperimentError, match="series='chess' is unknown"):
        task_named("series", "chess")


# --- targets, worked out a second way ---


PLANE = ("attractors", "cycle", "patterns")
"""Tasks whose targets are points of a plane; see `test_targets_in_the_plane_agree_with_a_second_computation`."""


def second_way(name: str) -> Callable[[np.ndarray], list[float | None]]:
    """For one sequence's inputs (T, I): the target at each step, None where there is none."""
    return {
        "adding": sum_of_marked,
        "recall": first_symbol,
        "temporal_order": order_of_two,
        "parity": ones_so_far,
        "addition": bits_of_the_sum,
        "echo": earlier_bit,
        "timer": whether_time_is_up,
        "waves": by_linear_recurrence,
        "counting": still_a_beginning_of_a_word,
        "brackets": whether_deletion_leaves_no_closing_one,
    }[name]


def sum_of_marked(inputs: np.ndarray) -> list[float | None]:
    numbers = [number for number, mark in inputs if mark]
    assert len(numbers) == 2 and set(inputs[:, 1]) <= {0, 1}
    assert sum(inputs[: len(inputs) // 2, 1]) == 1, "one mark in each half"
    return [None] * (len(inputs) - 1) + [sum(numbers)]


def first_symbol(inputs: np.ndarray) -> list[float | None]:
    first = inputs[0].tolist()
    assert sorted(first) == [0, 0, 0, 1]
    assert np.abs(inputs[1:]).max() < 6 * NOISE
    return [None] * (len(inputs) - 1) + [first.index(1)]


def order_of_two(inputs: np.ndarray) -> list[float | None]:
    names = ["".join("abcdXY"[channel] for channel in np.flatnonzero(step)) for step in inputs]
    assert all(len(name) == 1 for name in names)
    places = [step for step, name in enumerate(names) if name in "XY"]
    tenth = len(inputs) / 10
    assert len(places) == 2
    assert int(tenth) <= places[0] < 2 * tenth and int(5 * tenth) <= places[1] < 6 * tenth
    return [None] * (len(inputs) - 1) + [CLASSES.index(f"{names[places[0]]}…{names[places[1]]}")]


def ones_so_far(inputs: np.ndarray) -> list[float | None]:
    return [inputs[: step + 1, 0].tolist().count(1) % 2 for step in range(len(inputs))]


def bits_of_the_sum(inputs: np.ndarray) -> list[float | None]:
    first, second = (int("".join(str(int(bit)) for bit in reversed(column)), 2) for column in inputs.T)
    return [(first + second) >> step & 1 for step in range(len(inputs))]


def earlier_bit(inputs: np.ndarray) -> list[float | None]:
    delay = Echo.delay(len(inputs))
    assert delay == len(inputs) // 4
    return [None] * delay + [inputs[step - delay, 0] for step in range(delay, len(inputs))]


def whether_time_is_up(inputs: np.ndarray) -> list[float | None]:
    wait = round(inputs[0, 0] * len(inputs))
    assert 1 <= wait <= len(inputs)
    return [float(step >= wait) for step in range(1, len(inputs) + 1)]


def by_linear_recurrence(inputs: np.ndarray) -> list[float | None]:
    """Prony: a sum of two sines obeys x_{t+4} = a (x_{t+3} + x_{t+1}) + b x_{t+2} − x_t, with a and b fitted here."""
    x = inputs[:, 0].astype(np.float64)
    basis = np.stack([x[3:-1] + x[1:-3], x[2:-2]], axis=1)
    (a, b), *_ = np.linalg.lstsq(basis, x[4:] + x[:-4])
    frequencies = np.sort(np.arccos(np.clip(np.roots([-4, 2 * a, b + 2]).real, -1, 1)) / (2 * np.pi))
    if frequencies[1] - frequencies[0] > 0.01:  # else the fit hardly tells the two apart
        assert frequencies[0] > LOWEST - 0.003 and frequencies[1] < HIGHEST + 0.003
    last = a * (x[-1] + x[-3]) + b * x[-2] - x[-4]
    return [*x[1:].tolist(), last]


def still_a_beginning_of_a_word(inputs: np.ndarray) -> list[float | None]:
    letters = "".join("ab"[step.tolist().index(1)] for step in inputs)
    assert "ba" not in letters
    words = ["a" * n + "b" * n for n in range(len(letters) + 1)]
    return [float(any(word.startswith(letters[:step]) for word in words)) for step in range(1, len(letters) + 1)]


def whether_deletion_leaves_no_closing_one(inputs: np.ndarray) -> list[float | None]:
    """Pairs "()" are deleted as long as there are any: a bracket that closed what was not open is left over."""
    expected: list[float | None] = []
    rest = ""
    for step in inputs:
        rest = (rest + "()"[step.tolist().index(1)]).replace("()", "")
        expected.append(float(")" not in rest))
    return expected


def test_targets_in_the_plane_agree_with_a_second_computation() -> None:
    places = np.array([[x, y] for x in (-0.7, 0.7) for y in (-0.7, 0.7)])
    batch = batch_of("attractors", 12)
    assert (batch.inputs == batch.inputs[0]).all()
    distances = np.linalg.norm(batch.inputs[0][:, np.newaxis] - places, axis=-1)
    np.testing.assert_allclose(batch.targets[-1], places[distances.argmin(axis=1)], atol=1e-6)
    batch = batch_of("patterns", 12)
    assert (batch.inputs == batch.inputs[0]).all()
    x, y = (batch.inputs[0] > 0).T
    units = (x, y, x & y, x | y, x & ~y, y & ~x, ~x, y)  # every other unit is a function of the two told
    np.testing.assert_allclose(batch.targets[-1], np.where(np.stack(units, axis=-1), 0.7, -0.7), atol=1e-6)
    batch = batch_of("cycle", 30)
    point = batch.inputs[0, :, 0] + 1j * batch.inputs[0, :, 1]
    point *= 0.7 / np.abs(point)
    for target in batch.targets:  # a twelfth of a turn a step
        point = point * (np.sqrt(3) / 2 + 0.5j)
        np.testing.assert_allclose(target[:, 0] + 1j * target[:, 1], point, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in SYNTHETIC if name not in PLANE])
def test_targets_agree_with_a_second_computation(name: str) -> None:
    task, solve = TASKS[name], second_way(name)
    tolerance = {"adding": 1e-6, "waves": 0.01}.get(name, 0)
    for length in {*lengths_of(task), 37} if name != "waves" else {60, 200}:
        batch = batch_of(name, length)
        for sequence in range(batch.size):
            expected = solve(batch.inputs[:, sequence])
            shown = [
                np.ravel(target).item() if counts else None
                for target, counts in zip(batch.targets[:, sequence], batch.target_mask[:, sequence], strict=True)
            ]
            assert [each is None for each in shown] == [each is None for each in expected]
            for mine, theirs in zip(shown, expected, strict=True):
                assert mine is None or theirs is None or abs(mine - theirs) <= tolerance


@pytest.mark.parametrize("name", SYNTHETIC)
def test_every_answer_occurs(name: str) -> None:
    batch = batch_of(name, batch_size=500)
    answers = batch.targets[batch.target_mask]
    if TASKS[name].loss is Loss.MSE:
        assert answers.std() > 0.3
    else:
        classes = len(TASKS[name].outputs) if TASKS[name].loss is Loss.CATEGORICAL else 2
        shares = np.bincount(answers.astype(int).ravel(), minlength=classes) / answers.size
        assert len(shares) == classes and shares.min() > 0.8 / classes - 0.05


def test_distractors_come_evenly_and_carry_nothing() -> None:
    batch = batch_of("temporal_order", 40, batch_size=500)
    shares = batch.inputs[..., :DISTRACTORS].mean(axis=(0, 1))
    np.testing.assert_allclose(shares, (1 - 2 / 40) / DISTRACTORS, atol=0.01)


def test_every_balanced_string_of_brackets_is_as_likely_as_any_other() -> None:
    """The five balanced strings of six brackets, the Catalan number C₃, among those that are broken off after six."""
    length, balanced = 7, 6
    batch = batch_of("brackets", length, batch_size=40_000)
    broken_here = batch.targets[:, :, 0].sum(axis=0) == balanced
    strings, counts = np.unique(batch.inputs[:balanced, broken_here, 0], axis=1, return_counts=True)
    assert strings.shape[1] == 5
    np.testing.assert_allclose(counts / counts.sum(), 1 / 5, atol=0.02)
    assert broken_here.mean() == pytest.approx(1 / 4, abs=0.01), "n = 0, 1, 2 or 3"
    afterwards = batch_of("brackets", 12, batch_size=20_000)
    lost = np.cumsum(1 - afterwards.targets[..., 0], axis=0) > 1
    assert afterwards.inputs[lost][:, 0].mean() == pytest.approx(1 / 2, abs=0.01), "a coin"


# --- chance ---


def best_blind_guess(task: Task, batch: Batch) -> np.ndarray:
    """Outputs (T, 1, O) of the best predictor that knows the step and `batch`'s statistics, but not the inputs."""
    if task.loss is Loss.CATEGORICAL:
        share = np.eye(len(task.outputs))[batch.targets].mean(axis=1, keepdims=True)
        return np.asarray(np.log(np.clip(share, 1e-9, 1)))
    mean = np.asarray(batch.targets.astype(np.float64).mean(axis=1, keepdims=True))
    if task.loss is Loss.MSE:
        return mean
    share = np.clip(mean, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(share / (1 - share)))


def mean_loss(task: Task, outputs: np.ndarray, batch: Batch) -> float:
    """The task's loss, by its textbook formula."""
    outputs, targets = outputs[batch.target_mask], batch.targets[batch.target_mask]
    if task.loss is Loss.CATEGORICAL:
        share = np.exp(outputs) / np.exp(outputs).sum(axis=-1, keepdims=True)
        return float(-np.log(share[np.arange(len(targets)), targets]).mean())
    if task.loss is Loss.BINARY:
        share = 1 / (1 + np.exp(-outputs))
        return float(-np.log(np.where(targets == 1, share, 1 - share)).mean())
    return float(((outputs - targets) ** 2).mean())


@pytest.mark.parametrize("name", SYNTHETIC)
@pytest.mark.parametrize("which", ["shortest", "default"])
def test_chance_is_what_the_best_blind_guess_reaches(name: str, which: str) -> None:
    task = TASKS[name]
    length = task.min_length if which == "shortest" else task.default_length
    fitted_on, judged_on = (batch_of(name, length, batch_size=40_000, seed=seed) for seed in (0, 1))
    guess = np.repeat(best_blind_guess(task, fitted_on), judged_on.size, axis=1)
    chance = task.chance(length)
    assert chance.loss == pytest.approx(mean_loss(task, guess, judged_on), rel=0.02)
    assert chance.metric == pytest.approx(task.measure(guess, judged_on), rel=0.03)
    assert chance.says and chance.name == "chance"


def test_chance_on_a_series_is_the_naive_forecast() -> None:
    task = task_named("series", "el_nino")
    assert isinstance(task, BoundSeriesForecast)
    chance = task.chance(36)
    batch = batch_of("series", 36, batch_size=20_000)
    no_change = np.full_like(batch.targets, -task.mean / task.scale)
    assert chance.loss == pytest.approx(mean_loss(task, no_change, batch), rel=0.05)
    assert chance.name == "same as last value"


@every_task
def test_perfect_outputs_score_perfectly_and_chance_does_not(name: str) -> None:
    task, batch = task_named(name, "el_nino"), batch_of(name)
    match task.loss:
        case Loss.CATEGORICAL:
            perfect = np.eye(len(task.outputs))[batch.targets]
        case Loss.BINARY:
            perfect = 10 * (batch.targets - 0.5)
        case _:
            perfect = batch.targets
    assert task.measure(perfect, batch) == (1 if task.metric.is_share else 0)
    if task.metric.solved is not None:
        assert task.metric.is_solved(task.measure(perfect, batch))
        assert not task.metric.is_solved(task.chance(batch.length).metric)
    assert task.metric.is_better(task.measure(perfect, batch), task.chance(batch.length).metric)


@every_task
def test_what_is_not_counted_does_not_count(name: str) -> None:
    task, batch = task_named(name, "el_nino"), batch_of(name)
    draw = np.random.default_rng(0)
    outputs = draw.standard_normal((batch.length, batch.size, len(task.outputs)))
    elsewhere = np.where(batch.target_mask[..., np.newaxis], outputs, 99.0)
    assert task.measure(elsewhere, batch) == task.measure(outputs, batch)


@pytest.mark.parametrize("name", SYNTHETIC)
def test_a_blind_network_shows_the_chance_level_in_training(name: str) -> None:
    """The engine's own loss of a network that says nothing is that of the textbook: no scale has slipped in."""
    task = TASKS[name]
    experiment = Experiment(task=name, length=task.default_length, batch_size=256, learning_rate=1e-6)
    state = initial_state(experiment)
    for parameter in state.parameters.values():
        parameter[:] = 0
    _, log = advance(experiment, state, 4)
    batch = batch_of(name, batch_size=20_000)
    silent = np.zeros((batch.length, batch.size, len(task.outputs)))
    assert log.loss.mean() == pytest.approx(mean_loss(task, silent, batch), rel=0.1)


# --- the metric's words ---


@pytest.mark.parametrize(
    ("metric", "value", "phrase"),
    [
        (Metric("MSE", 0.01, False), 0.0123, "MSE 0.012"),
        (Metric("MSE", 0.01, False), 0.00998, "MSE 0.00998"),  # solved, and must not read 0.01
        (Metric("MSE", 0.01, False), 0.0099996, "MSE 0.0099996"),
        (Metric("MSE", 0.01, False), 0.010004, "MSE 0.01"),
        (Metric("bits right", 0.99, True), 0.5, "50% of bits right"),
        (Metric("bits right", 0.99, True), 0.9876, "98.7% of bits right"),
        (Metric("bits right", 0.99, True), 0.98999, "98.9% of bits right"),  # not solved, and must not read 99 %
        (Metric("bits right", 0.99, True), 0.99999, "99.9% of bits right"),
        (Metric("bits right", 0.99, True), 1.0, "100.0% of bits right"),
        (Metric("bits right", 0.99, True), 0.99, "99.0% of bits right"),
        (Metric("bits right", 0.99, True), 0.512, "51% of bits right"),
        (Metric("bits right", 0.99, True), 0.9934, "99.3% of bits right"),
        (Metric("held-out error", None, False, "°C"), 0.3456, "held-out error 0.35 °C"),
        (Metric("MSE", 0.01, False), 5.23e-6, "MSE 5.23·10⁻⁶"),
        (Metric("held-out error", None, False, "°C"), 1.5e12, "held-out error 1.5·10¹² °C"),
        (Metric("MSE", 0.01, False), float("nan"), "MSE not a number"),
        (Metric("MSE", 0.01, False), float("inf"), "MSE not a number"),
    ],
)
def test_a_metric_speaks_as_a_reader_would(metric: Metric, value: float, phrase: str) -> None:
    assert metric.phrase(value) == phrase


def test_of_the_adding_problem_the_largest_sum_is_shown_first() -> None:
    for seed in range(5):
        batch = displayed_batch(Experiment(seed=seed))
        sums = batch.targets[-1, :, 0]
        assert (np.diff(sums) <= 0).all() and len(set(sums)) == 4
        marked = (batch.inputs[..., 0] * batch.inputs[..., 1]).sum(axis=0)
        np.testing.assert_allclose(batch.targets[-1, :, 0], marked, rtol=1e-6)


def test_solved_is_below_an_error_and_at_a_share() -> None:
    error, share = Metric("MSE", 0.01, False), Metric("bits right", 0.99, True)
    assert error.is_solved(0.0099) and not error.is_solved(0.01)
    assert share.is_solved(0.99) and not share.is_solved(0.9899)
    assert not error.is_solved(float("nan")) and not error.is_solved(-float("inf"))
    assert not Metric("error", None, False).is_solved(0.0)
    assert error.is_better(0.1, than=0.2) and share.is_better(0.2, than=0.1)


# --- what is drawn ---


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.picture is Picture.CURVES])
def test_curves_show_target_and_prediction_at_the_steps_they_are_for(name: str) -> None:
    task = task_named(name, "el_nino")
    batch = task.display(generator(0, Stream.DISPLAY), task.default_length, 4)
    outputs = np.random.default_rng(0).standard_normal((batch.length, 4, 1))
    for sequence in range(4):
        curves = task.curves(batch, outputs, sequence)
        roles = [curve.role for curve in curves]
        assert roles.count(Role.TARGET) == roles.count(Role.PREDICTION) == 1
        for curve in curves:
            assert curve.steps.shape == curve.values.shape and curve.name
            assert curve.steps.min() >= 1 and curve.steps.max() <= batch.length
        if name != "series":  # there they are in the series' unit, see test_series.py
            counts = batch.target_mask[:, sequence]
            by_role = {curve.role: curve for curve in curves}
            np.testing.assert_array_equal(by_role[Role.TARGET].values, batch.targets[counts, sequence, 0])
            np.testing.assert_array_equal(by_role[Role.PREDICTION].values, outputs[counts, sequence, 0])
            for role in (Role.TARGET, Role.PREDICTION):
                np.testing.assert_array_equal(by_role[role].steps, np.flatnonzero(counts) + 1)


# --- one file makes a task ---

NEW_TASK = '''
"""A task nobody has thought of."""

import numpy as np

from engine.tasks.base import Batch, Chance, Loss, Metric, Picture, Shape, Task, every_step
from engine.tasks.parity import Parity


class Halfway(Task):
    """A base of others, without a name of its own: no entry."""


class Negation(Halfway):
    name = "negation"
    title = "Negation"
    description = "Say no."
    source = "a test"
    shape = Shape.MANY_TO_MANY
    loss = Loss.BINARY
    metric = Metric("bits right", solved=0.99, is_share=True)
    picture = Picture.STRIP
    inputs = ("bit",)
    outputs = ("not bit",)
    order = -1

    def sample(self, generator, length, batch_size):
        bits = generator.integers(0, 2, (length, batch_size, 1)).astype(np.float32)
        return Batch(bits, 1 - bits, every_step(length, batch_size))

    def chance(self, length):
        return Chance(loss=0.7, metric=0.5, says="tossing a coin")
'''


@pytest.fixture
def plug_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An importable package "plug_ins" without modules, forgotten afterwards."""
    folder = tmp_path / "plug_ins"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "plug_ins"]:
        del sys.modules[name]


def test_a_task_dropped_into_a_folder_is_found(plug_ins: Path) -> None:
    (plug_ins / "negation.py").write_text(NEW_TASK)
    (plug_ins / "nothing.py").write_text("from engine.tasks.echo import Echo\n")
    found = subclasses_in("plug_ins", [str(plug_ins)], Task)
    assert [task.name for task in found] == ["negation"], "neither what is imported nor what has no name"
    assert isinstance(found[0], Task)


def test_what_is_found_stands_in_the_order_it_asks_for(plug_ins: Path) -> None:
    (plug_ins / "first.py").write_text(NEW_TASK.replace("negation", "zebra"))
    (plug_ins / "second.py").write_text(NEW_TASK.replace("negation", "ape"))
    (plug_ins / "third.py").write_text(NEW_TASK.replace("negation", "early").replace("order = -1", "order = -2"))
    assert [task.name for task in subclasses_in("plug_ins", [str(plug_ins)], Task)] == ["early", "ape", "zebra"]


def test_one_file_makes_a_task_that_trains(tmp_path: Path) -> None:
    copytree(Path(engine.__file__).parent, tmp_path / "engine", ignore=ignore_patterns("__pycache__"))
    (tmp_path / "engine" / "tasks" / "negation.py").write_text(NEW_TASK)
    program = """
from engine import TASKS, Experiment, advance, initial_state, record
assert list(TASKS)[0] == "negation"
experiment = Experiment.from_query("task=negation&length=6&hidden_size=8&learning_rate=0.03")
state, log = advance(experiment, initial_state(experiment), steps=150)
assert record(experiment, state).metric == 1, log.metric[-1]
"""
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr


def test_task_of_binds_the_series() -> None:
    experiment = Experiment(task="series", series="co2", length=24)
    task = task_of(experiment)
    assert isinstance(task, BoundSeriesForecast) and task.series.name == "co2"
    assert task_of(Experiment()) is TASKS["adding"]
