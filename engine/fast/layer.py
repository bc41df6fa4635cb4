"""A layer in training: forward once, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from engine.cells.base import Weights


@dataclass(frozen=True)
class LayerGradients:
    """What a layer receives from the loss L.

    Attributes:
        weights: ∂L/∂(each of its weights).
        start: (S, B, H), ∂L/∂(the states it started from); may be None if it was not given any.
        inputs: (T, B, I), ∂L/∂(its inputs), or None if not asked for.
    """

    weights: Weights
    start: np.ndarray | None
    inputs: np.ndarray | None


class LayerPass(ABC):
    """One layer on B sequences of T steps, in the precision of its weights.

    Attributes:
        states: h_1 … h_T, (T, B, H).
    """

    states: np.ndarray

    @abstractmethod
    def back(self, states_grad: np.ndarray, *, inputs_too: bool = False) -> LayerGradients:
        """The layer's gradients by backpropagation through time. Call it once.

        Args:
            states_grad: (n, B, H), ∂L/∂h_t at the last n of the T steps as far as it comes from above, not from
                later steps; at those before it is zero.
            inputs_too: whether ∂L/∂(inputs) is wanted.
        """
