"""All numbers inside one unit of a cell at one time step: what stands on the lines of the cell's diagram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analysis.weights import Incoming, free_units, incoming
from engine.cells.base import before
from engine.cells.gru import GRUTrace
from engine.cells.lstm import LSTMTrace
from engine.cells.window import windows
from engine.experiment import Experiment
from engine.network import seen_by_first_layer
from engine.parameters import Parameters
from engine.recording import Recording


@dataclass(frozen=True)
class Place:
    """One unit at one time step.

    Attributes:
        layer, sequence, unit: from 0.
        step: t, from 1.
    """

    layer: int
    sequence: int
    unit: int
    step: int


@dataclass(frozen=True)
class RNNNumbers:
    """h_t = φ(z), z = W x_t + U h_{t−1} + b, of one unit.

    Attributes:
        from_input: W x_t.
        from_state: U h_{t−1}.
        bias: b.
        state_before: h_{t−1} of this unit.
        state: h_t.
    """

    from_input: float
    from_state: float
    bias: float
    state_before: float
    state: float

    @property
    def total(self) -> float:
        """The sum z before the activation."""
        return self.from_input + self.from_state + self.bias


@dataclass(frozen=True)
class GRUNumbers:
    """h_t = (1 − z) n + z h_{t−1} of one unit.

    Attributes:
        reset, update: r_t and z_t.
        candidate: n_t.
        recalled: U_n h_{t−1} + b'_n, what the reset gate lets through.
        state_before, state: h_{t−1} and h_t.
    """

    reset: float
    update: float
    candidate: float
    recalled: float
    state_before: float
    state: float

    @property
    def let_through(self) -> float:
        """What the reset gate lets through, r (U_n h_{t−1} + b'_n)."""
        return self.reset * self.recalled

    @property
    def new(self) -> float:
        """What is new, (1 − z) n."""
        return (1 - self.update) * self.candidate

    @property
    def kept(self) -> float:
        """What is kept, z h_{t−1}."""
        return self.update * self.state_before


@dataclass(frozen=True)
class LSTMNumbers:
    """c_t = f c_{t−1} + i g and h_t = o tanh(c_t) of one unit.

    Attributes:
        forget, input, output: the gates f_t, i_t and o_t.
        candidate: g_t.
        cell_before, cell: c_{t−1} and c_t.
        state_before, state: h_{t−1} and h_t.
    """

    forget: float
    input: float
    candidate: float
    output: float
    cell_before: float
    cell: float
    state_before: float
    state: float

    @property
    def kept(self) -> float:
        """What is kept, f c_{t−1}."""
        return self.forget * self.cell_before

    @property
    def added(self) -> float:
        """What is added, i g."""
        return self.input * self.candidate

    @property
    def squashed(self) -> float:
        """tanh(c_t)."""
        return float(np.tanh(self.cell))


Numbers = RNNNumbers | GRUNumbers | LSTMNumbers


def numbers_at(experiment: Experiment, parameters: Parameters, recording: Recording, place: Place) -> Numbers:
    """What the network of `parameters`, recorded in `recording`, computes at `place`.

    A clamped unit has a state and, for all else, NaN.
    """
    trace, at = recording.layers[place.layer], (place.step - 1, place.sequence, place.unit)

    def previous(states: np.ndarray, start: int) -> float:
        if place.step > 1:
            return float(states[place.step - 2, place.sequence, place.unit])
        return float(trace.start[start, place.sequence, place.unit]) if len(trace.start) > start else 0.0

    state_before, state = previous(trace.hidden_state, 0), float(trace.hidden_state[at])
    match trace:
        case LSTMTrace():
            return LSTMNumbers(
                forget=float(trace.forget_gate[at]),
                input=float(trace.input_gate[at]),
                candidate=float(trace.cell_candidate[at]),
                output=float(trace.output_gate[at]),
                cell_before=previous(trace.cell_state, 1),
                cell=float(trace.cell_state[at]),
                state_before=state_before,
                state=state,
            )
        case GRUTrace():
            return GRUNumbers(
                reset=float(trace.reset_gate[at]),
                update=float(trace.update_gate[at]),
                candidate=float(trace.candidate[at]),
                recalled=float(trace.recalled[at]),
                state_before=state_before,
                state=state,
            )
    weights = incoming_at(experiment, parameters, place)
    if weights is None:
        return RNNNumbers(np.nan, np.nan, np.nan, state_before, state)
    from_input, from_state = (each[place.step - 1, 0] for each in heard(experiment, recording, place, weights))
    return RNNNumbers(float(from_input), float(from_state), float(weights.bias[0]), state_before, state)


def incoming_at(experiment: Experiment, parameters: Parameters, place: Place) -> Incoming | None:
    """The weights into the unit at `place`; None if it is clamped and has none."""
    if place.unit >= free_units(parameters, place.layer):
        return None
    return incoming(experiment, parameters, place.layer, place.unit)


def heard(
    experiment: Experiment, recording: Recording, place: Place, weights: Incoming
) -> tuple[np.ndarray, np.ndarray]:
    """W x_t and U h_{t−1} for t = 1 … T, (T, G) each: what a unit hears in each of its blocks, without the bias.

    Args:
        place: which unit, on which sequence; its step plays no part.
        weights: those of the unit.
    """
    below = recording.layers[place.layer - 1].hidden_state if place.layer else None
    seen = seen_by_first_layer(experiment, recording.inputs) if below is None else below
    channels, fan_in = seen.shape[2], weights.input.shape[1]
    seen = windows(seen[:, place.sequence : place.sequence + 1].astype(np.float64), max(1, fan_in // max(1, channels)))
    from_input = seen[:, 0, :fan_in] @ weights.input.T
    free = weights.recurrent.shape[1]
    if not free:
        return from_input, np.zeros_like(from_input)
    trace = recording.layers[place.layer]
    states = before(trace.hidden_state, trace.start[0])[:, place.sequence, :free].astype(np.float64)
    return from_input, states @ weights.recurrent.T
