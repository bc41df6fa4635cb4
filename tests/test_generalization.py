"""Lengths never seen: the numbers, against loops that judge one sequence at a time, and what trained networks reach."""

from __future__ import annotations

import numpy as np
import pytest

from engine import Experiment, advance, initial_state, task_of
from engine.analysis.generalization import counted, over_lengths, whole_share
from engine.network import unroll
from engine.supply import fresh_batch


def small(task: str, cell: str = "lstm", seed: int = 0, length: int = 10) -> Experiment:
    return Experiment(task=task, cell=cell, length=length, hidden_size=16, learning_rate=0.01, seed=seed)


def trained(experiment: Experiment, steps: int) -> dict[str, np.ndarray]:
    return dict(advance(experiment, initial_state(experiment), steps)[0].parameters)


# --- the numbers ---


@pytest.mark.parametrize("task", ["parity", "echo", "recall", "temporal_order"])
def test_metric_and_whole_sequences_are_those_of_a_loop(task: str) -> None:
    experiment = small(task)
    parameters = trained(experiment, 60)
    found = over_lengths(experiment, parameters, [12, 25], size=30)
    np.testing.assert_array_equal(found.lengths, [12, 25])
    for place, length in enumerate((12, 25)):
        batch = fresh_batch(experiment, 30, length=length)
        right: list[list[bool]] = []
        for sequence in range(30):
            outputs = unroll(experiment, parameters, batch.inputs[:, [sequence]]).outputs[:, 0]
            right.append([])
            for step in np.flatnonzero(batch.target_mask[:, sequence]):
                wanted = int(np.ravel(batch.targets[step, sequence])[0])
                answer = int(outputs[step].argmax()) if len(outputs[step]) > 1 else int(outputs[step, 0] > 0)
                right[-1].append(answer == wanted)
        assert found.metric[place] == pytest.approx(np.mean(np.concatenate(right)))
        assert found.whole[place] == pytest.approx(np.mean([all(each) for each in right]))
        assert found.chance[place] == task_of(experiment).chance(length).metric


def test_numbers_are_not_right_or_wrong() -> None:
    experiment = small("adding")
    found = over_lengths(experiment, initial_state(experiment).parameters, [10, 40])
    assert np.isfinite(found.metric).all() and np.isnan(found.whole).all()


def test_very_long_sequences_are_fewer() -> None:
    experiment = small("parity", "rnn")
    found = over_lengths(experiment, initial_state(experiment).parameters, [30_000], size=200)
    assert np.isfinite(found.metric).all()


def test_perfect_outputs_are_wholly_right() -> None:
    experiment = small("brackets")
    batch = fresh_batch(experiment, 20)
    outputs = 2 * batch.targets - 1
    assert whole_share(experiment, outputs, batch) == 1
    outputs[3, :5] *= -1
    assert whole_share(experiment, outputs, batch) == 15 / 20


# --- counting ---


def test_a_counter_made_by_hand_never_ends() -> None:
    """One linear unit holds the number of a less that of b."""
    experiment = Experiment(task="counting", cell="rnn", activation="identity", length=20, hidden_size=1)
    parameters = {
        "rnn.weight_ih_l0": np.array([[1.0, -1.0]]),
        "rnn.weight_hh_l0": np.array([[1.0]]),
        "rnn.bias_ih_l0": np.zeros(1),
        "rnn.bias_hh_l0": np.zeros(1),
        "readout.weight": np.array([[1.0]]),
        "readout.bias": np.array([0.5]),
    }
    found = counted(experiment, parameters, 300)
    assert found.right.all() and found.reach == 300
    assert (over_lengths(experiment, parameters, [2, 3, 20, 500]).whole == 1).all()
    assert counted(experiment, parameters | {"readout.bias": np.array([1.5])}, 5).reach == -1, "one too late"


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_count_is_judged_up_to_the_first_letter_too_many(cell: str) -> None:
    experiment = small("counting", cell, length=12)
    parameters = trained(experiment, 400)
    found = counted(experiment, parameters, 40)
    for n in range(41):
        letters = np.eye(2)[[0] * n + [1] * (n + 1)]
        answers = unroll(experiment, parameters, letters[:, np.newaxis]).outputs[:, 0, 0] > 0
        assert found.right[n] == (answers.tolist() == [True] * 2 * n + [False])
    wrong = [n for n in range(41) if not found.right[n]]
    assert found.reach == (wrong[0] - 1 if wrong else 40)


def test_only_counters_are_asked_to_count() -> None:
    experiment = small("parity")
    with pytest.raises(ValueError, match="'parity' has nothing to count"):
        counted(experiment, initial_state(experiment).parameters)


# --- what trained networks reach ---


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("task", "cell"), [("addition", "rnn"), ("addition", "lstm"), ("parity", "lstm")])
def test_a_rule_learned_on_short_strings_holds_at_eight_times_the_length(task: str, cell: str, seed: int) -> None:
    experiment = small(task, cell, seed)
    found = over_lengths(experiment, trained(experiment, 600), [10, 40, 80])
    assert found.metric.min() >= 0.99
    assert found.whole.min() >= 0.95


@pytest.mark.parametrize("seed", range(3))
def test_a_counter_goes_on_for_a_while_beyond_what_it_was_trained_on_and_then_breaks(seed: int) -> None:
    experiment = small("counting", "lstm", seed, length=20)
    parameters = trained(experiment, 1000)
    assert 10 < counted(experiment, parameters, 60).reach < 40, "trained on n ≤ 10"
    found = over_lengths(experiment, parameters, [20, 40, 80, 160])
    assert found.whole[0] > 0.98 and found.whole[-1] < 0.4
    assert (np.diff(found.metric) < 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_brackets_are_matched_at_the_length_of_training_and_less_and_less_beyond(seed: int) -> None:
    experiment = small("brackets", "lstm", seed, length=20)
    found = over_lengths(experiment, trained(experiment, 1000), [20, 40, 80, 160])
    assert found.metric[0] > 0.99 and found.whole[0] > 0.9
    assert (np.diff(found.whole) < 0).all() and found.whole[-1] < 0.6
