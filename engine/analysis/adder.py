"""A recurrent network that adds binary numbers of any length exactly; its weights were worked out by hand.

At each step two bits a and b come in, lowest first, and a carry c from the step before. With t = a + b + c, which is
0, 1, 2 or 3, three ReLU units hold

    h₁ = ReLU(t)        h₂ = ReLU(t − 1)        h₃ = ReLU(t − 2)

From them the next carry is h₂ − h₃: it is 0, 0, 1, 1 for t = 0, 1, 2, 3. And the bit of the sum is t − 2·carry,
which is h₁ − 2(h₂ − h₃): 0, 1, 0, 1. The carry is a linear function of the state, so the recurrence can take it
straight into t:

    h_t = ReLU(W x_t + U h_{t−1} + b)   with every row of W = (1, 1), every row of U = (0, 1, −1), b = (0, −1, −2)

All numbers that ever occur are whole and at most 3, so nothing is rounded, whatever the length.
"""

from __future__ import annotations

import numpy as np

from engine.experiment import Experiment
from engine.network import unroll

UNITS = (
    ("h₁", "ReLU(a + b + c)", "how many ones there are, the carry included: 0 to 3"),
    ("h₂", "ReLU(a + b + c − 1)", "ones beyond the first"),
    ("h₃", "ReLU(a + b + c − 2)", "ones beyond the second"),
    ("carry", "c = h₂ − h₃", "1 if there were two or three ones, else 0: what U takes back"),
    ("sum bit", "h₁ − 2(h₂ − h₃)", "what is left when the carry has gone: the read-out"),
)
"""Unit, how it is computed, what it means."""

ADDER = Experiment(task="addition", cell="rnn", activation="relu", hidden_size=3, length=16)


def adder_parameters() -> dict[str, np.ndarray]:
    """The weights, by PyTorch's names; the read-out is 20 (sum bit − ½), so that its sign is the answer."""
    parameters = {
        "rnn.weight_ih_l0": np.ones((3, 2)),
        "rnn.weight_hh_l0": np.tile([0.0, 1.0, -1.0], (3, 1)),
        "rnn.bias_ih_l0": np.array([0.0, -1.0, -2.0]),
        "rnn.bias_hh_l0": np.zeros(3),
        "readout.weight": 20 * np.array([[1.0, -2.0, 2.0]]),
        "readout.bias": np.array([-10.0]),
    }
    return {name: value.astype(np.float32) for name, value in parameters.items()}


def weights_with_reasons() -> list[tuple[str, np.ndarray, str]]:
    """Symbol, matrix and reason of each of the weights; the read-out is only what its sign is about."""
    parameters = adder_parameters()
    return [
        ("W", parameters["rnn.weight_ih_l0"], "each unit gets a + b,"),
        ("U", parameters["rnn.weight_hh_l0"], "the carry h₂ − h₃ on top,"),
        ("b", parameters["rnn.bias_ih_l0"][:, np.newaxis], "less 0, 1 or 2;"),
        ("v", parameters["readout.weight"] / 20, "and v h is the sum bit"),
    ]


def add(first: int, second: int) -> int:
    """The sum of two numbers of at least 0, computed bit by bit by the network."""
    return number_of(answers(ADDER, adder_parameters(), first, second))


def answers(experiment: Experiment, parameters: dict[str, np.ndarray], first: int, second: int) -> np.ndarray:
    """(T,) bool: the bits, lowest first, that a network of the task "addition" gives for a sum."""
    steps = max(first, second).bit_length() + 1
    bits = np.array([[number >> step & 1 for number in (first, second)] for step in range(steps)], dtype=np.float64)
    found: np.ndarray = unroll(experiment, parameters, bits[:, np.newaxis]).outputs[:, 0, 0] > 0
    return found


def number_of(bits: np.ndarray) -> int:
    """The number with these bits, lowest first."""
    return sum(1 << step for step, bit in enumerate(bits) if bit)


def proof() -> list[tuple[int, ...]]:
    """For each number of ones t that can occur: t, h₁, h₂, h₃, the next carry and the sum bit, from the weights."""
    weights = adder_parameters()
    rows = []
    for ones in range(4):
        h = np.maximum(0, ones + weights["rnn.bias_ih_l0"])
        carry, bit = weights["rnn.weight_hh_l0"][0] @ h, np.array([1, -2, 2]) @ h
        rows.append((ones, *(int(unit) for unit in h), int(carry), int(bit)))
    return rows


def on_paper(first: int, second: int) -> str:
    """The sum as one writes it in school, in binary: carries, both numbers and what the network answers."""
    bits = answers(ADDER, adder_parameters(), first, second)
    steps = range(len(bits))
    carries = [0]
    for step in steps:
        carries.append(((first >> step & 1) + (second >> step & 1) + carries[-1]) // 2)
    lines = [("carry", carries[: len(bits)]), ("a", [first >> step & 1 for step in steps]),
             ("b", [second >> step & 1 for step in steps]), ("sum", [int(bit) for bit in bits])]  # fmt: skip
    return "\n".join(f"{name:<7}{''.join(str(bit) for bit in reversed(row))}" for name, row in lines)
