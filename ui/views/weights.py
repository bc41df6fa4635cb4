"""The weights of each network, how they have changed, and the eigenvalues of its recurrence as it trains."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from engine.analysis.weights import (
    Moment,
    Spectrum,
    blocks_of,
    spectrum_of_step,
    spectrum_of_weights,
    weight_blocks,
)
from engine.cells import CELLS
from engine.experiment import Experiment
from engine.lane import Lane
from engine.series import SHIPPED
from engine.setup import Setup
from figures.lanes import LaneStyle
from figures.look import Look
from figures.weights import Of, WeightsFigure
from ui import session
from ui.views.analysed import analysed
from ui.views.base import View

STEP = "step"
OWN = {"rnn": "h", "gru": "n", "lstm": "g"}
"""The block that a cell begins with: what makes its new state."""


class Weights(View):
    """Heatmaps and a complex plane a network."""

    name = "weights"
    title = "Weights"
    idea = (
        "What the networks have learned: each row is a unit, each column what it hears, W from the input and U from "
        "the units one step before."
    )
    order = 50
    interval = 150

    def controls(self, setup: Setup) -> None:
        """Whose eigenvalues are shown."""
        cells = {each.cell for each in setup.experiments if CELLS[each.cell].states}
        for cell in (each for each in CELLS if each in cells):
            options = [symbol for symbol, _ in blocks_of(cell)]
            names = {symbol: f"U, {title}" if len(options) > 1 else "U" for symbol, title in blocks_of(cell)}
            st.selectbox(
                f"Eigenvalues of the {CELLS[cell].title}’s",
                [*options, STEP],
                index=options.index(OWN[cell]) if cell in OWN else 0,
                format_func=(names | {STEP: "step Jacobian"}).__getitem__,
                key=f"eigenvalues of {cell}",
                width=230,
            )
        if any(_chosen(cell) == STEP for cell in cells):
            length = setup.experiment.length
            st.slider("Time step t of the Jacobian", 1, length, length, key=f"eigenvalues at of {length}", width=260)

    def key(self, setup: Setup) -> Hashable:
        """The matrices chosen."""
        return tuple(_chosen(each.cell) for each in setup.experiments), _step(setup)

    def figure(self, setup: Setup, styles: tuple[LaneStyle, ...], look: Look) -> WeightsFigure:
        """A column for each network."""
        of = tuple(_of(style.experiment, look, _step(setup)) for style in styles)
        return WeightsFigure(styles, look, of, partial(_spectrum, look, _step(setup)))

    def guide(self, setup: Setup) -> Sequence[tuple[str, str]]:
        """A sentence for each chart."""
        return [
            (
                "Eigenvalues",
                "Inside the circle an activity dies away by itself, outside it grows, on it it lasts; a pair off the "
                "horizontal axis turns as it does so. Small circles: before training.",
            ),
            (
                "Weights now",
                "A row of strong colour is a unit that hears much; a column, an input or unit heard by many.",
            ),
            ("Change since the start", "What learning has done: often little, in a few rows and columns."),
            ("Read-out", "Which units the answer is made of."),
        ]


def _chosen(cell: str) -> str:
    return str(session.widget(f"eigenvalues of {cell}") or OWN.get(cell) or blocks_of(cell)[0][0])


def _step(setup: Setup) -> int:
    length = setup.experiment.length
    return int(session.widget(f"eigenvalues at of {length}") or length)


def _of(experiment: Experiment, look: Look, step: int) -> Of | None:
    """Whose eigenvalues are shown of a network."""
    if not CELLS[experiment.cell].states:
        return None
    chosen = _chosen(experiment.cell)
    if chosen == STEP:
        return Of(f"of ∂s<sub>t</sub>/∂s<sub>t−1</sub> at t = {step}", None)
    title = dict(blocks_of(experiment.cell))[chosen]
    name = f"of U<sub>{chosen}</sub> ({title.removesuffix(' gate')})" if CELLS[experiment.cell].blocks > 1 else "of U"
    return Of(name, lambda parameters: Spectrum.of(_block(experiment, parameters, look)))


def _block(experiment: Experiment, parameters: Mapping[str, np.ndarray], look: Look) -> np.ndarray:
    """The recurrent block that is chosen."""
    blocks = weight_blocks(experiment, parameters, min(look.layer, experiment.layers - 1))
    return next(each.recurrent for each in blocks if each.symbol == _chosen(experiment.cell))


def _spectrum(look: Look, step: int, lane: Lane) -> tuple[int, Spectrum] | None:
    """The newest eigenvalues that the workers have found for a lane."""
    experiment, parameters = lane.experiment, lane.chunk.state.parameters
    place, chosen = f"eigenvalues of {experiment.until(0)}", _chosen(experiment.cell)
    if chosen != STEP:
        return analysed(
            place, lane, spectrum_of_weights, lambda: _block(experiment, parameters, look), look.layer, chosen
        )
    inputs, layer = lane.recording.inputs[:, look.sequence], min(look.layer, experiment.layers - 1)
    known = replace(experiment, series=SHIPPED[0])  # an upload is not known to a worker
    return analysed(
        place,
        lane,
        spectrum_of_step,
        lambda: Moment(known, parameters, inputs, step, layer),
        step,
        layer,
        look.sequence,
    )
