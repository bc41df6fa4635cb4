"""What the fast twins of the RNN and the GRU share: how a sequence lies in memory, and sums over its time steps.

They work in NumPy, which takes half as long as PyTorch for operations as small as a time step's. A step is a matrix
with a row for each unit and a column for each sequence of the batch, so that each gate's rows lie in one piece. What
a step hears is stacked: h_{t−1}, x_t and ones. One product with [U W b] then gives all that goes into its units,
and one more over all steps gives the gradients of U, W and b together.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor


def heard_by(inputs: Tensor, start: Tensor) -> np.ndarray:
    """What the units hear at each step (T + 1, H + I + 1, B): h_{t−1}, x_t and ones.

    The states are still to be filled in, but for h_0. The last step is there for h_T alone.

    Args:
        inputs: (T, B, I).
        start: h_0 (B, H), in the same precision as the inputs and the weights.
    """
    steps, batch, channels = inputs.shape
    width = start.shape[1]
    heard = np.empty((steps + 1, width + channels + 1, batch), start.detach().numpy().dtype)
    heard[0, :width] = start.detach().numpy().T
    heard[:-1, width:-1] = inputs.detach().numpy().swapaxes(1, 2)
    heard[-1, width:-1] = 0
    heard[:, -1] = 1
    return heard


def gradients_by_step(gradient: Tensor) -> list[np.ndarray | None]:
    """∂L/∂h_t (H, B) as far as it comes from above, of (T, B, H); None where it is all zero, as without a target."""
    array = gradient.numpy()
    told: np.ndarray = array.reshape(len(array), -1).any(axis=1)  # type: ignore[assignment]
    return [step.T if some else None for step, some in zip(array, told, strict=True)]


def weight_gradient(gradient: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """∂L/∂[U W b] (G, H + I + 1), of ∂L/∂(what goes into the units) (T, G, B) and what they hear."""
    heard = heard[:-1]
    result: np.ndarray
    if gradient.shape[1] <= 64 and gradient.shape[2] >= 8:  # a product a step costs less than copying
        result = np.matmul(gradient, heard.swapaxes(1, 2)).sum(axis=0)
    else:
        across = gradient.swapaxes(0, 1).reshape(gradient.shape[1], -1)
        result = across @ heard.swapaxes(0, 1).reshape(heard.shape[1], -1).T
    return result
