"""What a recurrent cell is: its equations forward and backward, in NumPy, and its fast twin.

The equations are what the screen shows. They run the cell one step after the other over the few displayed
sequences, in float64, and carry the gradient back by hand-written backpropagation through time. They need
no PyTorch, so the page shows an untrained network before any worker is warm. The fast twin trains.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from engine.cells.interference import Interference

if TYPE_CHECKING:
    from engine.fast.layer import LayerPass


@dataclass(frozen=True)
class Weights:
    """The parameters of one recurrent layer, G blocks of H rows packed as PyTorch packs them.

    Attributes:
        input: W, (G·H, I).
        recurrent: U, (G·H, H).
        input_bias: (G·H,).
        recurrent_bias: (G·H,).
    """

    input: np.ndarray
    recurrent: np.ndarray
    input_bias: np.ndarray
    recurrent_bias: np.ndarray


@dataclass(frozen=True)
class Trace:
    """What one layer did on B sequences; arrays are (T, B, H) and index t−1 holds step t, but for the start.

    Attributes:
        start: (S, B, H), what the layer started from: h_0, and c_0 where there is a cell state. It is not shown.
        start_grad: (S, B, H), ∂L/∂(start).
        hidden_state: h_1 … h_T.
        hidden_state_grad: ∂L/∂h_1 … ∂L/∂h_T.
    """

    start: np.ndarray
    start_grad: np.ndarray
    hidden_state: np.ndarray
    hidden_state_grad: np.ndarray


class Panel(NamedTuple):
    """An activation to show.

    Attributes:
        field: its name in the cell's Trace.
        title: on the screen.
        symbol: in the equations.
        is_gate: True for an opening 0…1, False for a signed activity.
        meaning: what the network does with it, in one sentence.
    """

    field: str
    title: str
    symbol: str
    is_gate: bool
    meaning: str


TraceType = TypeVar("TraceType", bound=Trace)


class Cell(ABC, Generic[TraceType]):
    """One kind of recurrent layer. One subclass, one file, one entry in every menu.

    Attributes:
        name: identifier, as in a URL.
        title: as on the screen.
        equations: one step, in plain characters, a line each.
        blocks: G, how many H-row blocks the parameters pack.
        panels: gates and further states to show, in the order of the screen.
        states: S, how many state vectors it carries from step to step; 0 for a network without recurrence.
        state_names: fields of its Trace that are states, the hidden one first.
        gate_blocks: its gates, fields of its Trace, and the number of each one's block.
        own_settings: fields of Experiment that not every cell heeds, and this one does.
        order: place among the lanes.
        step_cost: rough milliseconds of a training step with T=50, B=32, H=32 on one core; sizes the chunks.
    """

    name: str
    title: str
    equations: tuple[str, ...]
    blocks: int
    states: int = 1
    state_names: tuple[str, ...] = ("hidden_state",)
    gate_blocks: Mapping[str, int] = MappingProxyType({})
    panels: tuple[Panel, ...] = ()
    own_settings: frozenset[str] = frozenset()
    order: int = 100
    step_cost: float = 1.0

    @abstractmethod
    def forward(
        self,
        weights: Weights,
        inputs: np.ndarray,
        activation: str,
        start: np.ndarray | None = None,
        interference: Interference | None = None,
    ) -> TraceType:
        """Run the layer over `inputs` (T, B, I) from `start` (S, B, H), zero if None.

        The gradients of the result are NaN.

        Args:
            interference: what is done to it from outside meanwhile.
        """

    @abstractmethod
    def backward(
        self,
        weights: Weights,
        trace: TraceType,
        output_grad: np.ndarray,
        activation: str,
        interference: Interference | None = None,
    ) -> tuple[TraceType, np.ndarray]:
        """Carry a gradient back through time.

        Args:
            trace: from `forward`.
            output_grad: (T, B, H), what the layer's outputs h_t receive from above, at each step.
            interference: the one that `forward` had.

        Returns:
            The trace with its gradients, and ∂L/∂(what the layer saw), (T, B, fan-in).
        """

    @abstractmethod
    def run_fast(
        self, inputs: np.ndarray, weights: Weights, activation: str, start: np.ndarray | None = None
    ) -> LayerPass:
        """Run the layer over `inputs` (T, B, I) from `start` (S, B, H), zero if None, as fast as can be.

        In the precision of the weights, which inputs and start share.
        """

    def equation(self, activation: str) -> str:
        """The first of `equations`, with the activation that the network has."""
        if "activation" not in self.own_settings or activation == "tanh":
            return self.equations[0]
        return self.equations[0].replace("tanh(", "ReLU(" if activation == "relu" else "(")

    def fan_in(self, channels: int, window: int) -> int:
        """How many numbers a unit of the first layer sees at one step of inputs with `channels` channels."""
        return channels


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^−x), without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def before(states: np.ndarray, start: np.ndarray) -> np.ndarray:
    """States one step earlier: (T, B, H) of h_0 = `start` (B, H), h_1 … h_{T−1}."""
    return np.concatenate([start[np.newaxis], states[:-1]])
