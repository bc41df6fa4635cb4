"""All cells, found by themselves: each module of this folder that defines a `Cell` adds one."""

from typing import Any

from engine.cells.base import Cell, Panel, Trace, Weights
from engine.discovery import subclasses_in

__all__ = ["CELLS", "Cell", "Panel", "Trace", "Weights"]

CELLS: dict[str, Cell[Any]] = {cell.name: cell for cell in subclasses_in(__name__, __path__, Cell)}
"""Name → cell, in the order of the lanes."""
