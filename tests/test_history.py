"""Histories of loss and gradient: bounded, even, and true to the past."""

from __future__ import annotations

import numpy as np
import pytest

from engine import Experiment, initial_state, record, task_of
from engine.history import MOST_POINTS, MOST_ROWS, GradientHistory, LossHistory
from engine.lane import gradient_norms
from engine.tasks import Batch
from tests.oracles import relative_error, unrolled


def test_the_loss_history_keeps_every_loss_and_draws_a_bounded_curve() -> None:
    draw = np.random.default_rng(0)
    history, told = LossHistory(), np.empty(0, np.float32)
    assert [len(each) for each in history.curve()] == [0, 0]
    for count in (0, 1, 5, 290, 4, 1, 1000, 3000, 20_000):
        losses = draw.exponential(size=count).astype(np.float32)
        history.extend(losses)
        told = np.concatenate([told, losses])
        np.testing.assert_array_equal(history.values, told)
        assert len(history) == len(told)
        steps, means = history.curve()
        assert len(steps) == len(means) <= MOST_POINTS
        begins = [0, *steps[:-1].astype(int)]
        blocks = [told[begin:end] for begin, end in zip(begins, steps.astype(int), strict=False)]
        np.testing.assert_allclose(means, [block.mean() for block in blocks if len(block)], rtol=1e-5)
        if len(told):
            assert steps[-1] == len(told) and len(steps) > min(len(told), MOST_POINTS) / 2 - 1


def test_the_gradient_history_is_bounded_even_and_tells_the_past_as_it_was() -> None:
    draw = np.random.default_rng(0)
    history, told, step = GradientHistory(), {}, 0
    for number in range(1000):
        norms = draw.exponential(size=(2, 6, 3)).astype(np.float32)
        history.append(step, norms)
        told[step] = norms
        assert len(history.steps) <= MOST_ROWS
        np.testing.assert_array_equal(history.latest(1, 2), norms[1, :, 2])
        assert history.last_step == step
        if number in (0, 1, 127, 128, 129, 500, 999):
            grid = np.linspace(0, 1.5 * step, 40).round().astype(int)
            rows = history.on_grid(grid, 1, 2)
            assert rows.shape == (40, 6)
            for at, row in zip(grid, rows, strict=True):
                if at > step:
                    assert np.isnan(row).all(), "what is yet to come is unknown"
                else:
                    kept = max(each for each in history.steps if each <= at)
                    np.testing.assert_array_equal(row, told[kept][1, :, 2])
        step += 8
    gaps = np.diff(history.steps)
    assert history.steps[0] == 0 and (gaps == gaps[0]).all(), "dense or even, nowhere in between"
    assert len(history.steps) > MOST_ROWS / 2 - 1


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("task", ["adding", "parity", "recall"])
def test_gradient_norms_are_those_of_each_sequences_own_loss(task: str, cell: str) -> None:
    experiment = Experiment(task=task, cell=cell, length=12, hidden_size=6, layers=2)
    state = initial_state(experiment)
    recording = record(experiment, state)
    norms = gradient_norms(recording)
    assert norms.shape == (2, 12, recording.batch.size)
    for sequence in range(recording.batch.size):
        one = slice(sequence, sequence + 1)
        alone = Batch(*(array[:, one] for array in vars(recording.batch).values()))
        oracle = unrolled(experiment, state.parameters, alone, task_of(experiment).loss)
        for layer in range(2):
            expected = np.linalg.norm(oracle.layers[layer]["hidden_state_grad"][:, 0], axis=-1)
            assert relative_error(norms[layer, :, one], expected[:, np.newaxis]) < 1e-5
