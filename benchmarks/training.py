"""Training through the worker pool, with recordings for the screen, against two loops one would write by hand.

Both loops are written here with plain PyTorch and share nothing with the engine but the batches. The three are
timed in turns within one run, several times over, and compared by their ratios: the machine may be noisy.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from engine import Batch, Experiment, initial_state, task_of
from engine.chunks import Chunk
from engine.executor import Workers
from engine.randomness import Stream, generator
from engine.store import ChunkStore

ROUNDS = 5
SECONDS = 2.0  # of each loop in each round
FRAMES_PER_SECOND = 10


@dataclass(frozen=True)
class Rates:
    """Training steps a second, medians over the rounds, and medians of the ratios within a round.

    Attributes:
        pool, bare, explicit: steps/s.
        pool_to_bare, pool_to_explicit: ratios.
        frames: recordings a second that the pool made meanwhile.
    """

    pool: float
    bare: float
    explicit: float
    pool_to_bare: float
    pool_to_explicit: float
    frames: float


def measure(cell: str) -> Rates:
    """The rates for one network at the default sizes."""
    torch.set_num_threads(1)
    experiment = Experiment(cell=cell, steps=100_000)
    workers = Workers()
    pool = _Pool(experiment, workers)
    bare, explicit = _Bare(experiment), _Explicit(experiment)
    rounds = []
    for _ in range(ROUNDS):
        steps, frames = pool.run(SECONDS)
        rounds.append((steps, _rate(bare.step, SECONDS), _rate(explicit.step, SECONDS), frames))
    workers.shutdown()
    columns = list(zip(*rounds, strict=True))
    return Rates(
        *(statistics.median(column) for column in columns[:3]),
        statistics.median(row[0] / row[1] for row in rounds),
        statistics.median(row[0] / row[2] for row in rounds),
        statistics.median(columns[3]),
    )


class _Pool:
    """The product's way: chunks through the shared store, each ending with a recording, one after the other."""

    def __init__(self, experiment: Experiment, workers: Workers) -> None:
        self.experiment = experiment
        self.store = ChunkStore(workers)
        self.state = initial_state(experiment)
        self.chunk_steps = 32
        self._next()  # with cold caches
        self.chunk_steps = max(1, round(self.run(1.0)[0] / FRAMES_PER_SECOND))

    def run(self, seconds: float) -> tuple[float, float]:
        """Steps and recordings a second over about `seconds`."""
        begin, steps, frames = time.perf_counter(), 0, 0
        while time.perf_counter() - begin < seconds:
            steps += self._next()
            frames += 1
        taken = time.perf_counter() - begin
        return steps / taken, frames / taken

    def _next(self) -> int:
        """Train one chunk; its steps."""
        future: Future[Chunk] = self.store.request(self.experiment, self.state, self.chunk_steps)
        chunk = future.result()
        self.state = chunk.state
        if chunk.ending:  # solved: begin again, with another seed, since the store would remember this one
            self.experiment = replace(self.experiment, seed=self.experiment.seed + 1)
            self.state = initial_state(self.experiment)
        return len(chunk.log.loss)


class _Bare:
    """nn.RNN, nn.GRU or nn.LSTM with a linear read-out, Adam and clipping: the loop of any tutorial."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.task = experiment, task_of(experiment)
        kind = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[experiment.cell]
        self.rnn: nn.Module = kind(len(self.task.inputs), experiment.hidden_size)
        self.readout = nn.Linear(experiment.hidden_size, len(self.task.outputs))
        self.parameters = [*self.rnn.parameters(), *self.readout.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, lr=experiment.learning_rate, fused=True)
        self.steps = 0

    def step(self) -> None:
        """One training step."""
        batch = self._batch()
        states = self.states(torch.from_numpy(batch.inputs))
        loss = nn.functional.mse_loss(self.readout(states[-1]), torch.from_numpy(batch.targets[-1]))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, self.experiment.clip_norm or float("inf"))
        self.optimizer.step()
        loss.item()
        self.steps += 1

    def states(self, inputs: Tensor) -> Tensor:
        """h_1 … h_T."""
        states: Tensor = self.rnn(inputs)[0]
        return states

    def _batch(self) -> Batch:
        draw = generator(self.experiment.seed, Stream.TRAINING, self.steps)
        return self.task.sample(draw, self.experiment.length, self.experiment.batch_size)


class _Explicit(_Bare):
    """The same with a Python loop over time that keeps every gate and state, as one would write it to look inside."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__(experiment)
        self.recorded: list[tuple[Tensor, ...]] = []
        self.recording: list[np.ndarray] = []

    def step(self) -> None:
        """One training step, and its recording: every gate and state (T, B, H), and ∂L/∂h_t."""
        super().step()
        self.recording = [torch.stack(quantity).detach().numpy() for quantity in zip(*self.recorded, strict=True)]
        self.recording.append(torch.stack([h.grad for h, *_ in self.recorded if h.grad is not None]).numpy())

    def states(self, inputs: Tensor) -> Tensor:
        """h_1 … h_T, and all that led to them in `recorded`."""
        w_ih, w_hh, b_ih, b_hh = self.rnn.parameters()
        h = c = inputs.new_zeros(inputs.shape[1], self.experiment.hidden_size)
        self.recorded = []
        for x in inputs:
            match self.experiment.cell:
                case "rnn":
                    h = torch.tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)
                    self.recorded.append((h,))
                case "gru":
                    r_x, z_x, n_x = (x @ w_ih.T + b_ih).chunk(3, 1)
                    r_h, z_h, n_h = (h @ w_hh.T + b_hh).chunk(3, 1)
                    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
                    n = torch.tanh(n_x + r * n_h)
                    h = (1 - z) * n + z * h
                    self.recorded.append((h, r, z, n))
                case _:
                    i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, 1)
                    i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
                    c = f * c + i * g
                    h = o * torch.tanh(c)
                    self.recorded.append((h, c, i, f, g, o))
            h.retain_grad()
        return torch.stack([recorded[0] for recorded in self.recorded])


def _rate(step: Callable[[], None], seconds: float) -> float:
    step()
    begin, steps = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        step()
        steps += 1
    return steps / (time.perf_counter() - begin)
