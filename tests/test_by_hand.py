"""The cell stepped through by hand computes what the cells compute, and reads what a reader types."""

from __future__ import annotations

import re

import numpy as np
import pytest

from engine import ExperimentError
from engine.by_hand import (
    ROWS,
    example_weights,
    numbers_from_text,
    unfold,
    weights_as_text,
    weights_from_text,
)
from engine.cells import CELLS

INPUTS = [1.0, -0.5, 0.0, 2.0]
START = np.array([0.3, -0.7])


@pytest.mark.parametrize("cell", list(ROWS))
def test_every_step_is_that_of_the_cell(cell: str) -> None:
    weights = example_weights(cell)
    steps = unfold(cell, weights, INPUTS, START)
    start = np.zeros((CELLS[cell].states, 1, 2))
    start[0, 0] = START
    trace = CELLS[cell].forward(weights, np.array(INPUTS)[:, np.newaxis, np.newaxis], "tanh", start)
    fields = {"h": "hidden_state", "c": "cell_state", "f": "forget_gate", "i": "input_gate", "o": "output_gate",
              "g": "cell_candidate", "r": "reset_gate", "n": "candidate"}  # fmt: skip
    for t, operations in enumerate(steps):
        for operation in operations:
            field = "update_gate" if cell == "gru" and operation.symbol == "z" else fields.get(operation.symbol)
            if field:
                np.testing.assert_allclose(operation.value, getattr(trace, field)[t, 0], atol=1e-12)
    assert {each.symbol for each in steps[0]} >= {"h"}


@pytest.mark.parametrize("cell", list(ROWS))
def test_an_operation_reads_only_what_is_known_by_then(cell: str) -> None:
    for operations in unfold(cell, example_weights(cell), INPUTS, START):
        known = {"x", "h-", "c-"}
        for operation in operations:
            assert set(operation.reads) <= known
            known.add(operation.symbol)


@pytest.mark.parametrize("cell", list(ROWS))
def test_the_numbers_written_out_give_the_value(cell: str) -> None:
    for operation in unfold(cell, example_weights(cell), [0.5], START)[0]:
        assert len(operation.written) == 2
        for written, expected in zip(operation.written, operation.value, strict=True):
            left, right = written.replace("−", "-").replace("·", "*").rsplit(" = ", 1)
            left = re.sub(r"tanh\(", "np.tanh(", left).replace("σ(", "sigma(")
            value = eval(left, {"np": np, "sigma": lambda z: 1 / (1 + np.exp(-z))})
            assert value == pytest.approx(expected, abs=0.02)
            assert float(right) == pytest.approx(expected, abs=0.0051)


@pytest.mark.parametrize("cell", list(ROWS))
def test_weights_survive_being_written_and_read(cell: str) -> None:
    weights = example_weights(cell)
    again = weights_from_text(cell, weights_as_text(cell, weights))
    np.testing.assert_allclose(again.input, weights.input)
    np.testing.assert_allclose(again.recurrent, weights.recurrent)
    np.testing.assert_allclose(again.input_bias, weights.input_bias)


@pytest.mark.parametrize(
    "text",
    ["", "h1 1 2 3 4", *(f"h1 {numbers}\nh2 1 2 3 4" for numbers in ("1 2 3", "a b c d", "1 2 3 nan", "1 2 3 1e9"))],
)
def test_what_is_no_table_of_weights_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ExperimentError, match=r"need.*\.$"):
        weights_from_text("rnn", text)


def test_a_minus_sign_and_commas_may_be_typed() -> None:
    assert numbers_from_text("1, −2.5  3", 3, "x") == [1, -2.5, 3]
