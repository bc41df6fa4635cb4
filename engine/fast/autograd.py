"""A layer in training that PyTorch runs and differentiates: for cells that it has a fast kernel for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from engine.cells.base import Weights
from engine.fast.layer import LayerGradients, LayerPass

TorchWeights = tuple[Tensor, Tensor, Tensor, Tensor]
"""weight_ih, weight_hh, bias_ih, bias_hh."""


class AutogradPass(LayerPass):
    """h_1 … h_T as `run` makes them.

    Args:
        run: inputs (T, B, I), weights and start → states (T, B, H), by operations of PyTorch's and using all weights.
        inputs: (T, B, I).
        start: (S, B, H), or None, which `run` is given as it is.
    """

    def __init__(
        self,
        run: Callable[[Tensor, TorchWeights, Tensor | None], Tensor],
        inputs: np.ndarray,
        weights: Weights,
        start: np.ndarray | None,
    ) -> None:
        self._inputs = _leaf(inputs)
        self._weights = (
            _leaf(weights.input),
            _leaf(weights.recurrent),
            _leaf(weights.input_bias),
            _leaf(weights.recurrent_bias),
        )
        self._start = None if start is None else _leaf(start)
        self._states = run(self._inputs, self._weights, self._start)
        self.states = self._states.detach().numpy()

    def back(self, states_grad: np.ndarray, *, inputs_too: bool = False) -> LayerGradients:
        if len(states_grad) < len(self.states):
            last = states_grad
            states_grad = np.zeros_like(self.states)
            states_grad[len(states_grad) - len(last) :] = last
        leaves = [*self._weights]
        if self._start is not None:
            leaves.append(self._start)
        if inputs_too:
            leaves.append(self._inputs)
        found = torch.autograd.grad(self._states, leaves, torch.from_numpy(states_grad))
        grads = [grad.numpy() for grad in found]
        start = None if self._start is None else grads[4]
        return LayerGradients(Weights(*grads[:4]), start, grads[-1] if inputs_too else None)


def _leaf(array: np.ndarray) -> Tensor:
    """A tensor over the same memory, to differentiate by."""
    return torch.from_numpy(array).requires_grad_()
