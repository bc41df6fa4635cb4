"""The finite automaton in a trained network: cluster its states, see how they lead to each other, and simplify.

    found = extract(experiment, state.parameters)
    found.automaton.states            # how many it needs
    found.agreement                   # share of steps of unseen, longer strings on which it answers as the network

States that a network visits while it reads random strings are clustered (Giles et al. 1992; Omlin & Giles 1996). Each
cluster is a state of a Moore machine: where a symbol leads is told by the majority of the visits, and so is the answer.
States that no string can tell apart are then merged (Moore 1956).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.experiment import Experiment
from engine.network import unroll
from engine.parameters import Parameters
from engine.supply import fresh_batch
from engine.tasks import Batch

SYMBOLS: dict[str, dict[str, tuple[float, ...]]] = {
    "parity": {"0": (0.0,), "1": (1.0,)},
    "addition": {"00": (0.0, 0.0), "01": (0.0, 1.0), "10": (1.0, 0.0), "11": (1.0, 1.0)},
    "counting": {"a": (1.0, 0.0), "b": (0.0, 1.0)},
    "brackets": {"(": (1.0, 0.0), ")": (0.0, 1.0)},
}
"""Task → symbol → what it is at the inputs."""

CLUSTERS = (4, 6, 9, 13, 19, 28)
STRINGS = 120
ROUNDS = 40


@dataclass(frozen=True)
class Automaton:
    """A Moore machine; state 0 is where it starts.

    Attributes:
        symbols: the alphabet.
        moves: (n, symbols) the state that each symbol leads to; −1 where that was never seen.
        answers: (n,) bool, what it answers in a state. That of the start is never asked for.
    """

    symbols: tuple[str, ...]
    moves: np.ndarray
    answers: np.ndarray

    @property
    def states(self) -> int:
        """How many there are."""
        return len(self.moves)

    def run(self, string: np.ndarray) -> np.ndarray:
        """(T,) bool: its answers after each symbol of `string` (T,), numbers from 0. After an unseen move: no."""
        state, found = 0, np.zeros(len(string), dtype=bool)
        for step, symbol in enumerate(string):
            state = int(self.moves[state, symbol])
            if state < 0:
                break
            found[step] = self.answers[state]
        return found


@dataclass(frozen=True)
class Extraction:
    """What was read out of a network.

    Attributes:
        automaton: the machine.
        clusters: how many clusters it was made from.
        agreement: share of steps of unseen strings, three times as long, on which it answers as the network does.
        right: share of these steps on which its answer is the right one.
    """

    automaton: Automaton
    clusters: int
    agreement: float
    right: float


def extract(experiment: Experiment, parameters: Parameters) -> Extraction:
    """Read the automaton out of a network of a task in SYMBOLS.

    It is tried with few clusters and with many. The machine that agrees best with the network on strings that it was
    not made from is taken, and of equally good ones that with the fewest states.
    """
    alphabet = SYMBOLS[experiment.task]
    batch = fresh_batch(experiment, STRINGS, length=2 * experiment.length)
    states, answers = _visit(experiment, parameters, batch.inputs)
    symbols = _symbols(batch.inputs, alphabet)
    points = states.reshape(-1, states.shape[-1])
    unseen = fresh_batch(experiment, STRINGS, number=1)
    candidates = []
    for clusters in CLUSTERS:
        labels = _cluster(points, clusters, experiment.seed).reshape(answers.shape) + 1
        machine = simplify(_majority(labels, symbols, answers, tuple(alphabet)))
        agreement, _ = _compare(machine, experiment, parameters, unseen)
        candidates.append((round(-agreement, 3), machine.states, clusters, machine))
    _, _, clusters, automaton = min(candidates, key=lambda each: each[:3])
    longer = fresh_batch(experiment, 60, number=2, length=3 * experiment.length)
    agreement, right = _compare(automaton, experiment, parameters, longer)
    return Extraction(automaton, clusters, agreement, right)


def simplify(machine: Automaton) -> Automaton:
    """The smallest machine that answers the same after every string of at least one symbol."""
    reached = _reachable(machine.moves)
    moves, answers = machine.moves, machine.answers.astype(int).copy()
    groups = answers.copy()
    groups[0] = 2  # the start is alone until it is known to be like another state
    while True:
        marks = [
            (groups[state], *(groups[to] if to >= 0 else -1 for to in moves[state])) for state in range(len(moves))
        ]
        names = {mark: number for number, mark in enumerate(dict.fromkeys(marks[state] for state in reached))}
        refined = np.array([names.get(mark, -1) for mark in marks])
        if len(set(refined[reached])) == len(set(groups[reached])):
            break
        groups = refined
    like_start = [
        s for s in reached[1:] if s and all(groups[a] == groups[b] for a, b in zip(moves[s], moves[0], strict=True))
    ]
    if like_start and not (moves[reached] == 0).any():
        groups[groups == groups[0]] = groups[like_start[0]]
    order = list(dict.fromkeys(int(groups[state]) for state in reached))
    of_group = {group: number for number, group in enumerate(order)}
    members = [next(s for s in reached[::-1] if groups[s] == group) for group in order]
    new_moves = np.array([[of_group[int(groups[to])] if to >= 0 else -1 for to in moves[s]] for s in members])
    return Automaton(machine.symbols, new_moves, machine.answers[members])


def _compare(machine: Automaton, experiment: Experiment, parameters: Parameters, batch: Batch) -> tuple[float, float]:
    """Shares of the steps of `batch` on which the machine answers as the network does, and rightly."""
    _, network = _visit(experiment, parameters, batch.inputs)
    strings = _symbols(batch.inputs, SYMBOLS[experiment.task]).T
    told = np.stack([machine.run(string) for string in strings], axis=1)
    return float(np.mean(told == network)), float(np.mean(told == (batch.targets[..., 0] > 0.5)))


def _visit(experiment: Experiment, parameters: Parameters, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is clustered (T, B, ·), and answers (T, B).

    That is the states of the last layer, with the cell state where there is one, and the answer: states that are
    answered differently are never the same state of a machine.
    """
    unrolled = unroll(experiment, parameters, inputs)
    layer, answers = unrolled.layers[-1], unrolled.outputs[..., 0] > 0
    parts = [layer.hidden_state, *([np.tanh(layer.cell_state)] if hasattr(layer, "cell_state") else [])]
    apart = np.sqrt(experiment.hidden_size) * answers[..., np.newaxis]
    return np.concatenate([*parts, apart], axis=-1), answers


def _symbols(inputs: np.ndarray, alphabet: dict[str, tuple[float, ...]]) -> np.ndarray:
    """(T, B) numbers of the symbols that inputs (T, B, I) are."""
    known = np.array(list(alphabet.values()))
    distances = np.abs(inputs[..., np.newaxis, :] - known).sum(axis=-1)
    numbers: np.ndarray = distances.argmin(axis=-1)
    return numbers


def _cluster(points: np.ndarray, count: int, seed: int) -> np.ndarray:
    """k-means (Lloyd 1982) with far-apart first centres (Arthur & Vassilvitskii 2007): a label a point."""
    draw = np.random.default_rng([seed, 77])
    centres = [points[draw.integers(len(points))]]
    nearest = np.square(points - centres[0]).sum(axis=1)
    while len(centres) < count and nearest.max() > 1e-6:
        centres.append(points[draw.choice(len(points), p=nearest / nearest.sum())])
        nearest = np.minimum(nearest, np.square(points - centres[-1]).sum(axis=1))
    middle = np.stack(centres)
    labels = np.zeros(len(points), dtype=int)
    for _ in range(ROUNDS):
        distances = np.square(middle).sum(axis=1) - 2 * points @ middle.T
        labels = distances.argmin(axis=1)
        kept = [label for label in range(len(middle)) if (labels == label).any()]
        moved = np.stack([points[labels == label].mean(axis=0) for label in kept])
        if len(kept) == len(middle) and np.allclose(moved, middle):
            break
        middle = moved
    return labels


def _majority(labels: np.ndarray, symbols: np.ndarray, answers: np.ndarray, alphabet: tuple[str, ...]) -> Automaton:
    """The machine whose moves and answers most of the visits vote for; labels (T, B) from 1, 0 is the start."""
    count = int(labels.max()) + 1
    votes = np.zeros((count, len(alphabet), count), dtype=int)
    before = np.concatenate([np.zeros_like(labels[:1]), labels[:-1]])
    np.add.at(votes, (before.ravel(), symbols.ravel(), labels.ravel()), 1)
    moves = np.where(votes.any(axis=2), votes.argmax(axis=2), -1)
    yes, seen = np.zeros(count), np.zeros(count)
    np.add.at(yes, labels.ravel(), answers.ravel())
    np.add.at(seen, labels.ravel(), 1)
    return Automaton(alphabet, moves, yes > seen / 2)


def _reachable(moves: np.ndarray) -> list[int]:
    """States that some string leads to, the start first."""
    found = [0]
    for state in found:
        found += [int(to) for to in moves[state] if to >= 0 and int(to) not in found]
    return found
