"""The lessons by AppTest: each asks for a guess, trains nothing before it is told to, and says what came out."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from engine.setup import Setup
from engine.tasks import TASKS
from ui.navigation import LESSONS, Lesson, after, lesson_named

APP = str(Path(__file__).parent.parent / "app.py")
every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def opened(lesson: Lesson) -> AppTest:
    """The app on the page of `lesson`."""
    app = AppTest.from_file(APP, default_timeout=60).run()
    return app.switch_page(lesson.file).run()


def words(app: AppTest) -> str:
    """All that the page says."""
    return " ".join(each.value for each in [*app.markdown, *app.title, *app.caption, *app.subheader])


def guessed(app: AppTest, lesson: Lesson, name: str = "first") -> AppTest:
    """The page after the first of the guesses offered."""
    group = app.pills(key=f"{lesson.name}.guess {name}")
    return group.set_value(group.options[0]).run()


def finished(app: AppTest, lesson: Lesson, name: str = "run", seconds: float = 90) -> AppTest:
    """The page once its run `name` is over."""
    app.button(key=f"{lesson.name}.{name}.play").click().run()
    run = app.session_state[f"kept.{lesson.name}.{name}.run"]
    deadline = time.monotonic() + seconds
    while not run.over and time.monotonic() < deadline:
        run.next_frame(0.5)
    assert run.over
    return app.run()


@every_lesson
def test_it_opens_with_its_idea_a_question_and_a_way_on(lesson: Lesson) -> None:
    app = opened(lesson)
    assert not app.exception and not app.error
    assert lesson.title in app.title[0].value and lesson.idea in words(app)
    assert "Your guess" in app.pills(key=f"{lesson.name}.guess first").label
    assert "Why?" in words(app) or any("The reason follows the outcome" in each.value for each in app.caption)


@every_lesson
def test_nothing_trains_before_a_guess_and_a_press_of_the_button(lesson: Lesson) -> None:
    app = opened(lesson)
    run = app.session_state[f"kept.{lesson.name}.run.run"]
    assert not run.playing and run.step == 0
    play = app.button(key=f"{lesson.name}.run.play")
    assert play.disabled
    app = guessed(app, lesson)
    assert not app.button(key=f"{lesson.name}.run.play").disabled
    assert app.session_state[f"kept.{lesson.name}.run.run"].step == 0


@every_lesson
def test_once_trained_it_says_what_came_out_of_the_guess(lesson: Lesson) -> None:
    app = guessed(opened(lesson), lesson)
    before = words(app)
    app = finished(app, lesson)
    assert not app.exception and not app.error
    bet = app.pills(key=f"{lesson.name}.guess first").value
    assert bet in words(app)
    assert any(each in words(app) for each in (f"You guessed “{bet}”", "as you guessed"))
    assert words(app).count("**Why?**") > before.count("**Why?**") or lesson.name == "gates", (
        "which has one from the start"
    )
    app.button(key=f"{lesson.name}.run.again").click().run()
    assert app.session_state[f"kept.{lesson.name}.run.run"].step == 0 and not app.exception


@every_lesson
def test_another_seed_trains_anew_at_once(lesson: Lesson) -> None:
    app = finished(guessed(opened(lesson), lesson), lesson)
    before = app.session_state[f"kept.{lesson.name}.run.run"]
    app.button(key=f"{lesson.name}.run.reseed").click().run()
    after_it = app.session_state[f"kept.{lesson.name}.run.run"]
    assert after_it is not before and after_it.playing
    assert after_it.lanes[0].experiment.seed != before.lanes[0].experiment.seed
    after_it.close()


def test_every_page_is_a_short_file_and_leads_to_the_next() -> None:
    pages = {path.stem for path in (Path(APP).parent / "pages").glob("*.py")}
    assert pages == {lesson.name for lesson in LESSONS} | {"playground"}
    for lesson in LESSONS:
        assert len((Path(APP).parent / lesson.file).read_text().splitlines()) < 120
        assert lesson_named(lesson.name) is lesson
    assert [after(lesson) for lesson in LESSONS] == [*LESSONS[1:], None]


@every_lesson
def test_the_experiment_can_be_taken_to_the_playground(lesson: Lesson) -> None:
    app = opened(lesson)
    run = app.session_state[f"kept.{lesson.name}.run.run"]
    cells = tuple(dict.fromkeys(each.cell for each in run.experiments))
    setup = Setup(run.experiments[0], cells)
    again, problems = Setup.from_query_leniently(setup.query_items())
    assert not problems and again == setup


# --- single pages ---


def test_the_window_decides_who_learns_to_echo() -> None:
    lesson = lesson_named("why_recurrence")
    app = finished(guessed(opened(lesson), lesson), lesson)
    assert "**Only the RNN**" in words(app)
    app.slider(key="why.window").set_value(6).run()
    run = app.session_state["kept.why_recurrence.run.run"]
    while not run.over:
        run.next_frame(0.5)
    assert "The window and the RNN" in words(app.run())


def test_a_cell_can_be_stepped_through_and_its_numbers_changed() -> None:
    lesson = lesson_named("why_recurrence")
    app = opened(lesson)
    for _ in range(3):
        app.button(key="by hand.next").click().run()
    assert app.session_state["kept.by hand.place"] == 3
    app.text_input(key="by hand.inputs").set_value("1 2 three 4").run()
    assert app.error[0].value.startswith("The input needs 4 numbers") and not app.exception
    app.text_input(key="by hand.inputs").set_value("1 2 3 4").run()
    assert not app.error
    app.text_area(key="by hand.weights rnn").set_value("h1 1 1").run()
    assert "need" in app.error[0].value and not app.exception


@pytest.mark.parametrize("way", ["all", "subset", "clamped"])
@pytest.mark.parametrize(
    ("task", "target"), [("attractors", "final"), ("attractors", "last"), ("attractors", "subset"), ("cycle", "subset")]
)
def test_every_way_of_input_and_target_can_be_chosen(way: str, target: str, task: str) -> None:
    lesson = lesson_named("inputs_and_targets")
    app = opened(lesson)
    for key, value in (("task", task), ("given", way), (f"target {task}", target)):
        app.segmented_control(key=f"inputs.{key}").set_value(value).run()
    assert not app.exception and not app.error
    experiment = app.session_state["kept.inputs_and_targets.run.run"].lanes[0].experiment
    assert experiment.task == (task if target == "subset" else "patterns")
    assert (experiment.target_steps == 1) == (target == "final")
    assert experiment.input_way == ("clamped" if way == "clamped" else "initial")
    assert (experiment.initial_state == "learned") == (way == "subset")
    free = experiment.hidden_size - (2 if way == "clamped" else 0)
    assert (free == len(TASKS[experiment.task].outputs)) == (target != "subset"), "whether all free units have a target"


def test_a_push_and_a_click_are_told_of() -> None:
    lesson = lesson_named("inputs_and_targets")
    app = finished(guessed(opened(lesson), lesson), lesson)
    assert "**4 basins**" in words(app)
    app.slider(key="inputs.push").set_value(0.1).run()
    assert "Pushed by 0.1, **" in words(app) and not app.exception
    assert app.session_state["kept.inputs_and_targets.run.run"].over, "a push trains nothing anew"


def test_any_unit_can_be_switched_off_or_so_many_at_random() -> None:
    lesson = lesson_named("hidden_state")
    app = finished(guessed(opened(lesson), lesson), lesson)
    assert "With 1 of 32 units off" in words(app)
    app.pills(key="hidden_state.chosen").set_value([2, 5, 31]).run()
    assert "With 3 of 32 units off" in words(app) and not app.exception
    app.slider(key="hidden_state.off").set_value(32).run()
    assert "With 32 of 32 units off" in words(app) and not app.exception
    app.pills(key="hidden_state.chosen").set_value([]).run()
    assert "With 0 of 32 units off" in words(app) and not app.exception


@pytest.mark.parametrize("text", ["", "-1", "1.5", "abc", "٣"])
def test_what_is_no_number_is_not_added(text: str) -> None:
    app = opened(lesson_named("computing_anything"))
    app.text_input(key="computing_anything.First").set_value(text).run()
    assert not app.exception and "whole" in app.error[0].value
    app.text_input(key="computing_anything.First").set_value("999").run()
    assert not app.error


@pytest.mark.parametrize("task", ["addition", "parity", "counting", "brackets"])
def test_every_algorithm_is_tested_on_other_lengths_and_its_automaton_read(task: str) -> None:
    lesson = lesson_named("computing_anything")
    app = opened(lesson)
    app.segmented_control(key="computing.task").set_value(task).run()
    app = finished(guessed(app, lesson), lesson)
    assert not app.exception and "kinds" in words(app)


def test_every_gate_can_be_held() -> None:
    lesson = lesson_named("gates")
    app = finished(guessed(opened(lesson), lesson), lesson)
    for gate in ("input_gate", "output_gate", "forget_gate"):
        app.segmented_control(key="gates.gate").set_value(gate).run()
        app.slider(key="gates.opening").set_value(1.0).run()
        assert not app.exception and "held at 1" in words(app)


def test_a_gate_can_be_held_for_some_units_and_steps_only_and_on_another_task() -> None:
    lesson = lesson_named("gates")
    app = finished(guessed(opened(lesson), lesson), lesson)
    everywhere = words(app)
    app.slider(key="gates.units").set_value((5, 8)).run()
    app.slider(key="gates.steps").set_value((10, 10)).run()
    assert "Forget gate held at 0 (units 5–8, step 10): MSE" in words(app) and words(app) != everywhere
    app.segmented_control(key="gates.cell").set_value("gru").run()
    app = finished(app, lesson, "elsewhere")
    assert "What costs most: **" in words(app) and "| Update gate |" in words(app) and not app.exception


def test_the_second_runs_of_a_page_say_what_came_out_too() -> None:
    lesson = lesson_named("hidden_state")
    app = finished(guessed(opened(lesson), lesson, "linear"), lesson, "parity")
    assert "fixed points" in words(app) and not app.exception
    lesson = lesson_named("gradients")
    app = finished(opened(lesson), lesson, "clipping")
    assert "Without clipping the loss went up to" in words(app) and not app.exception


def test_a_sweep_fills_in_and_says_what_came_out() -> None:
    lesson = lesson_named("length_and_cost")
    app = opened(lesson)
    app.button(key="length_and_cost.time.play").click().run()
    going = app.session_state["kept.length_and_cost.time.sweep"][1]
    deadline = time.monotonic() + 60
    while not going.over and time.monotonic() < deadline:
        going.next_frame(0.5)
    app.run()
    assert "200 steps took the RNN" in words(app) and not app.exception
    assert app.button(key="length_and_cost.horizon.play").disabled
    app = guessed(app, lesson, "horizon")
    assert not app.button(key="length_and_cost.horizon.play").disabled
