"""Which of what the viewer does has been acted on: the rules by which a drawing part reruns the page."""

from __future__ import annotations

from typing import Any

import pytest

from ui import heard, session


class State(dict[str, Any]):
    """Streamlit's session state, as far as it is used here."""

    def to_dict(self) -> dict[str, Any]:
        """A copy."""
        return dict(self)


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> State:
    """A session in which a page has just run."""
    state = State(units=32, cells=["rnn", "lstm"], apply=False, chart={"next": 1}, **{"intervene.value": 0.0})
    monkeypatch.setattr(session.st, "session_state", state)
    heard.note()
    return state


def test_nothing_is_unheard_as_long_as_nothing_is_done(state: State) -> None:
    assert not heard.is_missing()
    state["chart"] = {"next": 2}
    state["new widget"] = 3
    assert not heard.is_missing(), "charts speak to the part that draws, and what is new comes of a run"


@pytest.mark.parametrize(
    ("name", "value"), [("units", 33), ("units", None), ("cells", ["rnn"]), ("intervene.value", 0.5)]
)
def test_another_value_is_unheard_until_a_run_has_noted_it(state: State, name: str, value: Any) -> None:
    state[name] = value
    assert heard.is_missing() and heard.is_missing()
    heard.note()
    assert not heard.is_missing()


def test_a_part_hears_of_its_own_widgets_alone(state: State) -> None:
    state["intervene.value"] = 0.5
    assert not heard.is_missing(("intervene",)) and heard.is_missing(("edit",))
    state["units"] = 33
    assert heard.is_missing(("intervene",))
    heard.note(("intervene",))
    assert heard.is_missing(), "the page has not heard of its own"
    state["units"] = 32
    assert not heard.is_missing()


def test_a_button_is_over_with_the_run_that_it_has_caused_and_may_be_pressed_again(state: State) -> None:
    state["apply"] = True
    assert heard.is_missing()
    heard.note()
    state["apply"] = False
    assert not heard.is_missing()
    state["apply"] = True
    assert heard.is_missing(), "pressed again"


def test_what_a_widget_said_before_it_was_set_is_no_news(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(session.time, "monotonic", lambda: now[0])
    session.set_widget("units", 48)
    heard.note()
    state["units"] = 32
    assert not heard.is_missing(), "the browser has not heard yet that it was set"
    state["units"] = 20
    assert heard.is_missing(), "that is the viewer"
    state["units"] = 32
    now[0] += session.LINK_LAG
    assert heard.is_missing(), "by now the browser has heard: it is the viewer, who has set it back"
