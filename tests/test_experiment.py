"""The configuration: whatever is accepted is valid, whatever is not is told, and a link says all of it.

Random experiments come from a seeded generator that draws every field from its own rule, so a field that is
added later is covered without a word here.
"""

from __future__ import annotations

import pickle
import random
from contextlib import suppress
from dataclasses import FrozenInstanceError, fields, replace
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest

from engine import CELLS, TASKS, Change, Experiment, ExperimentError, advance, initial_state, task_of
from engine import series as library
from engine.experiment import DEFAULT, INPUT_WAYS, RULES, WAYS
from engine.rules import Changes, Choice, Number, Settings
from engine.settings import WORDINGS, Row, Setting, table_of_differences
from engine.setup import DEFAULT_CELLS, MOST_LANES, SHARED, Setup
from engine.tasks import task_named

NUMBERS = {name: rule for name, rule in RULES.items() if isinstance(rule, Number)}
CHOICES = {name: rule for name, rule in RULES.items() if isinstance(rule, Choice)}
NEVER_VALID = [True, np.True_, float("nan"), float("inf"), -float("inf"), b"x", [], {}, object(), 1 + 2j, 10**400]


def random_value(rule: Choice | Number | Changes, draw: random.Random) -> Any:
    """A value that `rule` accepts; the ends of its range, and None where that is one, come often."""
    match rule:
        case Choice():
            return draw.choice(rule.options)
        case Number():
            low, high = rule.low, rule.high
            if rule.optional and draw.random() < 0.2:
                return None
            drawn = draw.choice([low, high, draw.uniform(low, high), low + (high - low) * 10 ** draw.uniform(-9, 0)])
            return round(drawn) if rule.whole else float(drawn)
        case Changes():
            steps = sorted(draw.sample(range(1, 100_001), draw.choice([0, 0, 1, 2, rule.most])))
            return tuple(random_change(step, draw) for step in steps)


def random_change(step: int, draw: random.Random) -> Change:
    """A change at `step`; some of batch size and optimiser too."""
    rate, clip, batch, optimizer = (random_value(RULES[name], draw) for name in CHANGEABLE)
    return Change(step, rate, clip, draw.choice([None, batch]), draw.choice([None, optimizer]))


CHANGEABLE = ("learning_rate", "clip_norm", "batch_size", "optimizer")


def suited_to(name: str) -> dict[str, Any]:
    """Settings with which field `name` can take all of its values."""
    if name in ("input_way", "target_way", "target_steps"):
        return {"task": "cycle", "length": 200}
    return {} if name == "task" else {"task": "parity"}  # which takes every length


def random_experiment(draw: random.Random) -> Experiment:
    """A valid experiment, any of them."""
    values = {name: random_value(rule, draw) for name, rule in RULES.items()}
    if draw.random() < 0.1:
        values["series"] = f"own-{draw.getrandbits(64):016x}"
    if values["task"] != "series" or library.is_here(values["series"]):
        task = task_named(values["task"], values["series"])
        values["length"] = min(max(values["length"], task.min_length), task.max_length)
        values["target_steps"] = draw.randint(0, task.most_target_steps(values["length"]))
    ways = {name: values.pop(name) for name in draw.sample(WAYS, len(WAYS))}
    experiment = Experiment(**values)
    for name, value in ways.items():
        with suppress(ExperimentError):  # it suits neither the others nor the task
            experiment = replace(experiment, **{name: value})
    return experiment


def test_random_experiments_have_all_ways_of_input_and_target() -> None:
    draw = random.Random(11)
    drawn = [random_experiment(draw) for _ in range(2000)]
    for name in ("input_way", "target_way", "initial_state", "cell"):
        for option in CHOICES[name].options:
            assert sum(getattr(each, name) == option for each in drawn) > 30, option
    assert sum(each.target_steps > 0 for each in drawn) > 100


def random_edit(query: str, draw: random.Random) -> str:
    """`query` as a slip of the keyboard, a mail program or a curious student leaves it."""
    characters = "0123456789aeinotu_-+.,:;&=%?#/ é×∞\x00\U0001f600"
    names = [*RULES, "cells", "pin", "nonsense", ""]
    values = [
        "",
        "0",
        "-1",
        "1e9",
        "nan",
        "inf",
        "off",
        "None",
        "lstm",
        "gru,rnn",
        "[]",
        "1_000",
        "5:0.1",
        "9" * 400,
        "cell:gru",
        "cell:gru,layers:7~",
        "seed:3,learning_rate:0.1~cell:gru",
        "target_steps:150",
        "~,:",
    ]
    for _ in range(draw.randint(1, 4)):
        at, to = sorted(draw.randint(0, len(query)) for _ in range(2))
        match draw.randrange(6):
            case 0:
                query = query[:at] + draw.choice(characters) + query[at:]
            case 1:
                query = query[:at] + query[to:]
            case 2:
                query = query[:to] + query[at:]
            case 3:
                query += f"&{draw.choice(names)}={draw.choice(values)}"
            case 4:
                parts = query.split("&")
                draw.shuffle(parts)
                query = "&".join(parts)
            case 5:
                query = query.replace("=", draw.choice(["", "==", "%3D", ":"]), 1)
    return query


# --- fields ---


def test_the_defaults_are_valid_and_name_every_field() -> None:
    experiment = Experiment()
    assert [each.name for each in fields(Experiment)] == list(RULES)
    for name, rule in RULES.items():
        assert rule.check(name, getattr(experiment, name)) == getattr(experiment, name)
    assert (experiment.task, experiment.cell, experiment.length, experiment.hidden_size) == ("adding", "lstm", 50, 32)
    promised = {
        "task", "cell", "length", "hidden_size", "layers", "batch_size", "learning_rate", "optimizer", "clip_norm",
        "initialization", "forget_bias", "seed", "steps",
    }  # fmt: skip
    assert promised <= set(RULES)


def test_an_experiment_is_frozen_keyword_only_and_equal_by_value() -> None:
    experiment = Experiment(length=20)
    with pytest.raises(FrozenInstanceError):
        experiment.length = 30  # type: ignore[misc]
    with pytest.raises(TypeError):
        Experiment("adding")  # type: ignore[call-arg]
    assert experiment == Experiment(length=20) and hash(experiment) == hash(Experiment(length=20))
    assert pickle.loads(pickle.dumps(experiment)) == experiment


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_takes_both_ends_of_its_range_and_nothing_beyond(name: str) -> None:
    rule, others = NUMBERS[name], suited_to(name)
    for end in (rule.low, rule.high):
        assert getattr(Experiment(**others, **{name: end}), name) == end  # type: ignore[arg-type]
    beyond = [rule.low - 1, rule.high + 1, -1e300, 1e300]
    if not rule.whole:
        beyond += [np.nextafter(rule.low, -np.inf), np.nextafter(rule.high, np.inf)]
    for value in beyond:
        with pytest.raises(ExperimentError, match=rf"^{name}=.* is out of range: choose .*\.$"):
            Experiment(**others, **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("value", [*NEVER_VALID, None, "", "50", 0.5, "nonsense"], ids=lambda value: repr(value)[:20])
def test_a_value_of_the_wrong_kind_is_refused_in_one_sentence(name: str, value: object) -> None:
    rule = RULES[name]
    fits_by_chance = (
        (value is None and getattr(rule, "optional", False))
        or (isinstance(value, float) and value == 0.5 and isinstance(rule, Number) and not rule.whole)
        or (isinstance(value, list) and isinstance(rule, Changes))
    )
    if fits_by_chance:
        Experiment(**{name: value})  # type: ignore[arg-type]
        return
    with pytest.raises(ExperimentError, match=rf"(?s)^{name}\b.*\.$"):
        Experiment(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name, rule in NUMBERS.items() if rule.whole])
def test_a_whole_number_may_come_as_a_float_or_from_numpy_but_not_with_a_fraction(name: str) -> None:
    others = suited_to(name)
    for value in (3, 3.0, np.int64(3), np.float32(3)):
        kept = getattr(Experiment(**others, **{name: value}), name)  # type: ignore[arg-type]
        assert kept == 3 and type(kept) is int
    with pytest.raises(ExperimentError, match="whole number"):
        Experiment(**others, **{name: 2.5})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_takes_its_options_and_lists_them_otherwise(name: str) -> None:
    for option in CHOICES[name].options:
        others = {"length": 20} | suited_to(name) | {name: option}
        assert getattr(Experiment(**others), name) == option
    with pytest.raises(ExperimentError) as refusal:
        Experiment(**{name: "Nonsense"})  # type: ignore[arg-type]
    assert all(option in str(refusal.value) for option in CHOICES[name].options)


@pytest.mark.parametrize(
    "changes",
    [
        (1,),
        (None,),
        ("5:0.1:1",),
        ((5, 0.1, 1.0),),
        (Change(0, 0.1, 1.0),),
        (Change(5, float("nan"), 1.0),),
        (Change(5, 0.1, True),),
        (Change(5, 0.1, -1.0),),
        (Change(5.5, 0.1, 1.0),),  # type: ignore[arg-type]
        (Change(5, None, 1.0),),  # type: ignore[arg-type]
        (Change(5, 0.1, 1.0, 0),),
        (Change(5, 0.1, 1.0, 2.5),),  # type: ignore[arg-type]
        (Change(5, 0.1, 1.0, None, "lion"),),
        (Change(5, 0.1, 1.0), Change(5, 0.2, 1.0)),
        (Change(9, 0.1, 1.0), Change(5, 0.2, 1.0)),
        tuple(Change(step, 0.1, 1.0) for step in range(1, 52)),
        "5:0.1:1",
        5,
    ],
    ids=lambda changes: repr(changes)[:40],
)
def test_changes_that_make_no_sense_are_refused(changes: Any) -> None:
    with pytest.raises(ExperimentError):
        Experiment(changes=changes)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("1180:0.001:1", Change(1180, 0.001, 1.0)),
        ("1180:0.001:off", Change(1180, 0.001, None)),
        ("1180:0.001:1:64", Change(1180, 0.001, 1.0, 64)),
        ("1180:0.001:1::sgd", Change(1180, 0.001, 1.0, None, "sgd")),
        ("1180:0.001:1:64:sgd", Change(1180, 0.001, 1.0, 64, "sgd")),
    ],
)
def test_a_change_in_a_link_may_name_batch_size_and_optimiser(text: str, change: Change) -> None:
    experiment = Experiment.from_query({"changes": text})
    assert experiment.changes == (change,)
    assert experiment.query_items()["changes"] == text


@pytest.mark.parametrize("text", ["5:0.1", "5:0.1:1:64:sgd:1", "5:0.1:1:x", "5:0.1:1:64:lion", "5:0.1:1:0"])
def test_a_change_that_can_not_be_read_is_told(text: str) -> None:
    with pytest.raises(ExperimentError, match="changes"):
        Experiment.from_query({"changes": text})


def test_settings_hold_from_their_change_on_and_can_be_changed_at_any_step() -> None:
    experiment = Experiment(changes=(Change(10, 0.1, None, 64), Change(20, 0.2, 1.0, None, "sgd")))
    assert experiment.settings_at(9) == Settings(0.003, 1.0, 32, "adam")
    assert experiment.settings_at(19) == Settings(0.1, None, 64, "adam")
    assert experiment.settings_at(20) == Settings(0.2, 1.0, 64, "sgd", 20)
    changed = experiment.changed_at(15, Settings(0.5, 2.0, 64, "momentum"))
    assert changed.changes == (experiment.changes[0], Change(15, 0.5, 2.0, None, "momentum"))
    assert changed.settings_at(15) == Settings(0.5, 2.0, 64, "momentum", 15)
    at_start = experiment.changed_at(0, Settings(0.5, None, 8, "sgd"))
    assert at_start == Experiment(learning_rate=0.5, clip_norm=None, batch_size=8, optimizer="sgd")


def test_changes_may_come_as_a_list_and_are_kept_as_a_tuple() -> None:
    changes = [Change(5, 1, None), Change(9, 0.1, 2)]
    assert Experiment(changes=changes).changes == (Change(5, 1.0, None), Change(9, 0.1, 2.0))  # type: ignore[arg-type]


@pytest.mark.parametrize("task", TASKS)
def test_a_length_that_the_task_can_not_make_is_refused_in_its_words(task: str) -> None:
    bound = task_of(Experiment(task=task, length=TASKS[task].default_length))
    for length in (bound.min_length, bound.max_length):
        assert Experiment(task=task, length=length).length == length
    for length in {bound.min_length - 1, bound.max_length + 1} & set(range(2, 201)):
        with pytest.raises(ExperimentError, match=rf"length={length} .*choose {bound.min_length} to"):
            Experiment(task=task, length=length)


# --- links ---


def test_the_default_needs_no_link_but_names_its_cell() -> None:
    assert Experiment().to_query() == "cell=lstm"
    assert Experiment.from_query("") == Experiment.from_query("?") == Experiment.from_query({}) == Experiment()


@pytest.mark.parametrize("seed", range(6))
def test_every_valid_experiment_survives_a_link(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(100):
        experiment = random_experiment(draw)
        query = experiment.to_query()
        assert Experiment.from_query(query) == experiment
        assert Experiment.from_query("?" + query) == experiment
        assert Experiment.from_query(dict(parse_qsl(query))) == experiment
        assert Experiment.from_query_leniently(query) == (experiment, [])
        assert query.isascii() and " " not in query


def test_a_link_carries_only_what_differs_from_the_default() -> None:
    experiment = Experiment(task="parity", length=12, clip_norm=None, changes=(Change(40, 0.001, 0.5),))
    items = {"task": "parity", "cell": "lstm", "length": "12", "clip_norm": "off", "changes": "40:0.001:0.5"}
    assert experiment.query_items() == items


@pytest.mark.parametrize(
    "query",
    [
        "nonsense", "length", "length=", "length=abc", "length=1", "length=201", "length=20.5", "length=1e999",
        "length=nan", "length=2_0", "length=" + "2" * 50, "length=20&length=20", "length=20&nonsense=1", "=", "==",
        "a=b=c", "%ff=1", "length=%ff", "length=%", "cell=LSTM", "cell=", "cells=lstm", "task=adding%00", "seed=-1",
        "seed=1e10", "clip_norm=None", "clip_norm=0", "learning_rate=off", "changes=5", "changes=5:1",
        "changes=5:1:1:1:1", "changes=5:1:1;5:1:1", "changes=;", "changes=0:1:1", "task=series&length=3",
        "task=series&series=sunspots&length=200", "&".join(f"x{number}=1" for number in range(200)), "__class__=1",
        "../../etc/passwd", "<script>", "\x00", "\ud800", "length=🦜", "steps=1e999",
    ],
)  # fmt: skip
def test_any_other_link_raises_the_one_documented_error(query: str) -> None:
    with pytest.raises(ExperimentError) as refusal:
        Experiment.from_query(query)
    assert str(refusal.value).endswith(".") and "\n" not in str(refusal.value)


@pytest.mark.parametrize("seed", range(4))
def test_random_text_gives_an_experiment_or_the_documented_error(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(250):
        codes = [draw.choice([draw.randrange(128), draw.randrange(0x110000)]) for _ in range(draw.randrange(60))]
        with suppress(ExperimentError):
            assert isinstance(Experiment.from_query("".join(map(chr, codes))), Experiment)


@pytest.mark.parametrize("seed", range(4))
def test_edited_links_always_open_a_valid_experiment(seed: int) -> None:
    draw, told = random.Random(100 + seed), 0
    for _ in range(250):
        query = random_edit(random_experiment(draw).to_query(), draw)
        experiment, problems = Experiment.from_query_leniently(query)
        assert Experiment(**{name: getattr(experiment, name) for name in RULES}) == experiment
        assert all(problem.strip() and isinstance(problem, str) for problem in problems)
        if problems:
            told += 1
            with pytest.raises(ExperimentError):
                Experiment.from_query(query)
        else:
            assert Experiment.from_query(query) == experiment
    assert told > 100, "the edits hardly broke a link, so hardly anything was tested"


def test_leniently_read_what_is_good_stays_and_what_is_bad_is_told() -> None:
    experiment, problems = Experiment.from_query_leniently("hidden_size=9&layers=7&nonsense=1&seed=5&seed=6")
    assert experiment == Experiment(hidden_size=9, seed=5)
    assert len(problems) == 3
    assert "layers" in problems[0] and "nonsense" in problems[1] and "seed" in problems[2]


def test_leniently_read_a_length_that_does_not_suit_gives_way_to_the_tasks_own() -> None:
    experiment, problems = Experiment.from_query_leniently("task=temporal_order&length=5&seed=3")
    assert experiment == Experiment(task="temporal_order", length=TASKS["temporal_order"].default_length, seed=3)
    assert len(problems) == 1 and "length=5" in problems[0]


@pytest.mark.parametrize("name", RULES)
def test_a_refusal_quotes_no_more_than_a_reader_needs(name: str) -> None:
    with pytest.raises(ExperimentError) as refusal:
        Experiment.from_query({name: "x" * 5000})
    assert len(str(refusal.value)) < 300


# --- what decides about the first steps ---


def test_until_forgets_the_budget_and_later_changes_only() -> None:
    changes = (Change(10, 0.1, 1.0), Change(20, 0.2, None))
    experiment = Experiment(steps=77, changes=changes)
    assert experiment.until(10).changes == ()
    assert experiment.until(11).changes == experiment.until(20).changes == changes[:1]
    assert experiment.until(21) == Experiment(changes=changes)
    assert experiment.until(11).until(11) == experiment.until(11)


TINY = {"length": 8, "hidden_size": 4, "batch_size": 4}
VARIANTS: dict[str, Any] = {
    "task": "echo", "series": "co2", "cell": "gru", "activation": "relu", "length": 9, "hidden_size": 5, "layers": 2,
    "batch_size": 3, "optimizer": "sgd", "learning_rate": 0.01, "clip_norm": 0.5, "changes": (Change(2, 0.5, None),),
    "initialization": "orthogonal", "spectral_radius": 0.5, "forget_bias": -2.0, "seed": 9, "steps": 10,
    "window": 3, "input_way": "initial", "driven_units": 2, "initial_state": "learned", "initial_units": 1,
    "target_way": "units", "read_units": 3, "target_steps": 2,
}  # fmt: skip
PLANE = {"task": "cycle", "clip_norm": 0.01}  # which allows all ways of input and target


@pytest.mark.parametrize("name", [*RULES, "later change"])
@pytest.mark.parametrize(
    "base",
    [
        Experiment(**TINY, task="parity", cell=cell, initialization=initialization, clip_norm=0.01)  # type: ignore[arg-type]
        for cell in ("rnn", "lstm")
        for initialization in ("pytorch", "identity")
    ]
    + [Experiment(**TINY, task="series")]  # type: ignore[arg-type]
    + [Experiment(**TINY, **PLANE, cell=cell) for cell in ("gru", "window")]  # type: ignore[arg-type]
    + [Experiment(**TINY, **PLANE, cell="rnn", input_way="clamped", initial_state="learned")]  # type: ignore[arg-type]
    + [Experiment(**TINY, **PLANE, cell="rnn", input_way="initial", target_way="units")]  # type: ignore[arg-type]
    + [
        Experiment(**TINY, **PLANE, cell=cell, input_way=input_way, initial_state="learned", driven_units=1)  # type: ignore[arg-type]
        for cell in ("window", "lstm")
        for input_way in INPUT_WAYS
    ],
    ids=lambda base: f"{base.task}-{base.cell}-{base.initialization}-{base.input_way}-{base.initial_state}",
)
def test_until_agrees_exactly_where_training_agrees(name: str, base: Experiment) -> None:
    variant = {"changes": (Change(3, 0.5, None),)} if name == "later change" else {name: VARIANTS[name]}
    if name in VARIANTS and getattr(base, name) == VARIANTS[name]:
        variant = {name: getattr(Experiment(), name)}
    try:
        other = replace(base, **variant)
    except ExperimentError:
        pytest.skip("a setting that does not suit the others")
    assert other != base

    def first_steps(experiment: Experiment) -> dict[str, bytes]:
        state, _ = advance(experiment, initial_state(experiment), 3)
        return {key: value.tobytes() for key, value in state.parameters.items()}

    assert (base.until(3) == other.until(3)) == (first_steps(base) == first_steps(other))
    assert first_steps(base.until(3)) == first_steps(base)


# --- what the playground compares ---


def random_setup(draw: random.Random) -> Setup:
    """Cells on a random experiment, and sometimes what is pinned beside them."""
    setup = Setup(random_experiment(draw), tuple(draw.sample(list(CELLS), draw.randint(1, len(CELLS)))))
    pinned = [random_experiment(draw) for _ in range(draw.randint(0, 3))]
    pinned += [replace(each, learning_rate=0.0123) for each in draw.sample(setup.experiments, draw.randint(0, 1))]
    return setup.with_pinned(draw.sample(pinned, len(pinned)))[0]


def test_the_default_setup_is_the_rnn_beside_the_lstm_on_the_adding_problem() -> None:
    setup = Setup()
    assert setup.cells == DEFAULT_CELLS == ("rnn", "lstm")
    assert setup.experiments == (Experiment(cell="rnn"), Experiment(cell="lstm"))
    assert setup.to_query() == ""
    assert Setup.from_query_leniently({}) == (setup, [])


def test_every_setup_survives_a_link() -> None:
    draw = random.Random(7)
    pinned = [0, 0, 0]
    for _ in range(300):
        setup = random_setup(draw)
        pinned[len(setup.pinned)] += 1
        assert Setup.from_query_leniently(dict(parse_qsl(setup.to_query()))) == (setup, [])
        assert Setup.from_query_leniently(setup.query_items()) == (setup, [])
    assert min(pinned) > 20


def test_lanes_share_everything_but_the_cell_and_stand_in_the_menus_order() -> None:
    setup = Setup(Experiment(seed=5), ("window", "lstm", "rnn", "gru"))
    assert setup.cells == tuple(CELLS)
    assert {replace(each, cell="rnn") for each in setup.experiments} == {Experiment(cell="rnn", seed=5)}


@pytest.mark.parametrize("cells", [(), ("transformer",), ("lstm", ""), ("LSTM",)])
def test_a_setup_of_unknown_cells_is_refused(cells: tuple[str, ...]) -> None:
    with pytest.raises(ExperimentError, match="choose among rnn, gru, lstm"):
        Setup(DEFAULT, cells)


@pytest.mark.parametrize("seed", range(4))
def test_edited_links_always_open_a_valid_setup(seed: int) -> None:
    draw = random.Random(200 + seed)
    for _ in range(250):
        query = random_edit(random_setup(draw).to_query(), draw)
        try:
            items = dict(parse_qsl(query, keep_blank_values=True))
        except ValueError:  # the browser's or Streamlit's business
            continue
        setup, problems = Setup.from_query_leniently(items)
        assert 1 <= len(setup.cells) <= len(CELLS)
        assert Setup(setup.experiment, setup.cells, setup.pinned) == setup
        assert not setup.pinned or len(setup.experiments) <= MOST_LANES
        assert all(isinstance(problem, str) and problem.strip() for problem in problems)


def test_a_link_to_a_single_experiment_opens_one_lane() -> None:
    experiment = Experiment(cell="gru", length=30)
    assert Setup.from_query_leniently(experiment.query_items()) == (Setup(experiment, ("gru",)), [])


def test_a_link_with_unknown_cells_keeps_the_rest_and_tells() -> None:
    setup, problems = Setup.from_query_leniently({"cells": "lstm,transformer", "length": "30"})
    assert setup == Setup(Experiment(length=30))
    assert len(problems) == 1 and "transformer" in problems[0]


@pytest.mark.parametrize("name", ["embed", "utm_source", "fbclid"])
def test_what_others_add_to_a_link_is_no_problem(name: str) -> None:
    assert Setup.from_query_leniently({name: "x", "seed": "4"}) == (Setup(Experiment(seed=4)), [])


def test_changes_are_in_order_in_every_random_experiment() -> None:
    draw = random.Random(1)
    many = [random_experiment(draw) for _ in range(200)]
    assert any(len(experiment.changes) == 50 for experiment in many)
    assert all(one.step < other.step for experiment in many for one, other in pairwise(experiment.changes))


# --- what is pinned beside it ---

LSTM = Setup(Experiment(length=30, seed=4, steps=500), ("lstm",))


def test_what_is_pinned_trains_on_the_same_data_for_the_same_number_of_steps() -> None:
    draw = random.Random(2)
    elsewhere = Experiment(task="echo", length=77, seed=9, steps=20, cell="gru", learning_rate=0.01)
    setup = replace(LSTM, pinned=(elsewhere,))
    assert setup.experiments == (LSTM.experiment, replace(LSTM.experiment, cell="gru", learning_rate=0.01))
    for _ in range(200):
        setup = random_setup(draw)
        assert all(getattr(each, name) == getattr(setup.experiment, name) for each in setup.pinned for name in SHARED)


@pytest.mark.parametrize(
    "same", [{}, {"seed": 5}, {"steps": 9}, {"spectral_radius": 2.0}, {"window": 7}, {"activation": "relu"}], ids=str
)
def test_what_is_pinned_and_the_same_as_another_lane_is_left_out(same: dict[str, Any]) -> None:
    alike = replace(LSTM.experiment, **same)
    other = replace(LSTM.experiment, learning_rate=0.01)
    assert replace(LSTM, pinned=(alike,)) == LSTM
    assert replace(LSTM, pinned=(other, alike, replace(other, **same))).experiments == (LSTM.experiment, other)


def test_lanes_are_at_most_three_as_soon_as_one_is_pinned() -> None:
    others = tuple(replace(LSTM.experiment, learning_rate=rate) for rate in (0.01, 0.02, 0.03))
    assert len(replace(LSTM, pinned=others[:2]).experiments) == 3
    for cells, pinned in ((("lstm",), others), (("rnn", "lstm"), others[:2]), (tuple(CELLS), others[:1])):
        with pytest.raises(ExperimentError, match="too many side by side: choose at most 3"):
            Setup(LSTM.experiment, cells, pinned)
    setup, problems = replace(LSTM, cells=("rnn", "lstm")).with_pinned(others)
    assert setup.pinned == others[:1] and len(problems) == 1


def test_what_does_not_suit_the_task_is_refused_by_name_and_leniently_left_out() -> None:
    pinned = Experiment(task="cycle", length=40, input_way="initial")
    with pytest.raises(ExperimentError, match="input_way=initial does not suit"):
        replace(LSTM, pinned=(pinned,))
    setup, problems = LSTM.with_pinned([pinned, replace(LSTM.experiment, layers=2)])
    assert [each.layers for each in setup.pinned] == [2]
    assert len(problems) == 1 and problems[0].startswith("A pinned network is left out: input_way")


def test_a_link_carries_of_what_is_pinned_only_what_differs() -> None:
    setup = replace(LSTM, pinned=(Experiment(cell="gru", learning_rate=0.01), Experiment(clip_norm=None)))
    items = {"length": "30", "seed": "4", "steps": "500", "cells": "lstm"}
    assert setup.query_items() == items | {"pin": "cell:gru,learning_rate:0.01~clip_norm:off"}


@pytest.mark.parametrize(
    ("pin", "kept", "told"),
    [
        ("cell:gru", 1, 0),
        ("cell:gru~cell:rnn~learning_rate:0.01~learning_rate:0.02", 2, 1),
        ("cell:gru~learning_rate:99", 1, 1),
        ("cell:transformer~nonsense~layers:2", 1, 2),
        ("layers:2,layers:3", 0, 1),
        ("seed:7,task:echo,steps:3,length:9", 0, 0),
        ("input_way:initial", 0, 1),
        ("", 0, 0),
        ("~", 0, 2),
    ],
)
def test_what_is_pinned_in_an_edited_link_is_kept_as_far_as_it_can_be(pin: str, kept: int, told: int) -> None:
    setup, problems = Setup.from_query_leniently(LSTM.query_items() | {"pin": pin})
    assert replace(setup, pinned=()) == LSTM
    assert (len(setup.pinned), len(problems)) == (kept, told)
    assert all(problem.startswith("A pinned network is left out: ") for problem in problems)


def test_lanes_are_named_by_what_is_different_about_them() -> None:
    base = replace(LSTM.experiment, spectral_radius=1.5)
    setup = Setup(base, ("lstm",), (replace(base, learning_rate=0.01), replace(base, cell="rnn", forget_bias=3.0)))
    assert setup.titles == ("LSTM", "LSTM · learning rate 0.01", "RNN")
    rotated = replace(base, initialization="orthogonal", spectral_radius=0.8)
    many = replace(base, optimizer="sgd", learning_rate=0.1, clip_norm=None, hidden_size=1, layers=2)
    setup = Setup(base, ("lstm",), (rotated, many))
    assert setup.titles == ("LSTM", "LSTM · orthogonal, spectral radius 0.8", "LSTM · 1 unit, 2 layers, SGD and 2 more")
    assert [each.phrase for each in setup.differences()[2]] == [
        "1 unit", "2 layers", "SGD", "learning rate 0.1", "no clipping",
    ]  # fmt: skip
    assert setup.differences()[0] == ()


def test_lanes_of_one_setup_have_different_names() -> None:
    draw = random.Random(8)
    for _ in range(300):
        setup = random_setup(draw)
        assert len(set(setup.titles)) == len(setup.titles) == len(setup.experiments)
    step = replace(LSTM.experiment, changes=(Change(7, 0.1, 1.0),))
    other = replace(LSTM.experiment, changes=(Change(7, 0.1, 2.0),))
    titles = replace(LSTM, pinned=(step, other)).titles
    assert titles[1:] == ("LSTM · learning rate from step 7: 0.1", "LSTM · learning rate from step 7: 0.1 (2)")


def test_every_setting_has_words_and_each_value_its_own() -> None:
    draw = random.Random(3)
    assert list(WORDINGS) == list(RULES)
    for name, rule in CHOICES.items():
        words = [WORDINGS[name].sentence(option) for option in rule.options]
        assert len(set(words)) == len(words)
    for _ in range(100):
        experiment = random_experiment(draw)
        for name in RULES:
            setting = Setting.of(experiment, name)
            assert setting.label and setting.value in setting.phrase and "_" not in setting.label


def test_the_table_of_differences_has_a_dash_where_a_setting_has_no_effect() -> None:
    base = LSTM.experiment
    rows = table_of_differences([base, replace(base, cell="rnn", learning_rate=0.01), replace(base, forget_bias=2.0)])
    assert rows == [
        Row("Network", ("LSTM", "RNN", "LSTM")),
        Row("Learning rate", ("0.003", "0.01", "0.003")),
        Row("Forget-gate bias", ("1", "–", "2")),
    ]
    assert table_of_differences([base, replace(base, activation="relu")]) == []
