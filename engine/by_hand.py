"""One cell, operation by operation, on a sequence short enough to follow with a pencil.

    steps = unfold("lstm", weights, inputs, start)     # a list of operations for each time step
    steps[0][1].written[0]                              # of the first unit: "σ(0.50·1.00 + …) = 0.73"

The cells of `engine.cells` compute the same all at once; here every intermediate result has a name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.cells import CELLS
from engine.cells.base import Weights, sigmoid
from engine.errors import ExperimentError

UNITS = 2  # of the cell that is stepped through
ROWS = {"rnn": ("h",), "gru": ("r", "z", "n"), "lstm": ("i", "f", "g", "o")}
"""The blocks of rows of a cell's weights, in the order in which PyTorch packs them."""
LARGEST = 100.0


@dataclass(frozen=True)
class Operation:
    """One thing that a cell computes.

    Attributes:
        symbol: what it gives, as in the equations: "f", "c", "h".
        title: what that is called.
        equation: how it is computed, in symbols (HTML).
        written: the same for each of the H units, with the numbers put in.
        reads: symbols of what it is computed from; "x" is the input, "h-" and "c-" are the states before.
        value: (H,) what comes out.
    """

    symbol: str
    title: str
    equation: str
    written: tuple[str, ...]
    reads: tuple[str, ...]
    value: np.ndarray


def unfold(cell: str, weights: Weights, inputs: Sequence[float], start: np.ndarray) -> list[list[Operation]]:
    """The operations of `cell` at each time step.

    Args:
        cell: "rnn", "gru" or "lstm".
        weights: of one layer of H units with one input.
        inputs: x_1 … x_T.
        start: (H,) h_0; c_0 is zero.
    """
    h, c = start.astype(np.float64), np.zeros(len(start))
    steps = []
    for x in inputs:
        steps.append(_STEPS[cell](weights, float(x), h, c))
        by_symbol = {each.symbol: each.value for each in steps[-1]}
        h, c = by_symbol["h"], by_symbol.get("c", c)
    return steps


def _row(weights: Weights, block: int, x: float, h: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """W x + U h + b of one block, for all units, and in numbers for each."""
    rows = slice(block * len(h), (block + 1) * len(h))
    W, U = weights.input[rows, 0], weights.recurrent[rows]
    b = weights.input_bias[rows] + weights.recurrent_bias[rows]
    written = [
        " + ".join([_product(w, x), *(_product(u, v) for u, v in zip(row, h, strict=True)), _number(bias)])
        for w, row, bias in zip(W, U, b, strict=True)
    ]
    return W * x + U @ h + b, written


def _gate(
    symbol: str,
    title: str,
    weights: Weights,
    block: int,
    x: float,
    h: np.ndarray,
    squash: Callable[[np.ndarray], np.ndarray],
) -> Operation:
    z, numbers = _row(weights, block, x, h)
    value = squash(z)
    name = "tanh" if squash is np.tanh else "σ"
    of = f"<sub>{symbol}</sub>"
    equation = f"{symbol}<sub>t</sub> = {name}(W{of} x<sub>t</sub> + U{of} h<sub>t−1</sub> + b{of})"
    return Operation(symbol, title, equation, _results(value, [f"{name}({each})" for each in numbers]),
                     ("x", "h-"), value)  # fmt: skip


def _rnn(weights: Weights, x: float, h: np.ndarray, c: np.ndarray) -> list[Operation]:
    z, numbers = _row(weights, 0, x, h)
    new = np.tanh(z)
    return [
        Operation(
            "z", "sum", "z<sub>t</sub> = W x<sub>t</sub> + U h<sub>t−1</sub> + b", _results(z, numbers), ("x", "h-"), z
        ),
        Operation(
            "h", "new state", "h<sub>t</sub> = tanh(z<sub>t</sub>)",
            _results(new, [f"tanh({_plain(each)})" for each in z]), ("z",), new,
        ),
    ]  # fmt: skip


def _gru(weights: Weights, x: float, h: np.ndarray, c: np.ndarray) -> list[Operation]:
    r = _gate("r", "reset gate", weights, 0, x, h, sigmoid)
    z = _gate("z", "update gate", weights, 1, x, h, sigmoid)
    rows = slice(2 * len(h), 3 * len(h))
    W, b = weights.input[rows, 0], weights.input_bias[rows]
    recalled = weights.recurrent[rows] @ h + weights.recurrent_bias[rows]
    n = np.tanh(W * x + b + r.value * recalled)
    new = (1 - z.value) * n + z.value * h
    summed = [
        f"tanh({_product(W[k], x)} + {_number(b[k])} + {_product(r.value[k], recalled[k])})" for k in range(len(h))
    ]
    mixed = [f"(1 − {_number(z.value[k])})·{_number(n[k])} + {_product(z.value[k], h[k])}" for k in range(len(h))]
    return [
        r,
        z,
        Operation(
            "n", "candidate",
            "n<sub>t</sub> = tanh(W<sub>n</sub> x<sub>t</sub> + b<sub>n</sub> "
            "+ r<sub>t</sub> ⊙ (U<sub>n</sub> h<sub>t−1</sub> + b'<sub>n</sub>))",
            _results(n, summed), ("x", "h-", "r"), n,
        ),
        Operation(
            "h", "new state", "h<sub>t</sub> = (1 − z<sub>t</sub>) ⊙ n<sub>t</sub> + z<sub>t</sub> ⊙ h<sub>t−1</sub>",
            _results(new, mixed), ("n", "z", "h-"), new,
        ),
    ]  # fmt: skip


def _lstm(weights: Weights, x: float, h: np.ndarray, c: np.ndarray) -> list[Operation]:
    i = _gate("i", "input gate", weights, 0, x, h, sigmoid)
    f = _gate("f", "forget gate", weights, 1, x, h, sigmoid)
    g = _gate("g", "candidate", weights, 2, x, h, np.tanh)
    o = _gate("o", "output gate", weights, 3, x, h, sigmoid)
    cell = f.value * c + i.value * g.value
    new = o.value * np.tanh(cell)
    units = range(len(h))
    kept = [f"{_product(f.value[k], c[k])} + {_product(i.value[k], g.value[k])}" for k in units]
    let_out = [f"{_number(o.value[k])}·tanh({_plain(cell[k])})" for k in units]
    return [
        f,
        i,
        g,
        Operation(
            "c", "cell state", "c<sub>t</sub> = f<sub>t</sub> ⊙ c<sub>t−1</sub> + i<sub>t</sub> ⊙ g<sub>t</sub>",
            _results(cell, kept), ("f", "c-", "i", "g"), cell,
        ),
        o,
        Operation(
            "h", "new state", "h<sub>t</sub> = o<sub>t</sub> ⊙ tanh(c<sub>t</sub>)", _results(new, let_out),
            ("o", "c"), new,
        ),
    ]  # fmt: skip


_STEPS = {"rnn": _rnn, "gru": _gru, "lstm": _lstm}


def example_weights(cell: str, seed: int = 9) -> Weights:
    """Weights to begin with, rounded to one decimal so that they are easy to follow."""
    rows = CELLS[cell].blocks * UNITS
    draw = np.random.default_rng([seed, rows])
    W, U = (np.round(draw.uniform(-1.5, 1.5, (rows, columns)), 1) for columns in (1, UNITS))
    bias = np.zeros(rows)
    if cell == "lstm":
        bias[UNITS : 2 * UNITS] = 1  # of the forget gate
    return Weights(W, U, bias, np.zeros(rows))


def weights_as_text(cell: str, weights: Weights) -> str:
    """A line a row: its name, W, U and b; what `weights_from_text` reads."""
    lines = []
    for row in range(len(weights.input)):
        name = f"{ROWS[cell][row // UNITS]}{row % UNITS + 1}"
        numbers = [
            weights.input[row, 0],
            *weights.recurrent[row],
            weights.input_bias[row] + weights.recurrent_bias[row],
        ]
        lines.append(f"{name}  " + "  ".join(f"{number: .1f}" for number in numbers))
    return "\n".join(lines)


def weights_from_text(cell: str, text: str) -> Weights:
    """The weights that `weights_as_text` has written and a reader has changed.

    Raises:
        ExperimentError: a line is missing, or is not a name and four numbers.
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    names = [f"{block}{unit + 1}" for block in ROWS[cell] for unit in range(UNITS)]
    if [line[0] for line in lines] != names:
        raise ExperimentError(f"The weights need one line for each of {', '.join(names)}, in this order.")
    table = np.array([numbers_from_text(" ".join(line[1:]), UNITS + 2, f"Line {line[0]}") for line in lines])
    return Weights(table[:, :1], table[:, 1 : 1 + UNITS], table[:, -1], np.zeros(len(table)))


def numbers_from_text(text: str, count: int, what: str) -> list[float]:
    """`count` numbers between −LARGEST and LARGEST, separated by spaces.

    Raises:
        ExperimentError: there are more or fewer, or one is not such a number.
    """
    parts = text.replace("−", "-").replace(",", " ").split()
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(abs(number) <= LARGEST for number in numbers):
        raise ExperimentError(f"{what} needs {count} numbers from −{LARGEST:g} to {LARGEST:g} with spaces in between.")
    return numbers


def _number(value: float) -> str:
    """Two decimals, a negative one in brackets, as it stands in a sum or product."""
    return f"{value:.2f}" if value >= 0 else f"(−{-value:.2f})"


def _plain(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _product(one: float, other: float) -> str:
    return f"{_number(one)}·{_number(other)}"


def _results(values: np.ndarray, written: Sequence[str]) -> tuple[str, ...]:
    """Each unit's computation with what comes out."""
    return tuple(f"{each} = {_plain(value)}" for each, value in zip(written, values, strict=True))
