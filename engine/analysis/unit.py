"""All numbers inside one unit of a cell at one time step: what stands on the lines of the cell's diagram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analysis.weights import Incoming, free_units, incoming
from engine.cells.gru import GRUTrace
from engine.cells.lstm import LSTMTrace
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

    def before(states: np.ndarray, start: int) -> float:
        if place.step > 1:
            return float(states[place.step - 2, place.sequence, place.unit])
        return float(trace.start[start, place.sequence, place.unit]) if len(trace.start) > start else 0.0

    state_before, state = before(trace.hidden_state, 0), float(trace.hidden_state[at])
    match trace:
        case LSTMTrace():
            return LSTMNumbers(
                forget=float(trace.forget_gate[at]),
                input=float(trace.input_gate[at]),
                candidate=float(trace.cell_candidate[at]),
                output=float(trace.output_gate[at]),
                cell_before=before(trace.cell_state, 1),
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
    from_input, from_state = heard_at(experiment, recording, place, weights)
    return RNNNumbers(float(from_input[0]), float(from_state[0]), float(weights.bias[0]), state_before, state)


def incoming_at(experiment: Experiment, parameters: Parameters, place: Place) -> Incoming | None:
    """The weights into the unit at `place`; None if it is clamped and has none."""
    if place.unit >= free_units(parameters, place.layer):
        return None
    return incoming(experiment, parameters, place.layer, place.unit)


def heard_at(
    experiment: Experiment, recording: Recording, place: Place, weights: Incoming
) -> tuple[np.ndarray, np.ndarray]:
    """W x_t and U h_{t−1} at `place`, (G,) each: what the unit hears in each of its blocks, without the bias."""
    below = recording.layers[place.layer - 1].hidden_state if place.layer else None
    seen = seen_by_first_layer(experiment, recording.inputs.astype(np.float64)) if below is None else below
    width = weights.input.shape[1]
    window = range(place.step - 1, place.step - 1 - max(1, width // max(1, seen.shape[2])), -1)
    latest = [seen[t, place.sequence] if t >= 0 else np.zeros(seen.shape[2]) for t in window]
    x = np.concatenate(latest)[:width].astype(np.float64)
    trace = recording.layers[place.layer]
    states = trace.hidden_state[place.step - 2] if place.step > 1 else trace.start[0] if len(trace.start) else None
    free = weights.recurrent.shape[1]
    if states is None or not free:
        return weights.input @ x, np.zeros(len(weights.bias))
    return weights.input @ x, weights.recurrent @ states[place.sequence, :free].astype(np.float64)
