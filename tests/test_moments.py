"""What a lane remembers for the views: bounded, cheap, and aligned with the training steps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from engine import Experiment, advance, initial_state
from engine.executor import Workers
from engine.history import FEWEST_MOMENTS, MOMENT_BYTES, MOST_MOMENTS, Moments
from engine.runs import Run
from engine.store import ChunkStore

SMALL = Experiment(cell="rnn", length=12, hidden_size=6, batch_size=4, steps=5000)


def test_a_lane_keeps_every_gradient_norm_and_some_parameters() -> None:
    run = Run(ChunkStore(Workers(lambda: ThreadPoolExecutor(1))), (SMALL,))
    run.next_frame(0)
    for _ in range(3):
        assert run.next_frame(60)
    lane = run.lanes[0]
    _, log = advance(SMALL, initial_state(SMALL), lane.step)
    np.testing.assert_allclose(lane.norms.values, log.gradient_norm, rtol=1e-6)
    assert lane.moments.steps[0] == 0 and lane.moments.steps[-1] == lane.step
    for step in lane.moments.steps:
        expected, _ = advance(SMALL, initial_state(SMALL), step)
        for name, value in lane.moments[step].items():
            np.testing.assert_array_equal(value, expected.parameters[name])


@pytest.mark.parametrize("count", [1, 64, 65, 1000])
def test_moments_are_thinned_evenly(count: int) -> None:
    moments = Moments()
    for step in range(count):
        moments.append(step * 10, {"a": np.full(3, step, np.float32)})
    steps = moments.steps
    assert steps[0] == 0 and len(steps) <= MOST_MOMENTS and len(set(np.diff(steps))) <= 1
    assert count <= MOST_MOMENTS or len(steps) > MOST_MOMENTS // 3
    assert all(moments[step]["a"][0] == step / 10 for step in steps)


@pytest.mark.parametrize("settings", [{}, {"hidden_size": 128}, {"hidden_size": 128, "layers": 3}])
def test_moments_take_a_bounded_number_of_bytes(settings: dict[str, int]) -> None:
    parameters = initial_state(replace(SMALL, cell="lstm", **settings)).parameters  # type: ignore[arg-type]
    size = sum(value.nbytes for value in parameters.values())
    moments = Moments()
    for step in range(500):
        moments.append(step, {name: value.copy() for name, value in parameters.items()})
    assert moments.nbytes <= max(MOMENT_BYTES, FEWEST_MOMENTS * size) and len(moments.steps) > FEWEST_MOMENTS // 3
