"""The unit and time step that a viewer has chosen, by a click or by widgets."""

from __future__ import annotations

from dataclasses import dataclass

from engine.setup import Setup
from figures.canvas import Canvas
from ui import session
from ui.live_chart import Click


@dataclass(frozen=True)
class Chosen:
    """What is chosen, and the keys of the widgets that say so.

    Attributes:
        network: number of the lane, from 0.
        unit: from 1.
        step: t, from 1.
        most_units: of the network.
        network_key, unit_key, step_key: of the widgets.
    """

    network: int
    unit: int
    step: int
    most_units: int
    network_key: str
    unit_key: str
    step_key: str


def chosen_in(setup: Setup) -> Chosen:
    """What is chosen among the networks of `setup`; the widgets are set to it where they don't fit it."""
    count, length = len(setup.titles), setup.experiment.length
    network_key, step_key = f"network of {count}", f"unit step of {length}"
    network = _within(network_key, 0, count - 1, 0)
    units = setup.experiments[network].hidden_size
    unit_key = "unit number"
    unit, step = _within(unit_key, 1, units, 1), _within(step_key, 1, length, length)
    return Chosen(network, unit, step, units, network_key, unit_key, step_key)


def network_at(canvas: Canvas, click: Click) -> int | None:
    """Number of the network on a row of whose units the viewer has clicked; None elsewhere."""
    trace = canvas.data[click.trace]
    network = trace.get("meta") if trace["type"] == "heatmap" else None
    return network if isinstance(network, int) else None


def choose(setup: Setup, network: int, unit: int, step: int) -> None:
    """Show the unit at the step in its own view; a run of the page has to follow."""
    chosen = chosen_in(setup)
    keys = ("view", chosen.network_key, chosen.unit_key, chosen.step_key)
    session.insist(dict(zip(keys, ("unit", network, unit, step), strict=True)))


def _within(key: str, low: int, high: int, default: int) -> int:
    """The value of the widget with this key, brought into its range."""
    value = session.widget(key)
    fitting = default if value is None else min(high, max(low, int(value)))
    if value != fitting:
        session.set_widget(key, fitting)
    return fitting
