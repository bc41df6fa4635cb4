"""One cell, operation by operation, on a sequence short enough to follow with a pencil.

    steps = unfold("lstm", weights, inputs, start)     # a list of operations for each time step
    steps[0][1].written                                 # "f₁ = σ(0.50·1.00 + …) = 0.73"

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
        written: the same for the first unit, with the numbers put in.
        reads: symbols of what it is computed from; "x" is the input, "h-" and "c-" are the states before.
        value: (H,) what comes out.
    """

    symbol: str
    title: str
    equation: str
    written: str
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


def _row(name: str, weights: Weights, block: int, x: float, h: np.ndarray) -> tuple[np.ndarray, str]:
    """W x + U h + b of one block for all units, and in numbers for the first."""
    units = len(h)
    rows = slice(block * units, (block + 1) * units)
    W, U = weights.input[rows, 0], weights.recurrent[rows]
    b = weights.input_bias[rows] + weights.recurrent_bias[rows]
    terms = [f"{_number(W[0])}·{_number(x)}", *(f"{_number(u)}·{_number(v)}" for u, v in zip(U[0], h, strict=True))]
    return W * x + U @ h + b, " + ".join([*terms, _number(b[0])])


def _gate(
    symbol: str,
    title: str,
    weights: Weights,
    block: int,
    x: float,
    h: np.ndarray,
    squash: Callable[[np.ndarray], np.ndarray],
) -> Operation:
    z, numbers = _row(symbol, weights, block, x, h)
    value = squash(z)
    name = "tanh" if squash is np.tanh else "σ"
    of = f"<sub>{symbol}</sub>"
    equation = f"{symbol}<sub>t</sub> = {name}(W{of} x<sub>t</sub> + U{of} h<sub>t−1</sub> + b{of})"
    return Operation(symbol, title, equation, f"{name}({numbers}) = {_plain(value[0])}", ("x", "h-"), value)


def _rnn(weights: Weights, x: float, h: np.ndarray, c: np.ndarray) -> list[Operation]:
    z, numbers = _row("h", weights, 0, x, h)
    new = np.tanh(z)
    return [
        Operation(
            "z", "sum", "z<sub>t</sub> = W x<sub>t</sub> + U h<sub>t−1</sub> + b", f"{numbers} = {_plain(z[0])}",
            ("x", "h-"), z,
        ),
        Operation(
            "h", "new state", "h<sub>t</sub> = tanh(z<sub>t</sub>)", f"tanh({_number(z[0])}) = {_plain(new[0])}",
            ("z",), new,
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
    numbers = f"{_number(W[0])}·{_number(x)} + {_number(b[0])} + {_number(r.value[0])}·{_number(recalled[0])}"
    mixed = f"(1 − {_number(z.value[0])})·{_number(n[0])} + {_number(z.value[0])}·{_number(h[0])}"
    return [
        r,
        z,
        Operation(
            "n", "candidate",
            "n<sub>t</sub> = tanh(W<sub>n</sub> x<sub>t</sub> + b<sub>n</sub> "
            "+ r<sub>t</sub> ⊙ (U<sub>n</sub> h<sub>t−1</sub> + b'<sub>n</sub>))",
            f"tanh({numbers}) = {_plain(n[0])}", ("x", "h-", "r"), n,
        ),
        Operation(
            "h", "new state", "h<sub>t</sub> = (1 − z<sub>t</sub>) ⊙ n<sub>t</sub> + z<sub>t</sub> ⊙ h<sub>t−1</sub>",
            f"{mixed} = {_plain(new[0])}", ("n", "z", "h-"), new,
        ),
    ]  # fmt: skip


def _lstm(weights: Weights, x: float, h: np.ndarray, c: np.ndarray) -> list[Operation]:
    i = _gate("i", "input gate", weights, 0, x, h, sigmoid)
    f = _gate("f", "forget gate", weights, 1, x, h, sigmoid)
    g = _gate("g", "candidate", weights, 2, x, h, np.tanh)
    o = _gate("o", "output gate", weights, 3, x, h, sigmoid)
    cell = f.value * c + i.value * g.value
    new = o.value * np.tanh(cell)
    kept, added = (f"{_number(one[0])}·{_number(two[0])}" for one, two in ((f.value, c), (i.value, g.value)))
    return [
        f,
        i,
        g,
        Operation(
            "c", "cell state", "c<sub>t</sub> = f<sub>t</sub> ⊙ c<sub>t−1</sub> + i<sub>t</sub> ⊙ g<sub>t</sub>",
            f"{kept} + {added} = {_plain(cell[0])}", ("f", "c-", "i", "g"), cell,
        ),
        o,
        Operation(
            "h", "new state", "h<sub>t</sub> = o<sub>t</sub> ⊙ tanh(c<sub>t</sub>)",
            f"{_number(o.value[0])}·tanh({_number(cell[0])}) = {_plain(new[0])}", ("o", "c"), new,
        ),
    ]  # fmt: skip


_STEPS = {"rnn": _rnn, "gru": _gru, "lstm": _lstm}


def example_weights(cell: str, seed: int = 1) -> Weights:
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
