"""The arrows of the architecture point one way: app.py → pages → ui → figures → engine, and none comes back.

Checked twice: by what a fresh Python has loaded after an import, and by reading every import statement, those
inside functions and under TYPE_CHECKING included.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("engine", "figures", "ui", "pages", "app")  # each may know those before it
FORBIDDEN = {
    "engine": {"streamlit", "plotly", "pandas", "matplotlib"},
    "figures": {"streamlit", "torch", "loky", "pandas"},
    "ui": {"torch"},
    "pages": {"torch", "plotly"},
    "app": {"torch", "plotly"},
}
TORCH_MODULES = {
    "engine/fast/autograd.py",
    "engine/fast/optimizer.py",
}  # the only ones to import torch outside a function


def files_of(layer: str) -> list[Path]:
    """The Python files of a layer."""
    return [ROOT / "app.py"] if layer == "app" else sorted((ROOT / layer).rglob("*.py"))


def imported(tree: ast.AST, package: str) -> set[str]:
    """Full names of all modules that are imported anywhere in `tree`, a module of `package`."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            parents = package.split(".")
            base = parents[: len(parents) - node.level + 1]
            names.add(".".join([*base, *([node.module] if node.module else [])]))
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def modules_of(path: Path) -> set[str]:
    """Top-level packages that the file at `path` imports."""
    package = ".".join(path.relative_to(ROOT).parent.parts)
    return {name.partition(".")[0] for name in imported(ast.parse(path.read_text()), package)}


def loaded_after(statement: str) -> set[str]:
    """Top-level packages in a fresh Python after `statement`."""
    program = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(finished.stdout.splitlines()[-1])}


@pytest.mark.parametrize("layer", LAYERS)
def test_no_arrow_points_back(layer: str) -> None:
    later = set(LAYERS[LAYERS.index(layer) + 1 :]) | {"tests", "benchmarks"}
    files = files_of(layer)
    assert files
    for path in files:
        assert not modules_of(path) & (later | FORBIDDEN[layer]), path.relative_to(ROOT)


def test_every_layer_is_used_by_the_one_above() -> None:
    for below, above in (("engine", "figures"), ("figures", "ui"), ("ui", "pages"), ("ui", "app")):
        assert any(below in modules_of(path) for path in files_of(above)), f"{above} → {below}"


def test_torch_is_imported_where_it_trains_and_not_before() -> None:
    for path in files_of("engine"):
        tree = ast.parse(path.read_text())
        at_import = ast.Module([node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))], [])
        eager = {name.partition(".")[0] for name in imported(at_import, "engine")}
        assert ("torch" in eager) == (path.relative_to(ROOT).as_posix() in TORCH_MODULES), path


def test_nothing_in_the_house_is_a_drawer_for_leftovers() -> None:
    names = {path.stem for layer in LAYERS for path in files_of(layer)}
    assert not names & {"utils", "util", "helpers", "helper", "misc", "common"}


@pytest.mark.parametrize("module", ["engine", "engine.runs", "engine.store", "engine.setup", "engine.executor"])
def test_what_the_page_needs_of_the_engine_loads_no_screen_and_no_torch(module: str) -> None:
    loaded = loaded_after(f"import {module}")
    assert "engine" in loaded and "numpy" in loaded
    assert not loaded & {"streamlit", "plotly", "torch", "pandas"}


def test_nor_does_all_of_the_engine_but_what_trains() -> None:
    modules = {path.relative_to(ROOT).with_suffix("") for path in files_of("engine")}
    modules -= {Path(name).with_suffix("") for name in TORCH_MODULES}
    statement = "import " + ", ".join(".".join(module.parts) for module in modules if module.name != "__init__")
    assert not loaded_after(statement) & {"streamlit", "plotly", "torch", "pandas"}


@pytest.mark.parametrize("module", [path.stem for path in files_of("figures")])
def test_figures_load_neither_streamlit_nor_torch(module: str) -> None:
    assert not loaded_after(f"import figures.{module}".removesuffix(".__init__")) & {"streamlit", "torch"}


def test_an_untrained_network_is_looked_at_without_torch() -> None:
    look = """
from engine import Experiment, initial_state, record
from engine.chunks import first_chunk
for cell in ("rnn", "gru", "lstm"):
    for task in ("adding", "series", "recall"):
        experiment = Experiment(task=task, cell=cell, length=20, layers=2)
        first_chunk(experiment, initial_state(experiment))
"""
    assert "torch" not in loaded_after(look)


def test_training_loads_torch_and_still_no_screen() -> None:
    train = "from engine import *\nadvance(Experiment(length=5), initial_state(Experiment(length=5)), 1)"
    loaded = loaded_after(train)
    assert "torch" in loaded
    assert not loaded & {"streamlit", "plotly"}
