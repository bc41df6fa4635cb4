"""The toy networks learn what they should: the story that the playground opens with holds for five seeds.

The default experiment: the LSTM solves the adding problem over 50 steps, and the RNN still guesses when its budget
is spent. And no task is in the menu at a length at which nothing can be learned.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine import CELLS, TASKS, Experiment, initial_state, task_of
from engine.chunks import Chunk, Ending, train_chunk
from engine.experiment import DEFAULT
from engine.recording import record
from engine.series import SHIPPED
from engine.training import RECENT


def run_of(experiment: Experiment, steps: int | None = None) -> Chunk:
    """The run of `experiment` to its end, or for `steps` steps."""
    return train_chunk(experiment, initial_state(experiment), steps or experiment.steps)


@pytest.mark.parametrize("seed", range(5))
def test_the_default_experiment_is_solved_by_the_lstm_and_not_by_the_rnn(seed: int) -> None:
    lstm, rnn = (run_of(replace(DEFAULT, cell=cell, seed=seed)) for cell in ("lstm", "rnn"))
    assert lstm.ending is Ending.SOLVED and lstm.state.step < DEFAULT.steps
    assert lstm.score < 0.01 and len(lstm.state.recent) == RECENT
    chance = task_of(DEFAULT).chance(DEFAULT.length).metric
    assert rnn.ending is None and rnn.state.step == DEFAULT.steps
    assert rnn.score > 0.5 * chance, "it guesses, or little more"


def test_why_the_rnn_fails_is_on_the_screen() -> None:
    """From the last step, where the loss is, the RNN's gradient has vanished long before the first marks."""
    norms = {}
    for cell in ("lstm", "rnn"):
        chunk = run_of(replace(DEFAULT, cell=cell), 1400)
        norms[cell] = np.linalg.norm(chunk.recording.hidden_state_grad.astype(np.float64), axis=-1).mean(axis=1)
    reach = {cell: norm[4] / norm[-1] for cell, norm in norms.items()}
    assert reach["rnn"] < 1e-3 * reach["lstm"]


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.metric.solved is not None])
def test_every_task_is_solved_at_its_default_length_by_an_lstm_left_at_its_defaults(name: str) -> None:
    chunk = run_of(Experiment(task=name, length=TASKS[name].default_length))
    assert chunk.ending is Ending.SOLVED, f"{chunk.score} after {chunk.state.step} steps"
    assert TASKS[name].metric.is_solved(chunk.score)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("series", SHIPPED)
def test_every_cell_forecasts_every_shipped_series_better_than_the_naive_forecast(series: str, cell: str) -> None:
    experiment = Experiment(task="series", series=series, cell=cell, length=36)
    untrained, chunk = run_of(experiment, 1), run_of(experiment, 250)
    naive = task_of(experiment).chance(36).metric
    assert chunk.score < 0.9 * naive, "on data that was kept back"
    assert chunk.score < untrained.score


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns_with_every_optimiser(cell: str, optimizer: str) -> None:
    rate = {"sgd": 0.5, "momentum": 0.1, "rmsprop": 0.003, "adam": 0.01}[optimizer]
    experiment = Experiment(
        task="echo",
        cell=cell,
        length=4,
        hidden_size=16,
        optimizer=optimizer,
        learning_rate=rate,
        initialization="orthogonal",
        window=2,
    )
    chunk = run_of(experiment, 1500)
    assert chunk.score > 0.9, "bits right, of which a guess gets half"


@pytest.mark.parametrize("layers", [2, 3])
def test_stacked_layers_learn_together(layers: int) -> None:
    experiment = Experiment(task="parity", length=6, layers=layers, hidden_size=16, learning_rate=0.01)
    chunk = run_of(experiment, 1500)
    assert chunk.score > 0.95
    before, after = initial_state(experiment).parameters, chunk.state.parameters
    for name, value in before.items():
        assert np.abs(after[name] - value).max() > 1e-3, f"{name} has not moved"


def test_a_trained_network_is_right_on_sequences_it_has_never_seen() -> None:
    experiment = Experiment(task="recall", length=TASKS["recall"].default_length)
    chunk = run_of(experiment)
    assert record(experiment, chunk.state).metric == 1
