"""What a network has learned: its weights, block by block, and the eigenvalues of its recurrence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.analysis.weights import Block, Spectrum, readout_weights, weight_blocks
from engine.lane import Lane
from engine.parameters import initial_parameters
from engine.runs import Run
from figures.canvas import GUTTER, TITLE_HEIGHT, Box, Canvas
from figures.lanes import LaneStyle
from figures.look import Look
from figures.training import NARROW, WIDE

GAP, HEAD, BLOCK_GAP = 18, 24, 10  # pixels
ROOMY = 190  # pixels in which a title with its scale fits
PLANE, BLOCK_HEIGHT, READOUT_HEIGHT = 190, 126, 56
CIRCLE = np.linspace(0, 2 * np.pi, 121)

Spectra = Callable[[Lane], "tuple[int, Spectrum] | None"]
"""Gives, for a lane, the newest eigenvalues that are known and the training step that they are about."""


@dataclass(frozen=True)
class Of:
    """Whose eigenvalues are shown.

    Attributes:
        title: in HTML: "U<sub>f</sub>, forget gate".
        first: for a lane's experiment, the eigenvalues before training; None where they are not shown.
    """

    title: str
    first: Callable[[Mapping[str, np.ndarray]], Spectrum] | None


class WeightsFigure:
    """A column for each network: eigenvalues, weights, and their change since the start.

    Args:
        styles: the networks.
        look: the viewer's choice.
        of: for each network whose eigenvalues are shown; None if it has no recurrence.
        spectra: gives them.
    """

    def __init__(self, styles: tuple[LaneStyle, ...], look: Look, of: tuple[Of | None, ...], spectra: Spectra) -> None:
        width = NARROW if look.narrow else WIDE
        self.canvas = Canvas(look.theme, width, HEAD + 5 * TITLE_HEIGHT + PLANE + 2 * BLOCK_HEIGHT + 44)
        self.canvas.layout["uirevision"] = repr(("weights", len(styles)))
        each = (width - GAP * (len(styles) - 1)) / len(styles)
        self._columns = [
            _Column(self.canvas, look, style, whose, spectra, place * (each + GAP), each - 4)
            for place, (style, whose) in enumerate(zip(styles, of, strict=True))
        ]

    def show(self, run: Run) -> Canvas:
        """Fill in where `run` stands."""
        for column in self._columns:
            column.show(run.lanes[column.style.number])
        return self.canvas


class _Column:
    """One network."""

    def __init__(
        self, canvas: Canvas, look: Look, style: LaneStyle, of: Of | None, spectra: Spectra, left: float, width: float
    ) -> None:
        self.style = style
        self._canvas, self._spectra = canvas, spectra
        self._layer = min(look.layer, style.experiment.layers - 1)
        first = initial_parameters(style.experiment)
        self._first = weight_blocks(style.experiment, first, self._layer)
        self._first_readout = readout_weights(first)
        canvas.text(left + GUTTER, 0, f"<b>{style.title}</b>", size=15, color=style.hue)
        inner = Box(left + GUTTER, HEAD + TITLE_HEIGHT, width - GUTTER, PLANE)
        plane = Box(inner.left, inner.top, min(PLANE, 0.6 * inner.width), PLANE)
        self._plane = EigenvaluePlane(canvas, plane, style, of, first) if of else None
        if of is None:
            canvas.text(plane.left, plane.top, canvas.muted("no recurrent weights,<br>so no eigenvalues"))
        self._readouts = self._add_readouts(plane, inner)
        top = inner.top + PLANE + 34 + 2 * TITLE_HEIGHT
        below = f" of layer {self._layer + 1}" if style.experiment.layers > 1 else ""
        self._now = BlockMaps(canvas, inner, top, self._first, f"Weights{below} now")
        top += BLOCK_HEIGHT + 2 * TITLE_HEIGHT
        self._change = BlockMaps(canvas, inner, top, self._first, "Change since the start")

    def _add_readouts(self, plane: Box, inner: Box) -> list[ReadoutMap]:
        """Beside the plane: the read-out now, and its change."""
        if not self._first_readout.size:
            return []
        left = plane.left + plane.width + 34
        width = inner.left + inner.width - left
        tops = (inner.top + TITLE_HEIGHT, inner.top + 3 * TITLE_HEIGHT + READOUT_HEIGHT)
        names = ("Read-out now", "Its change since the start" if width > ROOMY else "Its change")
        boxes = (Box(left, top, width, READOUT_HEIGHT) for top in tops)
        return [
            ReadoutMap(self._canvas, box, self._first_readout, name) for box, name in zip(boxes, names, strict=True)
        ]

    def show(self, lane: Lane) -> None:
        """Fill in where `lane` stands."""
        parameters = lane.chunk.state.parameters
        blocks = weight_blocks(lane.experiment, parameters, self._layer)
        self._now.show([_both(block) for block in blocks])
        self._change.show([_both(block) - _both(first) for block, first in zip(blocks, self._first, strict=True)])
        readout = readout_weights(parameters)
        for each, values in zip(self._readouts, (readout, readout - self._first_readout), strict=False):
            each.show(values)
        if self._plane:
            self._plane.show(self._spectra(lane), lane.step)


class BlockMaps:
    """W and U of each block, side by side: rows are units, columns are what they hear."""

    def __init__(self, canvas: Canvas, inner: Box, top: float, blocks: tuple[Block, ...], name: str) -> None:
        self._canvas, self._name = canvas, name
        self._range = ScaleRange(0.25)
        width = (inner.width - BLOCK_GAP * (len(blocks) - 1)) / len(blocks)
        self._head = canvas.text(inner.left, top - 2 * TITLE_HEIGHT + 1, "")
        units = len(blocks[0].bias)
        places, names = _columns(blocks[0])
        self._maps = []
        for number, block in enumerate(blocks):
            box = Box(inner.left + number * (width + BLOCK_GAP), top, width, BLOCK_HEIGHT)
            title = {"text": "unit", "font": {"size": 10}, "standoff": 2}
            panel = canvas.panel(
                box,
                _block_title(canvas, block, len(blocks) > 1, width > 100),
                x={"range": [places[0] - 0.5, places[-1] + 0.5], "tickvals": places, "ticktext": names,
                   "showticklabels": False},
                y={"range": [units + 0.5, 0.5], "showticklabels": False} | ({} if number else {"title": title}),
            )  # fmt: skip
            into = f"{f'{block.title} of ' * (len(blocks) > 1)}unit %{{y}}, {name.lower()}"
            heatmap = canvas.heatmap(
                panel, canvas.theme.diverging, -1, 1, hovertemplate=f"from %{{x}} to {into}: %{{z:.3f}}<extra></extra>"
            )
            heatmap["x"] = np.array(places, np.float32)
            heatmap["y"] = np.arange(1, units + 1, dtype=np.float32)
            self._maps.append(heatmap)

    def show(self, values: list[np.ndarray]) -> None:
        """Fill in the blocks, each (H, F + 1 + H) with NaN between W and U."""
        scale = self._range.holding(np.concatenate([each.ravel() for each in values]))
        for heatmap, each in zip(self._maps, values, strict=True):
            heatmap["z"] = each.astype(np.float32)
            if heatmap["zmax"] != scale:
                heatmap["zmin"], heatmap["zmax"] = -scale, scale
                self._canvas.version += 1
        self._head.html = f"<b>{self._name}</b> {_scale(self._canvas, scale)}"


class ReadoutMap:
    """The read-out's weights: a row for each output."""

    def __init__(self, canvas: Canvas, box: Box, first: np.ndarray, name: str) -> None:
        self._canvas, self._name = canvas, name
        self._range = ScaleRange(0.25)
        self._roomy = box.width > ROOMY
        outputs, units = first.shape
        panel = canvas.panel(
            box,
            "",
            x={"range": [0.5, units + 0.5], "showticklabels": name.endswith("start"), "nticks": 8,
               "title": {"text": "unit" if name.endswith("start") else "", "font": {"size": 11}, "standoff": 2}},
            y={"range": [outputs + 0.5, 0.5], "showticklabels": False},
        )  # fmt: skip
        self._title = panel.title
        self._heatmap = canvas.heatmap(
            panel, canvas.theme.diverging, -1, 1,
            hovertemplate=f"{name}: from unit %{{x}} to output %{{y}}: %{{z:.3f}}<extra></extra>",
        )  # fmt: skip
        self._heatmap["x"] = np.arange(1, units + 1, dtype=np.float32)
        self._heatmap["y"] = np.arange(1, outputs + 1, dtype=np.float32)

    def show(self, values: np.ndarray) -> None:
        """Fill in the weights (O, units)."""
        scale = self._range.holding(values)
        self._heatmap["z"] = values.astype(np.float32)
        if self._heatmap["zmax"] != scale:
            self._heatmap["zmin"], self._heatmap["zmax"] = -scale, scale
            self._canvas.version += 1
        self._title.html = f"<b>{self._name}</b> {_scale(self._canvas, scale) if self._roomy else ''}"


class EigenvaluePlane:
    """Eigenvalues in the complex plane, with the unit circle and where they were before training."""

    def __init__(self, canvas: Canvas, box: Box, style: LaneStyle, of: Of, first: Mapping[str, np.ndarray]) -> None:
        theme = canvas.theme
        self._canvas, self._of, self._range, self._roomy = canvas, of, ScaleRange(1.25), box.width >= PLANE
        number = {"showgrid": True, "gridcolor": theme.grid, "zeroline": True, "zerolinecolor": theme.grid, "nticks": 6}
        title: dict[str, Any] = {"font": {"size": 10}, "standoff": 2}
        self._panel = canvas.panel(
            box, "", x=number | {"title": title | {"text": "real part"}, "constrain": "domain"},
            y=number | {"title": title | {"text": "imaginary part"}},
        )  # fmt: skip
        canvas.layout[f"yaxis{self._panel.axis}"]["scaleanchor"] = f"x{self._panel.axis}"
        canvas.trace(
            self._panel, type="scatter", mode="lines", x=np.cos(CIRCLE).astype(np.float32),
            y=np.sin(CIRCLE).astype(np.float32), line={"color": theme.muted, "width": 1.5}, hoverinfo="skip",
        )  # fmt: skip
        begun = of.first(first).values if of.first else np.empty(0, np.complex128)
        self._begin = float(np.abs(begun).max()) if len(begun) else 0.0
        canvas.trace(
            self._panel, type="scatter", mode="markers", x=begun.real.astype(np.float32),
            y=begun.imag.astype(np.float32), hovertemplate="before training: %{x:.3f} + %{y:.3f} i<extra></extra>",
            marker={"color": theme.muted, "size": 5, "symbol": "circle-open", "line": {"width": 1}},
        )  # fmt: skip
        self._points = canvas.trace(
            self._panel, type="scatter", mode="markers", marker={"color": style.hue, "size": 7, "opacity": 0.9},
            x=np.empty(0, np.float32), y=np.empty(0, np.float32),
            hovertemplate="now: %{x:.3f} + %{y:.3f} i<extra></extra>",
        )  # fmt: skip

    def show(self, known: tuple[int, Spectrum] | None, step: int) -> None:
        """Fill in the newest eigenvalues that are known, at training step `step`."""
        if known is None:
            self._panel.title.html = f"<b>Eigenvalues</b> {self._of.title} {self._canvas.muted('· being computed')}"
            return
        about, spectrum = known
        self._points["x"] = spectrum.values.real.astype(np.float32)
        self._points["y"] = spectrum.values.imag.astype(np.float32)
        radius = spectrum.radius
        reach = self._range.holding(np.array([max(self._begin, radius if np.isfinite(radius) else 0.0)])) * 1.04
        for axis in (f"xaxis{self._panel.axis}", f"yaxis{self._panel.axis}"):
            self._canvas.set_axis(axis, range=[-reach, reach])
        late = f" at step {about:,}" if about != step and self._roomy else ""
        says = f"spectral radius {radius:.3f}{late}" if len(spectrum.values) else "the weights are no longer numbers"
        self._panel.title.html = f"<b>Eigenvalues</b> {self._of.title} · {says}"


class ScaleRange:
    """The end of a colour scale or axis: it doubles when something is larger, and never shrinks, so it is calm."""

    def __init__(self, smallest: float) -> None:
        self._end = smallest

    def holding(self, values: np.ndarray) -> float:
        """The end that has all but the largest twentieth of |values| in it."""
        finite = np.abs(values[np.isfinite(values)])
        largest = float(np.quantile(finite, 0.95)) if finite.size else 0.0
        while self._end < largest and self._end < 1e6:
            self._end *= 2
        return self._end


def _block_title(canvas: Canvas, block: Block, is_one_of_several: bool, wide: bool) -> str:
    """What a block makes, and the names of its parts."""
    of = f"<sub>{block.symbol}</sub>" if is_one_of_several else ""
    parts = [name for name, size in ((f"W{of}", block.input.size), (f"U{of}", block.recurrent.size)) if size]
    title = f"{block.title.removesuffix(' gate')} " if wide and is_one_of_several else ""
    return f"<span style='font-size:11px'>{title}{canvas.muted(' '.join(parts))}</span>"


def _columns(block: Block) -> tuple[list[int], list[str]]:
    """Places and names of the columns of W, a gap, and those of U."""
    inputs, units = block.input.shape[1], block.recurrent.shape[1]
    names = [*(f"input {number + 1}" for number in range(inputs)), *([""] if inputs and units else [])]
    names += [f"unit {number + 1}" for number in range(units)]
    return list(range(len(names))), names


def _both(block: Block) -> np.ndarray:
    """W and U in one array, with a gap of NaN between them."""
    gap = np.full((len(block.bias), 1 if block.input.size and block.recurrent.size else 0), np.nan)
    return np.concatenate([block.input, gap, block.recurrent], axis=1)


def _scale(canvas: Canvas, end: float) -> str:
    theme, swatch = canvas.theme, canvas.swatch
    return canvas.muted(f"{swatch(theme.negative)} ≤ −{end:g} &nbsp;{swatch(theme.positive)} ≥ +{end:g}")
