"""A folder of plug-ins: each module adds what it defines, so that a new task or cell is one file."""

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Any


def subclasses_in(package: str, path: Iterable[str], base: type) -> list[Any]:
    """One instance of each subclass of `base` that a module of `package` defines with a name of its own."""
    found = []
    for module_info in pkgutil.iter_modules(path):
        module = importlib.import_module(f"{package}.{module_info.name}")
        for value in vars(module).values():
            is_subclass = isinstance(value, type) and issubclass(value, base)
            if is_subclass and value.__module__ == module.__name__ and "name" in vars(value):
                found.append(value())
    return sorted(found, key=lambda each: (each.order, each.name))
