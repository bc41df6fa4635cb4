"""All views, found by themselves: each module of this folder that defines a `View` adds one."""

from engine.discovery import subclasses_in
from ui.views.base import RunFigure, View

__all__ = ["VIEWS", "RunFigure", "View"]

VIEWS: dict[str, View] = {view.name: view for view in subclasses_in(__name__, __path__, View)}
"""Name → view, in the order of the menu; the first is what the playground opens with."""
