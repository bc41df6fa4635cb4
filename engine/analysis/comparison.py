"""What two networks have in common that can be laid one over the other, unit by unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.cells import CELLS
from engine.experiment import Experiment
from engine.lane import Lane
from engine.parameters import initial_parameters

HIDDEN, GRADIENT = "hidden_state", "gradient"


@dataclass(frozen=True)
class Quantity:
    """Something that is known of both networks.

    Attributes:
        field: of a layer's `Trace`, or `GRADIENT`: ‖∂L/∂h_t‖ by training step.
        title: on the screen.
    """

    field: str
    title: str


def common_quantities(one: Experiment, other: Experiment) -> tuple[Quantity, ...]:
    """What both networks have: the hidden state, gates and cell state of the same name, and the gradient."""
    panels = {panel.field: panel.title for panel in CELLS[one.cell].panels}
    shared = [panel.field for panel in CELLS[other.cell].panels if panel.field in panels]
    return (
        Quantity(HIDDEN, "Hidden state"),
        *(Quantity(field, panels[field]) for field in shared),
        Quantity(GRADIENT, "Gradient norm by training step"),
    )


def why_not(one: Experiment, other: Experiment, quantity: Quantity) -> str | None:
    """Why two networks can't be laid over each other, in a sentence; None if they can."""
    if quantity not in common_quantities(one, other):
        return f"Only one of the two networks has: {quantity.title.lower()}. Choose something that both have."
    if quantity.field != GRADIENT and one.hidden_size != other.hidden_size:
        return (
            f"One network has {one.hidden_size} units, the other {other.hidden_size}: a difference unit by unit needs "
            "networks of the same size."
        )
    return None


def begin_equal(one: Experiment, other: Experiment) -> bool:
    """Whether two networks begin with the same weights, so that their units correspond."""
    weights = [
        {name: value for name, value in initial_parameters(each).items() if name.startswith("rnn.")}
        for each in (one, other)
    ]
    first, second = weights
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def values_of(lane: Lane, quantity: Quantity, layer: int, sequence: int) -> np.ndarray:
    """(H, T) of a layer on one displayed sequence; the topmost layer where there is none of that number."""
    trace = lane.recording.layers[min(layer, len(lane.recording.layers) - 1)]
    return np.asarray(getattr(trace, quantity.field)[:, sequence].T)


def log_gradients(lane: Lane, steps: np.ndarray, layer: int, sequence: int) -> np.ndarray:
    """(n, T) decimal logarithms of ‖∂L/∂h_t‖ at training steps `steps`, NaN for those yet to come, at least −40."""
    layer = min(layer, len(lane.recording.layers) - 1)
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(np.log10(lane.gradients.on_grid(steps, layer, sequence)), -40, 40))
