"""What is done to a layer from outside while it runs: gates that are held, states that are changed.

A held gate has its value whatever the cell would make of it, and so passes no gradient back. A state, h here and
c alike, is changed in two places:

    step t receives    received_t ⊙ h_{t−1}
    h_t becomes        own_t ⊙ h_t + kept_t ⊙ h_{source_t} + added_t     once the cell has made it

Both are linear in what the cell has made. So the way back is the same factors once more, and ∂L/∂h_t is that of
h_t as it has become, which is what the next step, the next layer and the read-out see.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StateChange:
    """What is done to one state of a layer; index t−1 holds step t.

    Attributes:
        received: (T + 1, H), the last row, of a step that never comes, is 1.
        own: (T, H), 0, 1 or −1.
        kept: (T, H).
        source: (T, H), number of the earlier step, 0 for the start.
        added: (T, B, H).
    """

    received: np.ndarray
    own: np.ndarray
    kept: np.ndarray
    source: np.ndarray
    added: np.ndarray

    @classmethod
    def nothing(cls, steps: int, batch: int, units: int) -> StateChange:
        """The change that leaves everything as it is."""
        shape = (steps, units)
        received, added = np.ones((steps + 1, units)), np.zeros((steps, batch, units))
        return cls(received, np.ones(shape), np.zeros(shape), np.zeros(shape, dtype=int), added)

    def apply(self, t: int, states: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Change the state at index `t` of `states` (T, B, H), and give what the next step receives of it."""
        made = np.where(self.own[t], self.own[t] * states[t], 0)  # what is not a number is silenced too
        states[t] = made + self._kept(t, states, start) + self.added[t]
        received: np.ndarray = self.received[t + 1] * states[t]
        return received

    def made(self, states: np.ndarray, start: np.ndarray) -> np.ndarray:
        """What the cell had made of the changed `states` (T, B, H), where anything is left of it; elsewhere 0."""
        kept = np.stack([self._kept(t, states, start) for t in range(len(states))])
        own = self.own[:, np.newaxis]
        return np.where(own, own * (states - kept - self.added), 0)

    def seen(self, earlier: np.ndarray) -> np.ndarray:
        """What each step received of `earlier`, h_0 … h_{T−1} (T, B, H)."""
        seen: np.ndarray = self.received[:-1, np.newaxis] * earlier
        return seen

    def back(self, t: int, future: np.ndarray, state_grad: np.ndarray) -> np.ndarray:
        """∂L/∂(the state before index `t`) by way of all later steps.

        Args:
            future: (B, H), ∂L/∂(what the step at index t received).
            state_grad: (T, B, H), ∂L/∂(the states) from index t on.
        """
        keep = self.kept[t:] * (self.source[t:] == t)
        kept = np.einsum("th,tbh->bh", keep, state_grad[t:]) if keep.any() else 0
        return np.asarray(self.received[t] * future + kept)

    def _kept(self, t: int, states: np.ndarray, start: np.ndarray) -> np.ndarray:
        if not self.kept[t].any():
            return np.zeros_like(start)
        units, source = np.arange(states.shape[2]), self.source[t]
        earlier = np.where(source, states[source - 1, :, units].T, start)
        return np.where(self.kept[t], self.kept[t] * earlier, 0)


@dataclass(frozen=True)
class Interference:
    """All that is done to one layer with G blocks and S states.

    Attributes:
        gates: (T, G, H), the value at which a gate is held, NaN where it is free.
        states: one `StateChange` a state, in the order of the cell's.
    """

    gates: np.ndarray
    states: tuple[StateChange, ...]

    @property
    def free(self) -> np.ndarray:
        """(T, G, H), True where a gate is not held."""
        return np.asarray(np.isnan(self.gates))

    def begin(self, start: np.ndarray) -> np.ndarray:
        """What the first step receives of `start` (S, B, H)."""
        return np.stack([change.received[0] * state for change, state in zip(self.states, start, strict=True)])

    def held(self, t: int, block: int | slice, openings: np.ndarray) -> np.ndarray:
        """`openings` of the gates of `block` at index `t`, or the values at which they are held."""
        value = self.gates[t, block]
        return np.where(np.isnan(value), openings, value)
