"""The map of vanishing and exploding gradients: against the product written out, and what the page says of it."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from engine import ExperimentError, initial_state
from engine.analysis.health import LENGTHS, MAP, RADII, SEEDS, Health, Spot, grid, health_of, measure
from engine.analysis.jacobians import flow_to_the_end
from engine.supply import displayed_batch


def at(radius: float, length: int, **settings: object) -> Spot:
    return measure(Spot(replace(MAP, spectral_radius=radius, length=length, **settings)))  # type: ignore[arg-type]


def test_a_spot_is_the_median_of_what_the_flow_says() -> None:
    spot = at(0.8, 20, seed=7)
    norms = []
    for seed in range(7, 7 + SEEDS):
        experiment = replace(spot.experiment, seed=seed)
        inputs = displayed_batch(experiment).inputs[:, 0]
        norms.append(flow_to_the_end(experiment, initial_state(experiment).parameters, inputs).hidden_norm[0])
    assert 10**spot.decades == pytest.approx(np.median(norms))  # type: ignore[operator]


def test_the_grid_has_every_radius_at_every_length_and_travels() -> None:
    spots = grid(MAP, RADII, LENGTHS)
    assert len(spots) == len(RADII) * len(LENGTHS) == len({spot.experiment for spot in spots})
    assert [spot.experiment.spectral_radius for spot in spots[: len(RADII)]] == list(RADII)
    assert not any(spot.done or spot.health for spot in spots)
    done = pickle.loads(pickle.dumps(measure(spots[0])))
    assert done.done and measure(done) is done
    with pytest.raises(ExperimentError, match="length=1 "):
        grid(MAP, (1.0,), (1,))


@pytest.mark.parametrize(
    ("decades", "health"),
    [(-np.inf, Health.VANISHING), (-2.1, Health.VANISHING), (-2, Health.HEALTHY), (2, Health.HEALTHY),
     (2.1, Health.EXPLODING), (np.inf, Health.EXPLODING), (np.nan, Health.EXPLODING)],
)  # fmt: skip
def test_verdicts(decades: float, health: Health) -> None:
    assert health_of(decades) is health


@pytest.mark.parametrize("length", [50, 200])
def test_a_linear_network_is_its_power(length: int) -> None:
    for radius in (0.5, 1.0, 1.8):
        spot = at(radius, length, activation="identity")
        assert spot.decades == pytest.approx((length - 1) * np.log10(radius), abs=1e-3)


@pytest.mark.parametrize("seed", [0, 10, 20, 30, 40])
def test_what_the_page_says_of_the_map(seed: int) -> None:
    """Below 1 the tanh network's gradient vanishes, sooner the longer the sequence; far above 1 it explodes."""
    assert at(0.7, 50, seed=seed).health is Health.VANISHING
    assert at(0.7, 10, seed=seed).health is Health.HEALTHY
    assert at(1.0, 10, seed=seed).health is Health.HEALTHY
    assert at(1.0, 200, seed=seed).health is Health.VANISHING, "even at 1, since the slope of tanh is below 1"
    assert at(1.2, 200, seed=seed).health is Health.HEALTHY
    assert at(1.8, 200, seed=seed).health is Health.EXPLODING
    assert at(1.8, 10, seed=seed).health is Health.HEALTHY
    for radius in (0.5, 1.0, 1.8):
        spot = at(radius, 200, cell="lstm", forget_bias=3.0, seed=seed)
        assert spot.health is not Health.VANISHING, "open forget gates carry it, whatever U"
        assert spot.decades < 199 * np.log10(1.8)  # type: ignore[operator]
