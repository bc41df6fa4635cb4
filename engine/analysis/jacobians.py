"""How a change of an early state changes the last one: products of step Jacobians (Pascanu, Mikolov & Bengio 2013).

    flow = flow_to_the_end(experiment, state.parameters, inputs)     # inputs (T, I)
    flow.hidden_norm[k - 1]        # ‖∂h_T/∂h_k‖, k = 1 … T

    steps = step_jacobians(experiment, state.parameters, inputs)     # one matrix a step; (h, c) together in an LSTM
    strengths = strengths_to_the_end(steps)          # decimal logarithms: also where float64 would have none left

For a vanilla RNN ∂h_T/∂h_k is the product of the step Jacobians ∂h_t/∂h_{t−1} = diag(φ'(z_t)) U. Its norm is at most
σ_max(U)^(T−k) times the largest |φ'| to that power, which is 1 for tanh, ReLU and the identity.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace

import numpy as np

from engine.cells import CELLS
from engine.cells.base import before
from engine.cells.gru import GRUTrace
from engine.cells.lstm import LSTMTrace
from engine.cells.rnn import slope_numpy
from engine.experiment import Experiment
from engine.network import layer_weights, unroll
from engine.parameters import Parameters

TELLS_APART = 1e-12  # singular values of a product are known to so much of the largest


@dataclass(frozen=True)
class Flow:
    """How the states of one sequence depend on those before, in the last layer; index k−1 holds step k.

    Attributes:
        hidden: (T, H, H), ∂h_T/∂h_k; row: unit of h_T, column: unit of h_k. In an LSTM with c_k held fixed.
        cell: (T, H, H), ∂h_T/∂c_k along all ways, or None without a cell state.
        highway: (T, H), the part of the diagonal of `cell` that runs along the cell state alone: ∂h_T/∂c_T times the
            product of the forget gates; or None.
    """

    hidden: np.ndarray
    cell: np.ndarray | None
    highway: np.ndarray | None

    @property
    def hidden_norm(self) -> np.ndarray:
        """(T,) spectral norms ‖∂h_T/∂h_k‖."""
        return largest_singular(self.hidden)

    @property
    def cell_norm(self) -> np.ndarray | None:
        """(T,) spectral norms ‖∂h_T/∂c_k‖."""
        return None if self.cell is None else largest_singular(self.cell)

    @property
    def highway_norm(self) -> np.ndarray | None:
        """(T,) spectral norms of the part of ∂h_T/∂c_k along the cell state alone."""
        return None if self.highway is None else np.asarray(np.abs(self.highway).max(axis=1))


def flow_to_the_end(experiment: Experiment, parameters: Parameters, inputs: np.ndarray) -> Flow:
    """∂h_T/∂h_k for all k of a one-layer network, on one sequence of inputs (T, I).

    One backward pass gives them all: the sequence is repeated H times, and copy number i carries back the gradient
    of unit i of h_T.
    """
    width = experiment.hidden_size
    trace = unroll(experiment, parameters, inputs[:, np.newaxis]).layers[-1]
    copies = replace(
        trace, **{each.name: np.repeat(getattr(trace, each.name), width, axis=1) for each in fields(trace)}
    )
    from_last = np.zeros_like(copies.hidden_state)
    from_last[-1] = np.eye(width)
    weights = layer_weights(experiment, parameters, experiment.layers - 1)
    with np.errstate(all="ignore"):
        back, _ = CELLS[experiment.cell].backward(weights, copies, from_last, experiment.activation)
        if not isinstance(back, LSTMTrace):
            return Flow(back.hidden_state_grad, None, None)
        assert isinstance(trace, LSTMTrace)
        later = np.concatenate([trace.forget_gate[1:, 0], np.ones((1, width))])  # f_{k+1} … f_T
        kept = np.cumprod(later[::-1], axis=0)[::-1]
        let_out = trace.output_gate[-1, 0] * (1 - np.tanh(trace.cell_state[-1, 0]) ** 2)
        return Flow(back.hidden_state_grad, back.cell_state_grad, kept * let_out)


@dataclass(frozen=True)
class Strengths:
    """How strongly products of step Jacobians act, ∂s_T/∂s_k at index k−1, as decimal logarithms.

    Attributes:
        singular: (T, n) of the singular values, the largest first; NaN where one is too small beside the largest to
            be told from rounding, −inf if all are zero.
        frobenius: (T,) of the Frobenius norms.
    """

    singular: np.ndarray
    frobenius: np.ndarray

    @property
    def spectral(self) -> np.ndarray:
        """(T,) of the spectral norms."""
        return np.asarray(self.singular[:, 0])


def step_jacobians(experiment: Experiment, parameters: Parameters, inputs: np.ndarray, layer: int = -1) -> np.ndarray:
    """(T, n, n): ∂s_t/∂s_{t−1} of a layer at t = 1 … T, on one sequence of inputs (T, I); row: unit of s_t.

    s is the whole state that a step passes on, without clamped units: h, so n = H; in an LSTM (h, c), so n = 2H. Step 1
    starts from s_0. The network is a recurrent one; below the layer everything is held fixed.
    """
    layer %= experiment.layers
    packed = layer_weights(experiment, parameters, layer).recurrent
    width = packed.shape[1]
    U = packed.reshape(-1, width, width)
    trace = unroll(experiment, parameters, inputs[:, np.newaxis]).layers[layer]
    trace = replace(trace, **{each.name: getattr(trace, each.name)[..., :width] for each in fields(trace)})
    with np.errstate(all="ignore"):
        match trace:
            case LSTMTrace():
                return _of_lstm(trace, U)
            case GRUTrace():
                return _of_gru(trace, U)
        return np.asarray(slope_numpy(trace.hidden_state[:, 0], experiment.activation)[..., np.newaxis] * U[0])


def strengths_to_the_end(steps: np.ndarray, at: Collection[int] | None = None) -> Strengths:
    """Strengths of ∂s_T/∂s_k = J_T J_{T−1} … J_{k+1} of step Jacobians (T, n, n), as from `step_jacobians`.

    Args:
        at: indices k − 1 at which singular values are told, NaN elsewhere, since they take long; None for all.

    The product is brought back to norm 1 after each factor, and what it was divided by is kept as a logarithm. So
    it neither overflows nor vanishes, however many factors there are.
    """
    product, scale = np.eye(steps.shape[1]), 0.0
    singular, frobenius = np.full(steps.shape[:2], np.nan), np.full(len(steps), np.nan)
    with np.errstate(all="ignore"):
        for k in reversed(range(len(steps))):
            if not np.isfinite(product).all():  # nothing can be said from here on back
                break
            if at is None or k in at:
                values = np.linalg.svd(product, compute_uv=False)
                values[values < TELLS_APART * values[0]] = np.nan
                singular[k] = scale + np.log10(values)
            norm = np.linalg.norm(product)
            frobenius[k] = scale + np.log10(norm)
            if norm:
                product, scale = product / norm, frobenius[k]
            product = product @ steps[k]
    return Strengths(singular, frobenius)


def log_norm_of_product(steps: np.ndarray) -> float:
    """log₁₀ of the spectral norm of J_T J_{T−1} … J_1, of step Jacobians (T, n, n): neither overflows nor vanishes."""
    product, scale = np.eye(steps.shape[1]), 0.0
    with np.errstate(all="ignore"):
        for step in steps:
            product = step @ product
            size = np.abs(product).max()
            if not size or not np.isfinite(size):
                return float(np.log10(size))
            product, scale = product / size, scale + np.log10(size)
        return float(scale + np.log10(np.linalg.norm(product, 2)))


def _of_gru(trace: GRUTrace, recurrent: np.ndarray) -> np.ndarray:
    r, z, n, recalled = (each[:, 0] for each in (trace.reset_gate, trace.update_gate, trace.candidate, trace.recalled))
    u_r, u_z, u_n = recurrent
    previous = before(trace.hidden_state, trace.start[0])[:, 0]
    candidate = _rows(1 - n * n) * (_rows(r) * u_n + _rows(recalled * r * (1 - r)) * u_r)
    return np.asarray(_diagonal(z) + _rows(1 - z) * candidate + _rows((previous - n) * z * (1 - z)) * u_z)


def _of_lstm(trace: LSTMTrace, recurrent: np.ndarray) -> np.ndarray:
    gates = (trace.input_gate, trace.forget_gate, trace.cell_candidate, trace.output_gate)
    i, f, g, o = (each[:, 0] for each in gates)
    u_i, u_f, u_g, u_o = recurrent
    previous = before(trace.cell_state, trace.start[1])[:, 0]
    squashed = np.tanh(trace.cell_state[:, 0])
    c_by_h = _rows(g * i * (1 - i)) * u_i + _rows(previous * f * (1 - f)) * u_f + _rows(i * (1 - g * g)) * u_g
    c_by_c = _diagonal(f)
    let_out = _rows(o * (1 - squashed * squashed))  # ∂h_t/∂c_t
    h_by_h = let_out * c_by_h + _rows(squashed * o * (1 - o)) * u_o
    return np.block([[h_by_h, let_out * c_by_c], [c_by_h, c_by_c]])


def _rows(factors: np.ndarray) -> np.ndarray:
    """(T, H) → (T, H, 1): one factor for each row of a matrix."""
    return factors[..., np.newaxis]


def _diagonal(values: np.ndarray) -> np.ndarray:
    """(T, H) → (T, H, H)."""
    return np.asarray(_rows(values) * np.eye(values.shape[-1]))


def step_jacobian(experiment: Experiment, parameters: Parameters, inputs: np.ndarray, step: int) -> np.ndarray:
    """∂h_t/∂h_{t−1} (H, H) at t = `step` (from 2) of a vanilla RNN on inputs (T, I): diag(φ'(z_t)) U."""
    return np.asarray(flow_to_the_end(experiment, parameters, inputs[:step]).hidden[-2])


def bound(recurrent: np.ndarray, steps: int) -> np.ndarray:
    """(steps,) the bound σ_max(U)^(T−k) on ‖∂h_T/∂h_k‖ of a vanilla RNN, k = 1 … T = `steps`."""
    distance = np.arange(steps)[::-1]
    powers: np.ndarray = spectral_norm(recurrent) ** distance.astype(np.float64)
    return powers


def spectral_radius(matrix: np.ndarray) -> float:
    """Largest |eigenvalue|."""
    return float(np.abs(np.linalg.eigvals(matrix.astype(np.float64))).max())


def spectral_norm(matrix: np.ndarray) -> float:
    """Largest singular value."""
    return float(np.linalg.norm(matrix.astype(np.float64), 2))


def largest_singular(matrices: np.ndarray) -> np.ndarray:
    """(n,) spectral norms of (n, H, H); infinite where a matrix is not finite."""
    finite = np.isfinite(matrices).all(axis=(1, 2))
    norms = np.full(len(matrices), np.inf)
    if finite.any():
        norms[finite] = np.linalg.norm(matrices[finite], 2, axis=(1, 2))
    return norms
