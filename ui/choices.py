"""Usual values of settings, and how they are written on the screen."""

from __future__ import annotations

from typing import Any

from engine.rules import OFF

RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2, 3e-2, 0.1, 0.3, 1.0)
CLIPS = (0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
BATCHES = (1, 4, 8, 16, 32, 64, 128, 256)
BUDGETS = (500, 1000, 2000, 3000, 5000, 10_000, 20_000, 50_000)
OPTIMIZER_LABELS = {"sgd": "SGD", "momentum": "SGD with momentum", "rmsprop": "RMSprop", "adam": "Adam"}


def scale_with(options: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    """`options` in order of their size, and `value` among them; "off" stays last."""
    numbers = {each for each in (*options, value) if each != OFF}
    return (*sorted(numbers), *([OFF] if OFF in options else []))


def plain(value: Any) -> str:
    """`value` as a reader wants it."""
    if value == OFF:
        return OFF
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
