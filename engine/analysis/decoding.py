"""Which past inputs can be read out of h_t? A linear read-out for every lag (Jaeger 2001, short-term memory).

found = decode(experiment, state.parameters)
found.by_lag           # (K + 1,) how much of x_{t−k} a linear function of h_t tells, for k = 0 … K
found.capacity         # their sum: the memory capacity, at most H for independent inputs
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.experiment import Experiment
from engine.network import unroll
from engine.parameters import Parameters
from engine.supply import fresh_batch

RIDGE = 1e-4  # of the mean variance of a unit
LAGS = 12
SEQUENCES = 160  # half of them to fit the read-outs, half to judge them


@dataclass(frozen=True)
class Decoding:
    """What the states tell of past inputs.

    Attributes:
        by_lag: (K + 1,) squared correlation 0…1 between x_{t−k} and its read-out, on held-out sequences.
    """

    by_lag: np.ndarray

    @property
    def capacity(self) -> float:
        """The memory capacity up to lag K."""
        return float(self.by_lag.sum())


def decode(
    experiment: Experiment, parameters: Parameters, lags: int = LAGS, channel: int = 0, length: int | None = None
) -> Decoding:
    """Fit and judge a linear read-out of x_{t−k} from h_t for each lag k = 0 … `lags`.

    Args:
        channel: which of the inputs.
        length: of the sequences, all longer than `lags`; by default twice the lags and some.
    """
    batch = fresh_batch(experiment, SEQUENCES, length=length or 2 * lags + 8)
    states = unroll(experiment, parameters, batch.inputs).hidden_state[lags:]  # (T − K, B, H)
    wanted = np.stack([batch.inputs[lags - lag : len(batch.inputs) - lag, :, channel] for lag in range(lags + 1)], -1)
    half = SEQUENCES // 2
    return Decoding(read_out_quality(states[:, :half], wanted[:, :half], states[:, half:], wanted[:, half:]))


def read_out_quality(
    states: np.ndarray, wanted: np.ndarray, new_states: np.ndarray, new_wanted: np.ndarray
) -> np.ndarray:
    """(K,) squared correlations, on new data, of ridge regressions from states (..., H) to wanted (..., K).

    Computed in closed form. A target that does not vary, or states that are not finite, can't be told: 0.
    """
    x, y, x_new, y_new = (
        each.reshape(-1, each.shape[-1]).astype(np.float64) for each in (states, wanted, new_states, new_wanted)
    )
    if not (np.isfinite(x).all() and np.isfinite(x_new).all()):
        return np.zeros(y.shape[1])
    middle, mean = x.mean(axis=0), y.mean(axis=0)
    x, x_new = x - middle, x_new - middle
    gram = x.T @ x
    gram[np.diag_indices_from(gram)] += RIDGE * max(np.trace(gram) / len(gram), 1e-12)
    told = x_new @ np.linalg.solve(gram, x.T @ (y - mean))
    told, y_new = told - told.mean(axis=0), y_new - y_new.mean(axis=0)
    power = np.square(told).sum(axis=0) * np.square(y_new).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.square((told * y_new).sum(axis=0)) / power
    return np.where(power > 1e-20, share, 0.0)
