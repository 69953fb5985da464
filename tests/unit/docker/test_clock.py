"""How long a container has run, whatever the clocks say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.engines.docker.clock import RunningTime, now, seconds_of, unix_seconds

STARTED = "2026-11-23T19:53:20.000000000Z"
ENGINE = "Mon, 23 Nov 2026 19:53:23 GMT"
THERE = unix_seconds(STARTED) + 3


class Clocks:
    """The two clocks here, moved by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.monotonic = THERE, 100.0
        monkeypatch.setattr("time.time", lambda: self.wall)
        monkeypatch.setattr("time.monotonic", lambda: self.monotonic)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def engine(date: str = ENGINE) -> Any:
    return SimpleNamespace(date=date)


def container(started: str = STARTED) -> dict[str, Any]:
    return {"State": {"StartedAt": started, "Running": True}}


def test_clocks_that_agree_are_as_fine_as_the_one_here(clocks: Clocks) -> None:
    clocks.wall = THERE + 0.25
    assert THERE + 0.25 == now(engine())


@pytest.mark.parametrize("off", [-7200, -3, 3, 7200])
def test_of_clocks_that_differ_the_engines_counts(clocks: Clocks, off: float) -> None:
    clocks.wall = THERE + off
    assert THERE == now(engine())


def test_an_engine_that_tells_no_time_has_the_one_here(clocks: Clocks) -> None:
    clocks.wall = THERE - 7200
    assert clocks.wall == now(engine(date=""))
    assert seconds_of("no date") is None


def test_a_clock_that_went_back_makes_nothing_younger(clocks: Clocks) -> None:
    running = RunningTime(engine(date=""))
    assert THERE == running.now(container())
    clocks.wall -= 7200
    clocks.monotonic += 5

    assert unix_seconds(STARTED) + 5 == running.now(container())


def test_another_start_counts_anew(clocks: Clocks) -> None:
    running = RunningTime(engine())
    running.now(container())
    clocks.monotonic += 60
    again = "2026-11-23T19:53:22.000000000Z"

    assert THERE == running.now(container(again))


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Mon, 23 Nov 2026 19:53:23 GMT", 1795463603.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("", None),
        ("yesterday", None),
    ],
)
def test_the_engines_clock_is_read_from_its_answers(date: str, seconds: float | None) -> None:
    assert seconds == seconds_of(date)
