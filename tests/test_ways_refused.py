"""Ways of providing input and targets that make no sense are refused in one sentence, and in links left out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle, product
from typing import Any

import numpy as np
import pytest

from engine import CELLS, TASKS, Experiment, ExperimentError, initial_state, record


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"task": "adding", "input_way": "initial"}, "step by step"),
        ({"task": "adding", "target_way": "units"}, "choose readout"),
        ({"task": "adding", "target_steps": 2}, "choose 0 to 1"),
        ({"task": "parity", "target_steps": 1}, "choose 0"),
        ({"task": "recall", "length": 20, "target_steps": 21}, "choose 0 to 20"),
        ({"task": "cycle", "input_way": "initial", "layers": 2}, "layers=1"),
        ({"task": "cycle", "input_way": "initial", "hidden_size": 1}, "choose 2 or more"),
        ({"task": "cycle", "input_way": "clamped", "hidden_size": 2}, "choose 3 or more"),
        ({"task": "cycle", "input_way": "clamped", "target_way": "units", "hidden_size": 3}, "choose 4 or more"),
    ],
)
def test_ways_that_make_no_sense_are_refused_in_one_sentence(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ExperimentError, match=says) as refusal:
        Experiment(**settings)
    assert_one_sentence(str(refusal.value))
    assert Experiment.from_query_leniently(query_of(settings))[1] == [str(refusal.value)]


def assert_one_sentence(message: str) -> None:
    """It ends in a full stop, and has no other."""
    assert message.endswith(".") and ". " not in message and "\n" not in message


def query_of(settings: Mapping[str, Any]) -> str:
    """The query of a link with these settings."""
    return "&".join(f"{name}={value}" for name, value in settings.items())


def makes_sense(task: str, input_way: str, target_way: str, layers: int, hidden_size: int) -> bool:
    """Whether units can be told and asked that way: those told and those asked exist, and something is free."""
    of_states = ("attractors", "cycle", "patterns")
    told_at_start = (*of_states, "timer")
    if (input_way == "initial" and task not in told_at_start) or (target_way == "units" and task not in of_states):
        return False
    if layers > 1 and (input_way, target_way) != ("driven", "readout"):
        return False
    units, channels = set(range(hidden_size)), len(TASKS[task].inputs)
    told = set(range(channels)) if input_way == "initial" else set()
    held = {hidden_size - 1 - channel for channel in range(channels)} if input_way == "clamped" else set()
    asked = set(range(len(TASKS[task].outputs))) if target_way == "units" else set()
    return told | held | asked <= units and not asked & held and bool(units - held)


@pytest.mark.parametrize("task", list(TASKS))
def test_what_makes_sense_works_with_the_fewest_units_and_the_rest_is_refused(task: str) -> None:
    length = TASKS[task].min_length + 8
    cells = cycle(CELLS)
    for ways in product(("driven", "initial", "clamped"), ("readout", "units"), (1, 2), range(1, 9)):
        settings = dict(zip(("input_way", "target_way", "layers", "hidden_size"), ways, strict=True))
        whole = {"task": task, "length": length, "cell": next(cells)} | settings
        opened, problems = Experiment.from_query_leniently(query_of(whole))
        if makes_sense(task, *ways):  # type: ignore[arg-type]
            assert (opened, problems) == (Experiment(**whole), [])
            assert np.isfinite(record(opened, initial_state(opened)).loss)
            continue
        with pytest.raises(ExperimentError) as refusal:
            Experiment(**whole)
        assert_one_sentence(str(refusal.value))
        assert problems == [str(refusal.value)]
        assert (opened.task, opened.cell, opened.hidden_size) == (task, whole["cell"], settings["hidden_size"])


def test_a_link_gives_up_no_more_than_it_has_to() -> None:
    def opened(**settings: Any) -> tuple[dict[str, str], int]:
        experiment, problems = Experiment.from_query_leniently(query_of({"cell": "rnn"} | settings))
        return experiment.query_items(), len(problems)

    units = {"cell": "rnn", "task": "cycle", "target_way": "units"}
    assert opened(**units, length=20, target_steps=30) == (units | {"length": "20"}, 1)
    assert opened(**units, layers=2) == (units, 1)
    assert opened(task="parity", layers=2, input_way="initial") == ({"cell": "rnn", "task": "parity", "layers": "2"}, 1)
    both = opened(task="temporal_order", length=2, input_way="initial")
    assert both == ({"cell": "rnn", "task": "temporal_order", "length": "20"}, 2), "the length, and the way"
