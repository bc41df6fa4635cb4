"""Claims about what networks learn: they hold for most seeds.

For which ones differs with the processor, since training amplifies its rounding: there, every seed is another one.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any


def in_most(seeds: int = 8, at_least: int = 5) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Call the decorated test, which takes a `seed`, with each of `seeds`; it passes if `at_least` so many do."""

    def decorated(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def tried(**others: Any) -> None:
            failures: dict[int, AssertionError] = {}
            for seed in range(seeds):
                try:
                    test(seed=seed, **others)
                except AssertionError as failure:
                    failures[seed] = failure
            held = seeds - len(failures)
            says = "\n".join(f"seed {seed}: {str(failure).splitlines()[:1]}" for seed, failure in failures.items())
            assert held >= at_least, f"held for {held} seeds of {seeds}, not {at_least}\n{says}"

        signature = inspect.signature(test)
        others = [each for name, each in signature.parameters.items() if name != "seed"]
        tried.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return tried

    return decorated
