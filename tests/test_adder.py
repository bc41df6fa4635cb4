"""The adder made by hand is an ordinary network: it can be trained, shown and run by PyTorch, and stays exact.

That it adds right is shown in test_computing.py.
"""

from __future__ import annotations

import numpy as np
import pytest

from engine import TASKS, initial_state, record
from engine.analysis.adder import ADDER, adder_parameters, answers, number_of, on_paper, proof
from engine.chunks import Ending, train_chunk
from engine.network import unroll
from engine.parameters import initial_parameters
from engine.supply import fresh_batch
from engine.training import TrainingState


def as_state() -> TrainingState:
    return TrainingState(adder_parameters(), {}, 0, np.empty(0, np.float32))


def test_it_has_the_parameters_of_any_network_of_its_size() -> None:
    expected = {name: (value.shape, value.dtype) for name, value in initial_parameters(ADDER).items()}
    assert {name: (value.shape, value.dtype) for name, value in adder_parameters().items()} == expected


def test_after_a_thousand_steps_its_units_still_hold_whole_numbers() -> None:
    states = unroll(ADDER, adder_parameters(), fresh_batch(ADDER, 20, length=1000).inputs).hidden_state
    assert set(np.unique(states)) == {0, 1, 2, 3}
    assert set(np.unique(states @ [0, 1, -1])) == {0, 1}, "the carry"


def test_pytorch_in_single_precision_gives_the_same_numbers() -> None:
    import torch

    batch = fresh_batch(ADDER, 20, length=200)
    parameters = {name: torch.from_numpy(value) for name, value in adder_parameters().items()}
    rnn = torch.nn.RNN(2, 3, nonlinearity="relu")
    rnn.load_state_dict({name.removeprefix("rnn."): value for name, value in parameters.items() if "rnn" in name})
    with torch.no_grad():
        states = rnn(torch.from_numpy(batch.inputs))[0]
        outputs = states @ parameters["readout.weight"].T + parameters["readout.bias"]
    unrolled = unroll(ADDER, adder_parameters(), batch.inputs)
    np.testing.assert_array_equal(states.numpy(), unrolled.hidden_state)
    np.testing.assert_array_equal(outputs.numpy(), unrolled.outputs)
    assert set(np.unique(outputs.numpy())) == {-10, 10}


def test_training_finds_nothing_to_improve() -> None:
    chunk = train_chunk(ADDER, as_state(), 100)
    assert chunk.ending is Ending.SOLVED and (chunk.log.metric == 1).all() and chunk.log.loss.max() < 1e-4
    assert record(ADDER, as_state()).metric == 1


def test_an_untrained_network_adds_wrongly() -> None:
    told = number_of(answers(ADDER, dict(initial_state(ADDER).parameters), 12345, 67890))
    assert told != 12345 + 67890
    assert TASKS[ADDER.task].title == "Binary addition"


def test_the_proof_on_the_page_is_the_table_of_addition() -> None:
    assert [(row[0], *row[-2:]) for row in proof()] == [(0, 0, 0), (1, 0, 1), (2, 1, 0), (3, 1, 1)]
    assert [row[1:4] for row in proof()] == [(ones, max(0, ones - 1), max(0, ones - 2)) for ones in range(4)]


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 1), (5, 3), (123456789, 987654321), (2**80 - 1, 1)])
def test_a_sum_on_paper_is_right_column_by_column(first: int, second: int) -> None:
    carry, a, b, total = (line[7:] for line in on_paper(first, second).splitlines())
    assert (int(a, 2), int(b, 2), int(total, 2)) == (first, second, first + second)
    for column in range(len(total)):
        assert (int(a[column]) + int(b[column]) + int(carry[column])) % 2 == int(total[column])
    assert carry[-1] == "0"
