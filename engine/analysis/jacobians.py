"""How a change of an early state changes the last one: products of step Jacobians (Pascanu, Mikolov & Bengio 2013).

    flow = flow_to_the_end(experiment, state.parameters, inputs)     # inputs (T, I)
    flow.hidden_norm[k - 1]        # ‖∂h_T/∂h_k‖, k = 1 … T

For a vanilla RNN ∂h_T/∂h_k is the product of the step Jacobians ∂h_t/∂h_{t−1} = diag(φ'(z_t)) U. Its norm is at most
σ_max(U)^(T−k) times the largest |φ'| to that power, which is 1 for tanh, ReLU and the identity.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from engine.cells import CELLS
from engine.cells.lstm import LSTMTrace
from engine.experiment import Experiment
from engine.network import layer_weights, unroll
from engine.parameters import Parameters


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
