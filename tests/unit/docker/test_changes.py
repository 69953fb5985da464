"""Events as the engine writes them, old forms and new."""

from __future__ import annotations

import pytest

from orchestrator.engines.docker.changes import EngineEvent, parse


def test_an_event_is_taken_apart() -> None:
    raw = {
        "Type": "container",
        "Action": "health_status: healthy",
        "Actor": {"ID": "abc", "Attributes": {"name": "web", "x": "1"}},
        "time": 5,
        "timeNano": 5_000_000_001,
        "scope": "local",
        "unheard-of": [],
    }

    expected = EngineEvent(
        "container", "health_status", "abc", "web", {"name": "web", "x": "1"}, 5_000_000_001, "healthy"
    )
    assert expected == parse(raw)


def test_a_command_with_colons_stays_whole() -> None:
    event = parse({"Type": "container", "Action": "exec_create: sh -c echo: x"})

    assert event is not None
    assert ("exec_create", "sh -c echo: x") == (event.action, event.detail)


@pytest.mark.parametrize("raw", [None, [], {}, {"Type": 3}, {"status": "x"}])
def test_what_is_no_event_is_passed_over(raw: object) -> None:
    assert parse(raw) is None
