"""The finite automaton in a trained network: cluster its states, see how they lead to each other, and simplify.

    found = extract(experiment, state.parameters)
    found.automaton.states            # how many it needs
    found.agreement                   # share of steps of unseen, longer strings on which it answers as the network

States that a network visits while it reads random strings are clustered (Giles et al. 1992; Omlin & Giles 1996). They
are first told apart by the answer. As long as a symbol leads from one cluster into several, that cluster is halved.
Each cluster is a state of a Moore machine: where a symbol leads is told by the majority of the visits, and so is the
answer. States that no string can tell apart are then merged (Moore 1956).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.experiment import Experiment
from engine.network import unroll
from engine.parameters import Parameters
from engine.supply import fresh_batch

SYMBOLS: dict[str, dict[str, tuple[float, ...]]] = {
    "parity": {"0": (0.0,), "1": (1.0,)},
    "addition": {"00": (0.0, 0.0), "01": (0.0, 1.0), "10": (1.0, 0.0), "11": (1.0, 1.0)},
    "counting": {"a": (1.0, 0.0), "b": (0.0, 1.0)},
    "brackets": {"(": (1.0, 0.0), ")": (0.0, 1.0)},
}
"""Task → symbol → what it is at the inputs."""

SIZES = (3, 5, 8, 12, 18, 27, 42, 64)  # numbers of clusters at which a machine is made and judged
STRINGS = 160
MARGIN = 0.005  # of the steps; else what a network does wrongly now and then would cost it many states
ROUNDS = 40


@dataclass(frozen=True)
class Automaton:
    """A Moore machine; state 0 is where it starts.

    Attributes:
        symbols: the alphabet.
        moves: (n, symbols) the state that each symbol leads to; −1 where that was never seen.
        answers: (n,) bool, what it answers in a state; that of the start counts only if a symbol leads back to it.
    """

    symbols: tuple[str, ...]
    moves: np.ndarray
    answers: np.ndarray

    @property
    def states(self) -> int:
        """How many there are."""
        return len(self.moves)

    def run(self, strings: np.ndarray) -> np.ndarray:
        """Its answers (T, …) bool after each symbol of `strings` (T, …), numbers from 0. After an unseen move: no."""
        state, found = np.zeros(strings.shape[1:], dtype=int), np.zeros(strings.shape, dtype=bool)
        for step, symbols in enumerate(strings):
            state = np.where(state >= 0, self.moves[state, symbols], -1)
            found[step] = (state >= 0) & self.answers[state]
        return found


@dataclass(frozen=True)
class Extraction:
    """What was read out of a network.

    Attributes:
        automaton: the machine.
        clusters: how many clusters it was made from.
        agreement: share of steps of unseen strings, three times as long, on which it answers as the network does.
        right: share of these steps on which its answer is the right one.
        whole: share of these strings on which it answers as the network does at every step.
    """

    automaton: Automaton
    clusters: int
    agreement: float
    right: float
    whole: float


def extract(experiment: Experiment, parameters: Parameters) -> Extraction:
    """Read the automaton out of a network of a task in SYMBOLS.

    Machines are made of few clusters and of many, and compared with the network on strings that they were not made
    from. The one with the fewest states is taken that agrees as well as the best, or within MARGIN of it.

    Raises:
        ValueError: the inputs of the task are not symbols.
    """
    if experiment.task not in SYMBOLS:
        raise ValueError(f"The inputs of the task {experiment.task!r} are not symbols, so no automaton reads them.")
    read, unseen = (_read(experiment, parameters, number, 2) for number in (0, 1))
    sizes, machines = [], []
    for labels in _ever_finer(read):
        sizes.append(int(labels.max()))
        machines.append(simplify(_majority(labels, read, tuple(SYMBOLS[experiment.task]))))
    agreements = [np.mean(machine.run(unseen.symbols) == unseen.answers) for machine in machines]
    enough = max(agreements) - MARGIN
    good = [number for number, agreement in enumerate(agreements) if agreement >= enough]
    chosen = min(good, key=lambda number: (machines[number].states, -agreements[number]))
    automaton = machines[chosen]
    longer = _read(experiment, parameters, 2, 3)
    told = automaton.run(longer.symbols)
    same = told == longer.answers
    return Extraction(
        automaton,
        sizes[chosen],
        float(same.mean()),
        float(np.mean(told == longer.right)),
        float(same.all(axis=0).mean()),
    )


def simplify(machine: Automaton) -> Automaton:
    """The smallest machine that answers the same after every string of at least one symbol."""
    reached = _reachable(machine.moves)
    moves, answers = machine.moves, machine.answers.astype(int).copy()
    groups = answers.copy()
    if not (moves[reached] == 0).any():
        groups[0] = 2  # its answer is never asked for: it is alone until it is known to be like another state
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


@dataclass(frozen=True)
class _Read:
    """What a network did on strings.

    Attributes:
        symbols: (T, B) numbers of the symbols.
        states: (T, B, ·) of the last layer, with tanh of the cell state where there is one.
        answers, right: (T, B) bool, what it answered and what it should have.
    """

    symbols: np.ndarray
    states: np.ndarray
    answers: np.ndarray
    right: np.ndarray


def _read(experiment: Experiment, parameters: Parameters, number: int, times: int) -> _Read:
    """Fresh strings number `number`, `times` as long as those of training."""
    batch = fresh_batch(experiment, STRINGS, number, times * experiment.length)
    unrolled = unroll(experiment, parameters, batch.inputs)
    layer = unrolled.layers[-1]
    parts = [layer.hidden_state, *([np.tanh(layer.cell_state)] if hasattr(layer, "cell_state") else [])]
    symbols = _symbols(batch.inputs, SYMBOLS[experiment.task])
    right = batch.targets[..., 0] > 0.5
    return _Read(symbols, np.nan_to_num(np.concatenate(parts, axis=-1)), unrolled.outputs[..., 0] > 0, right)


def _symbols(inputs: np.ndarray, alphabet: dict[str, tuple[float, ...]]) -> np.ndarray:
    """(T, B) numbers of the symbols that inputs (T, B, I) are."""
    known = np.array(list(alphabet.values()))
    distances = np.abs(inputs[..., np.newaxis, :] - known).sum(axis=-1)
    numbers: np.ndarray = distances.argmin(axis=-1)
    return numbers


def _ever_finer(read: _Read) -> Iterator[np.ndarray]:
    """Clusters (T, B) of the visited states, numbers from 1: at each of SIZES, and when no symbol leads to several."""
    labels = np.unique(read.answers, return_inverse=True)[1].reshape(read.answers.shape) + 1
    for count in range(labels.max(), SIZES[-1]):
        finer = _halve_worst(labels, read)
        if finer is None or count in SIZES:
            yield labels
        if finer is None:
            return
        labels = finer
    yield labels


def _halve_worst(labels: np.ndarray, read: _Read) -> np.ndarray | None:
    """`labels` with that cluster halved from which most steps go astray, or None if none of them do.

    A step goes astray if it leads to another cluster than most with the same symbol.
    """
    votes = _votes(labels, read.symbols)
    astray = (votes.sum(axis=2) - votes.max(axis=2)).sum(axis=1)
    for cluster in np.argsort(-astray, kind="stable"):
        if not astray[cluster]:
            break
        members = labels == cluster
        second = _second_half(read.states[members])
        if second.any():
            finer = labels.copy()
            finer[members] = np.where(second, labels.max() + 1, cluster)
            return finer
    return None


def _second_half(points: np.ndarray) -> np.ndarray:
    """(n,) bool, which of points (n, ·) are in the second of two clusters; none if all points are one.

    Two means (Lloyd 1982), which start on both sides of the middle along the direction of widest spread (Boley 1998).
    """
    away = points - points.mean(axis=0)
    second: np.ndarray = away @ np.linalg.eigh(away.T @ away)[1][:, -1] > 0
    for _ in range(ROUNDS):
        if second.all() or not second.any():
            return np.zeros(len(points), dtype=bool)
        means = points[~second].mean(axis=0), points[second].mean(axis=0)
        to_first, to_second = (np.square(points - mean).sum(axis=1) for mean in means)
        if ((to_second < to_first) == second).all():
            break
        second = to_second < to_first
    return second


def _votes(labels: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """(n + 1, symbols, n + 1) how often a symbol led from one of n clusters (0: the start) to another."""
    count = int(labels.max()) + 1
    votes = np.zeros((count, int(symbols.max()) + 1, count), dtype=int)
    before = np.concatenate([np.zeros_like(labels[:1]), labels[:-1]])
    np.add.at(votes, (before.ravel(), symbols.ravel(), labels.ravel()), 1)
    return votes


def _majority(labels: np.ndarray, read: _Read, alphabet: tuple[str, ...]) -> Automaton:
    """The machine whose moves most of the visits vote for; labels (T, B) from 1, 0 is the start."""
    votes = _votes(labels, read.symbols)
    moves = np.where(votes.any(axis=2), votes.argmax(axis=2), -1)
    answers = [False, *(read.answers[labels == label][0] for label in range(1, len(votes)))]  # each has one answer
    return Automaton(alphabet, moves, np.array(answers))


def _reachable(moves: np.ndarray) -> list[int]:
    """States that some string leads to, the start first."""
    found = [0]
    for state in found:
        found += [int(to) for to in moves[state] if to >= 0 and int(to) not in found]
    return found
