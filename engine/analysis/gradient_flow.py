"""How the gradient flows back through a layer: how far it reaches, and which way it takes.

    report = flow_report(experiment, state.parameters, inputs, output_grad)   # (T, I) and ∂L/∂(outputs) (T, O)
    report.reach.singular[k - 1]     # log₁₀ of the singular values of ∂s_T/∂s_k
    report.ways.share[k - 1]         # how much of ∂L/∂c_k came along the cell state alone, 0…1

**Reach.** ∂s_T/∂s_k is a product of T − k step Jacobians, s being all that a step passes on: h, or (h, c) in an LSTM.

**Ways.** An LSTM's cell state gets its gradient along two kinds of ways:

    ∂L/∂c_k   = f_{k+1} ⊙ ∂L/∂c_{k+1}  + (∂h_k/∂c_k) ⊙ ∂L/∂h_k       all ways
    highway_k = f_{k+1} ⊙ highway_{k+1} + (∂h_k/∂c_k) ⊙ r_k           along the cell state alone
    gates_k   = ∂L/∂c_k − highway_k                                   the rest

r_k is what h_k receives at its own step, from the read-out or the layer above. The rest has passed the recurrent
weights U at least once, on its way through a gate or the candidate. In a GRU the state itself is the highway, with its
update gate: highway_k = z_{k+1} ⊙ highway_{k+1} + r_k. A vanilla RNN has none: everything from later steps passes U.

Both highways are what backpropagation through time gives if U is taken for zero on the way back, and on that way only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engine.analysis.backward import backward, only_units
from engine.analysis.jacobians import (
    spectral_norm,
    spectral_radius,
    step_jacobians,
    strengths_to_the_end,
)
from engine.cells import CELLS, Trace
from engine.cells.gru import GRUTrace
from engine.cells.lstm import LSTMTrace
from engine.cells.rnn import slope_numpy
from engine.experiment import Experiment
from engine.network import layer_weights, unroll
from engine.parameters import Parameters, layer_names, sizes_of

MOST_EFFORT = 4e8  # matrices × width³ that singular values are taken of; about half a second


@dataclass(frozen=True)
class Reach:
    """How strongly s_T depends on s_k, index k−1; all are decimal logarithms.

    Attributes:
        at: indices at which singular values were told, increasing; of a long and wide network not all.
        singular: (T, n), singular values of ∂s_T/∂s_k, the largest first; NaN where they can't be told from rounding.
        bound: (T,), which the largest can't exceed: (σ_max(U) · max|φ'|)^(T−k) for a vanilla RNN, max|φ'| being that
            on this sequence; else the product of the step Jacobians' norms.
        theory: (T,), what the weights let one expect: ρ(U)^(T−k) for a vanilla RNN, else the largest product of
            forget gates, or update gates, of a unit.
    """

    at: np.ndarray
    singular: np.ndarray
    bound: np.ndarray
    theory: np.ndarray


@dataclass(frozen=True)
class Ways:
    """The gradient that a layer's memory gets: ∂L/∂c_k of an LSTM, ∂L/∂h_k else; index k−1.

    Attributes:
        all_ways: (T, H).
        highway: (T, H), the part along the memory alone, or None where there is no highway.
    """

    all_ways: np.ndarray
    highway: np.ndarray | None

    @property
    def gates(self) -> np.ndarray | None:
        """(T, H), the part that has passed the recurrent weights."""
        with np.errstate(all="ignore"):
            return None if self.highway is None else self.all_ways - self.highway

    @property
    def share(self) -> np.ndarray | None:
        """(T,) 0…1: ‖highway‖ ÷ (‖highway‖ + ‖gates‖); NaN where no gradient arrives at all."""
        if self.highway is None or self.gates is None:
            return None
        with np.errstate(all="ignore"):
            along, through = (np.linalg.norm(each, axis=1) for each in (self.highway, self.gates))
            return np.asarray(along / (along + through))


@dataclass(frozen=True)
class FlowReport:
    """What a moment of a network says about its gradient, on one sequence and for one layer."""

    reach: Reach
    ways: Ways


def flow_report(
    experiment: Experiment, parameters: Parameters, inputs: np.ndarray, output_grad: np.ndarray, layer: int = -1
) -> FlowReport:
    """Reach and ways of a recurrent layer on inputs (T, I), for a loss with ∂L/∂(outputs) (T, O)."""
    return FlowReport(
        reach_of(experiment, parameters, inputs, layer), ways_of(experiment, parameters, inputs, output_grad, layer)
    )


def reach_of(experiment: Experiment, parameters: Parameters, inputs: np.ndarray, layer: int = -1) -> Reach:
    """How strongly the last state of a layer depends on those before."""
    layer %= experiment.layers
    steps = step_jacobians(experiment, parameters, inputs, layer)
    trace = unroll(experiment, parameters, inputs[:, np.newaxis]).layers[layer]
    trace = only_units(trace, sizes_of(experiment).free)
    with np.errstate(all="ignore"):
        match trace:
            case LSTMTrace():
                bound, theory = _sums_to_the_end(np.log10(_norms(steps))), _kept(trace.forget_gate)
            case GRUTrace():
                bound, theory = _sums_to_the_end(np.log10(_norms(steps))), _kept(trace.update_gate)
            case _:
                bound, theory = _powers(experiment, parameters, trace, layer)
    count = int(np.clip(MOST_EFFORT / steps.shape[1] ** 3, 2, len(steps)))
    at = np.unique(np.linspace(0, len(steps) - 1, count).round().astype(int))
    return Reach(at, strengths_to_the_end(steps, set(at.tolist())).singular, bound, theory)


def ways_of(
    experiment: Experiment, parameters: Parameters, inputs: np.ndarray, output_grad: np.ndarray, layer: int = -1
) -> Ways:
    """The gradient of a layer's memory, and the part of it that comes along the memory alone."""
    layer %= experiment.layers
    unrolled = unroll(experiment, parameters, inputs[:, np.newaxis])
    back = backward(experiment, parameters, unrolled, output_grad[:, np.newaxis], inputs.shape[1])
    trace = back.layers[layer]
    if not isinstance(trace, (LSTMTrace, GRUTrace)):
        return Ways(trace.hidden_state_grad[:, 0], None)
    weights = layer_weights(experiment, parameters, layer)
    without = replace(weights, recurrent=np.zeros_like(weights.recurrent))
    with np.errstate(all="ignore"):
        alone, _ = CELLS[experiment.cell].backward(without, trace, back.received[layer], experiment.activation)
    return Ways(_memory_grad(trace), _memory_grad(alone))


def recurrent_radii(experiment: Experiment, parameters: Parameters, layer: int = -1) -> np.ndarray:
    """(G,) the largest |eigenvalue| of each H × H block of a layer's recurrent weights; NaN if not finite."""
    packed = parameters[layer_names(layer % experiment.layers)[1]]
    width = sizes_of(experiment).free
    blocks = packed.reshape(-1, width, width)
    return np.array([spectral_radius(block) if np.isfinite(block).all() else np.nan for block in blocks])


def _norms(steps: np.ndarray) -> np.ndarray:
    """(T,) spectral norms of (T, n, n), by the eigenvalues of J Jᵀ: faster than singular values; NaN if not finite."""
    norms = np.full(len(steps), np.nan)
    finite = np.isfinite(steps).all(axis=(1, 2))
    norms[finite] = np.sqrt(np.linalg.eigvalsh(steps[finite] @ steps[finite].swapaxes(1, 2))[:, -1])
    return norms


def _memory_grad(trace: Trace) -> np.ndarray:
    """(T, H): ∂L/∂c_t, or ∂L/∂h_t where there is no cell state."""
    return (trace.cell_state_grad if isinstance(trace, LSTMTrace) else trace.hidden_state_grad)[:, 0]


def _powers(experiment: Experiment, parameters: Parameters, trace: Trace, layer: int) -> tuple[np.ndarray, np.ndarray]:
    """(T,) and (T,): the bound and the curve of a vanilla RNN."""
    U = layer_weights(experiment, parameters, layer).recurrent
    distance = np.arange(len(trace.hidden_state))[::-1].astype(np.float64)
    slopes = slope_numpy(trace.hidden_state[1:, 0], experiment.activation)
    if not np.isfinite(U).all():
        return np.full(len(distance), np.nan), np.full(len(distance), np.nan)
    bound, theory = np.log10(spectral_norm(U) * np.abs(slopes).max()), np.log10(spectral_radius(U))
    return np.where(distance > 0, distance * bound, 0), np.where(distance > 0, distance * theory, 0)


def _kept(gate: np.ndarray) -> np.ndarray:
    """(T,) of gate openings (T, 1, H): log₁₀ of the largest product over the steps k + 1 … T of a unit's openings."""
    return np.asarray(_sums_to_the_end(np.log10(gate[:, 0])).max(axis=1))


def _sums_to_the_end(logs: np.ndarray) -> np.ndarray:
    """(T, …): at index k−1 the sum over the steps k + 1 … T, whose values are at k … T−1."""
    later = np.concatenate([logs[1:], np.zeros_like(logs[:1])])
    return np.asarray(np.cumsum(later[::-1], axis=0)[::-1])
