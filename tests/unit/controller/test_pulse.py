"""Whether the engine is there: what is told, when, and what is done on its return."""

from __future__ import annotations

from time import monotonic

import pytest

from orchestrator.controller.pulse import EVERY_SECONDS, Pulse
from orchestrator.engines.base import Change
from orchestrator.engines.memory import MemoryEngine
from orchestrator.errors import EngineUnreachable

SILENCE = EngineUnreachable("the engine did not answer HEAD /_ping within 3 s", reference="engine-timeout")
ABSENCE = EngineUnreachable("cannot reach the Docker engine at unix:///run/docker.sock: no such file")


class Engine(MemoryEngine):
    """Answers as ``problem`` says."""

    def __init__(self) -> None:
        super().__init__()
        self.problem: EngineUnreachable | None = None
        self.cuts: list[float] = []

    def ping(self, seconds: float) -> None:
        if self.problem is not None:
            raise self.problem

    def cut(self, before: float) -> None:
        self.cuts.append(before)


class Watched:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("orchestrator.controller.pulse.GRACE_SECONDS", 0.0)
        self.engine = Engine()
        self.told: list[str] = []
        self.changes: list[Change] = []
        self.pulse = Pulse(self.engine, lambda kind, _text, _level: self.told.append(kind), self.changes.append)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def test_an_engine_that_answers_is_asked_again_after_a_while(watched: Watched) -> None:
    assert [EVERY_SECONDS] * 3 == [watched.pulse.look() for _ in range(3)]
    assert ([], [], None) == (watched.told, watched.changes, watched.pulse.problem)


def test_one_silence_is_a_busy_machine_and_two_are_an_engine_that_hangs(watched: Watched) -> None:
    watched.engine.problem = SILENCE
    watched.pulse.look()
    assert watched.pulse.problem is None
    watched.pulse.look()
    watched.pulse.look()

    assert watched.pulse.problem is SILENCE
    assert ["unreachable"] == watched.told
    assert ["gap"] == [change.kind for change in watched.changes]


def test_silences_with_an_answer_between_them_do_not_add_up(watched: Watched) -> None:
    for problem in (SILENCE, None, SILENCE, None, SILENCE):
        watched.engine.problem = problem
        watched.pulse.look()

    assert [] == watched.told


def test_an_engine_that_is_not_there_is_said_at_once(watched: Watched) -> None:
    watched.engine.problem = ABSENCE
    watched.pulse.look()

    assert ["unreachable"] == watched.told


def test_its_return_is_told_everything_looked_at_and_what_still_waits_is_ended(watched: Watched) -> None:
    watched.engine.problem = ABSENCE
    watched.pulse.look()
    watched.engine.problem = None
    before = monotonic()
    watched.pulse.look()

    assert watched.pulse.problem is None
    assert ["unreachable", "reachable"] == watched.told
    assert ["gap", "gap"] == [change.kind for change in watched.changes]
    assert before <= watched.engine.cuts[0] <= monotonic()
