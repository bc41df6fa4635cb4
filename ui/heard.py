"""Which of what the viewer does has been acted on, so that nothing is lost.

The browser sends what happens at the same moment in one message. When a picture was asked for at that very moment,
the message reruns the part that draws and nothing else, although it says what the widgets say now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ui import session

_HEARD = "heard"


def note(own: Sequence[str] | None = None) -> None:
    """Note what the widgets say, in a run that acts on it.

    Args:
        own: the widgets that a part of the page acts on: their keys, or what these begin with before a dot. By
            default all.
    """
    said = session.widgets()
    if own is not None:
        said = _noted() | {name: value for name, value in said.items() if _is_of(name, own)}
    session.remember(_HEARD, said)


def is_missing(own: Sequence[str] = ()) -> bool:
    """Whether the viewer has done something that no run has acted on; the page then has to be rerun.

    A button says True in the run that its press has caused, and False again in the next: that is no news. Nor is
    what a widget said before it was set here, as long as the browser may not have heard of that.

    Args:
        own: widgets that don't count, as in `note`.
    """
    noted, said = _noted(), session.widgets()
    changed = [name for name, value in noted.items() if name in said and said[name] != value]
    over = [name for name in changed if noted[name] is True and said[name] is False]
    if over:
        session.remember(_HEARD, noted | dict.fromkeys(over, False))
    return any(not (name in over or _is_of(name, own) or session.is_late(name, said[name])) for name in changed)


def _noted() -> dict[str, Any]:
    return session.remembered(_HEARD) or {}


def _is_of(name: str, own: Sequence[str]) -> bool:
    return name in own or any(name.startswith(f"{each}.") for each in own)
