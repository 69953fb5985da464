"""What passes make of an engine that goes away and comes back."""

from __future__ import annotations

import pytest

from orchestrator.controller.status import Phase
from orchestrator.engines.memory import Behaviour
from orchestrator.errors import EngineUnreachable
from orchestrator.model.observed import ObservedState, Scope, State
from tests.support import builders
from tests.support.kept_host import Host, host

__all__ = ["host"]


def test_an_engine_that_is_away_is_said_once_and_asked_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.look()
    there = host.engine.observe

    def away(scope: Scope) -> ObservedState:
        raise EngineUnreachable("no engine at unix:///run/docker.sock")

    monkeypatch.setattr(host.engine, "observe", away)
    assert Phase.UNREACHABLE is host.look(passes=5)
    assert host.keeper.run() <= 6.0
    assert 1 == len(host.told("unreachable"))
    monkeypatch.setattr(host.engine, "observe", there)

    assert Phase.CONVERGED is host.look(passes=1)


def test_a_version_that_failed_while_the_engine_went_away_is_tried_again(host: Host) -> None:
    host.look()
    host.files.stack = builders.stack({"db": {"image": "db:1"}, "web": {"image": "web:2", "depends_on": ["db"]}})
    host.engine.behaviours["web:2"] = Behaviour(exits=137)
    host.look()
    assert Phase.FAILED is host.keeper.status.phase
    host.engine.behaviours.clear()
    host.gaps += 1

    assert Phase.CONVERGED is host.look(passes=4)
    assert "web:2" in {container.image for container in host.engine.world.of_service("web")}


def test_a_version_that_failed_long_before_the_engine_went_away_is_not(host: Host) -> None:
    host.look()
    host.files.stack = builders.stack({"db": {"image": "db:1"}, "web": {"image": "web:2", "depends_on": ["db"]}})
    host.engine.behaviours["web:2"] = Behaviour(exits=137)
    host.look()
    host.engine.behaviours.clear()
    host.now += 300
    host.gaps += 1
    host.keeper.alerted = True

    assert Phase.FAILED is host.look(passes=4)


def test_ends_that_come_with_the_engine_going_away_are_no_crash_loop(host: Host) -> None:
    host.look()
    for _ in range(5):
        host.change(
            "shop-web-1", state=State.EXITED, exit_code=137, finished_at=f"2026-01-01T00:00:{host.now % 60:02.0f}Z"
        )
        host.gaps += 1
        host.keeper.alerted = True
        assert Phase.CONVERGED is host.look(passes=3)
        host.now += 3

    assert [] == host.told("crash-loop")


def test_while_the_engine_is_known_to_be_away_nothing_is_asked_of_it(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.look()
    host.watch_looks()
    host.problem = EngineUnreachable("the engine hangs")

    assert Phase.UNREACHABLE is host.look(passes=3)
    assert [] == host.looks
