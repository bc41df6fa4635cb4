"""Which input step made an output: gradient × input, and how strongly each step could (Simonyan et al. 2014).

    found = attribution(experiment, state.parameters, inputs, at=50, channel=0)     # inputs (T, I)
    found.contribution[t - 1]      # Σ_i x_{t,i} ∂y/∂x_{t,i}, signed
    found.strength[t - 1]          # ‖∂y/∂x_t‖

y is one output channel at one step, before any sigmoid or softmax. Gradient × input is the part of y that is linear in
x_t where the network stands; for a linear network without biases that starts from zero the parts of all steps add up
to y. Elsewhere they need not: it tells what a small change would do, not what the output would be without that input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.analysis.backward import backward, repeated
from engine.experiment import Experiment
from engine.network import unroll
from engine.parameters import Parameters

SLICE = 32  # output steps carried back side by side


@dataclass(frozen=True)
class Attribution:
    """Outputs by what came in; the last two axes are time steps and channels of the input.

    Attributes:
        gradient: (…, T, I), ∂y/∂x_t.
        inputs: (T, I).
    """

    gradient: np.ndarray
    inputs: np.ndarray

    @property
    def contribution(self) -> np.ndarray:
        """(…, T): gradient × input, summed over the channels."""
        with np.errstate(all="ignore"):
            return np.asarray((self.gradient * self.inputs).sum(axis=-1))

    @property
    def strength(self) -> np.ndarray:
        """(…, T): Euclidean norm of the gradient."""
        with np.errstate(all="ignore"):
            return np.asarray(np.linalg.norm(self.gradient, axis=-1))


def attribution(
    experiment: Experiment, parameters: Parameters, inputs: np.ndarray, at: int, channel: int
) -> Attribution:
    """Output `channel` (from 0) at step `at` (from 1) by the inputs (T, I)."""
    found = by_output_step(experiment, parameters, inputs, (at,), channel)
    return Attribution(found.gradient[0], found.inputs)


def by_output_step(
    experiment: Experiment, parameters: Parameters, inputs: np.ndarray, steps: Sequence[int], channel: int
) -> Attribution:
    """Output `channel` at each of `steps` (from 1) by the inputs (T, I): gradients (steps, T, I)."""
    unrolled = unroll(experiment, parameters, inputs[:, np.newaxis])
    parts = []
    for begin in range(0, len(steps), SLICE):
        some = np.array(steps[begin : begin + SLICE])
        output_grad = np.zeros((len(inputs), len(some), unrolled.outputs.shape[-1]))
        output_grad[some - 1, np.arange(len(some)), channel] = 1
        copies = repeated(unrolled, len(some))
        back = backward(experiment, parameters, copies, output_grad, inputs.shape[1])
        parts.append(back.inputs.swapaxes(0, 1))
    return Attribution(np.concatenate(parts), inputs.astype(np.float64))


def at_moments(
    experiment: Experiment, moments: Sequence[Parameters], inputs: np.ndarray, at: int, channel: int
) -> np.ndarray:
    """(moments, T, I) gradients ∂y/∂x_t of one output, with the parameters of several moments of training."""
    return np.stack([attribution(experiment, each, inputs, at, channel).gradient for each in moments])
