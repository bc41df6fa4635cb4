"""The optimisers' update rules, with the defaults of `torch.optim`, on one long vector of parameters.

    sgd        θ ← θ − η g
    momentum   m ← 0.9 m + g,  θ ← θ − η m, and m = g at the first step
    rmsprop    v ← 0.99 v + 0.01 g²,  θ ← θ − η g / (√v + ε)                      (Hinton 2012)
    adam       m ← 0.9 m + 0.1 g,  v ← 0.999 v + 0.001 g²,
               θ ← θ − η (m / (1 − 0.9ⁿ)) / (√(v / (1 − 0.999ⁿ)) + ε), step n     (Kingma & Ba 2015)

`torch.optim` itself loads PyTorch's compiler at its first step, which costs a worker 67 MB and a second. The tests
hold these rules against it. Adam's is the kernel that `torch.optim.Adam(fused=True)` calls, to the byte; no
documentation promises it, hence the exact pin of torch.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

MOMENTUM = 0.9
DECAY = 0.99  # of RMSprop's mean square
BETAS = (0.9, 0.999)  # of Adam's means
EPSILON = 1e-8
MOMENTS = {
    "sgd": (),
    "momentum": ("momentum_buffer",),
    "rmsprop": ("square_avg",),
    "adam": ("exp_avg", "exp_avg_sq"),
}
"""Optimiser → its running averages, by PyTorch's names."""


class FlatOptimizer:
    """Updates a vector of parameters in place.

    Args:
        name: "sgd", "momentum", "rmsprop" or "adam".
        values: (n,) float32, the parameters.
        moments: PyTorch's name → (n,) float32, after `steps` steps; empty before the first.
        steps: made before with these moments.
    """

    def __init__(self, name: str, values: np.ndarray, moments: Mapping[str, np.ndarray], steps: int) -> None:
        self.name = name
        self._values = torch.from_numpy(values)
        self._steps = steps if moments else 0
        self._moments = {key: torch.from_numpy(moments[key].copy()) for key in MOMENTS[name] if moments}

    @property
    def moments(self) -> dict[str, np.ndarray]:
        """The running averages, copied; empty before the first step."""
        return {name: value.numpy().copy() for name, value in self._moments.items()}

    def step(self, along: np.ndarray, rate: float) -> None:
        """Make one update along the gradient `along` (n,) with learning rate η = `rate`."""
        gradient = torch.from_numpy(along)
        if not self._moments:
            self._moments = {name: torch.zeros_like(gradient) for name in MOMENTS[self.name]}
        self._steps += 1
        match self.name:
            case "sgd":
                self._values.add_(gradient, alpha=-rate)
            case "momentum":
                self._values.add_(self._moments["momentum_buffer"].mul_(MOMENTUM).add_(gradient), alpha=-rate)
            case "rmsprop":
                square = self._moments["square_avg"].mul_(DECAY).addcmul_(gradient, gradient, value=1 - DECAY)
                self._values.addcdiv_(gradient, square.sqrt().add_(EPSILON), value=-rate)
            case _:
                mean, mean_square = [self._moments["exp_avg"]], [self._moments["exp_avg_sq"]]
                count = [torch.tensor(float(self._steps))]
                torch._fused_adam_(
                    [self._values], [gradient], mean, mean_square, [], count, lr=rate, beta1=BETAS[0], beta2=BETAS[1],
                    weight_decay=0.0, eps=EPSILON, amsgrad=False, maximize=False, grad_scale=None, found_inf=None,
                )  # fmt: skip
