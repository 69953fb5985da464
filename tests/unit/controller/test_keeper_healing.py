"""What a pass does about containers that do not do well, and what a quiet one costs."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.controller.glimpse import FULL_SECONDS
from orchestrator.controller.reconcile import as_seen_from
from orchestrator.controller.status import Phase
from orchestrator.errors import EngineError
from orchestrator.model.actions import (
    Action,
    StartContainer,
)
from orchestrator.model.observed import Health, State
from orchestrator.model.rollout import RestartCondition
from orchestrator.model.stack import Deploy, Stack
from orchestrator.model.values import SECOND
from tests.support import builders
from tests.support.kept_host import Host, host

__all__ = ["host"]


def test_an_unhealthy_container_is_restarted_then_replaced(host: Host) -> None:
    host.files.stack = builders.stack({"web": {"image": "web:1", "healthcheck": True}})
    host.look()
    first = host.engine.world.containers[0].id
    host.change("shop-web-1", health=Health.UNHEALTHY)
    host.look()
    assert first == host.engine.world.containers[0].id
    assert 1 == len(host.told("unhealthy"))
    host.change("shop-web-1", health=Health.UNHEALTHY)
    host.look()

    assert first != host.engine.world.containers[0].id
    assert ["shop-web-1"] == host.serving()


def test_what_stays_unhealthy_goes_back_where_there_is_a_way(host: Host) -> None:
    host.files.stack = builders.stack({"web": {"image": "web:1", "healthcheck": True}})
    host.look()
    host.way_back = "revision 1 serves again"
    for _ in range(3):
        host.change("shop-web-1", health=Health.UNHEALTHY)
        host.look()

    assert ["shop-web-1"] == host.serving()
    assert 1 == len(host.told("given-up"))
    assert "revision 1 serves again" in host.told("given-up")[0]


def test_what_stays_unhealthy_without_a_way_back_is_replaced_after_growing_pauses(host: Host) -> None:
    host.files.stack = builders.stack({"web": {"image": "web:1", "healthcheck": True}})
    host.look()
    made = set()
    for _ in range(600):
        host.now += 1
        host.change("shop-web-1", health=Health.UNHEALTHY)
        host.keeper.run()
        made.add(host.engine.world.containers[0].id)

    assert 4 <= len(made) <= 12
    assert [] == host.told("given-up")


def test_a_quiet_stack_costs_no_more_than_a_glimpse_until_something_has_changed(host: Host) -> None:
    host.look(passes=3)
    host.watch_looks()
    host.look(passes=50)
    assert [False] * 50 == host.looks
    host.remove("shop-web-1")

    assert Phase.CONVERGED is host.look()
    assert ["shop-db-1", "shop-web-1"] == host.serving()


def test_every_few_minutes_and_after_a_trigger_everything_is_looked_at(host: Host) -> None:
    host.look(passes=3)
    host.watch_looks()
    host.now += FULL_SECONDS + 1
    host.look(passes=1)
    assert [False, True] == host.looks
    host.keeper.alerted = True
    host.look(passes=1)

    assert [False, True, True] == host.looks


def _delayed() -> Stack:
    """One service whose restarts wait for twenty seconds, which no engine can do."""
    stack = builders.stack({"web": {"image": "web:1", "restart": "always"}})
    deploy = Deploy(restart=RestartCondition(delay_ns=20 * SECOND))
    return stack.with_services([replace(stack.services["web"], deploy=deploy)])


def test_restarts_that_an_engine_cannot_delay_are_taken_from_it_and_given_back(host: Host) -> None:
    host.files.stack = stack = _delayed()
    host.look()
    assert "no" == _restart_of(host)
    wanted = as_seen_from(host.engine, stack)
    assert "no" == wanted.services["web"].container.restart.name

    host.kept.let_go("shop")
    wanted = as_seen_from(host.engine, stack)
    assert "always" == wanted.services["web"].container.restart.name


def test_a_delay_of_restarts_is_waited_for(host: Host) -> None:
    host.files.stack = _delayed()
    host.look()
    host.change("shop-web-1", state=State.EXITED, exit_code=0, finished_at="1")
    host.keeper.alerted = True
    assert Phase.DEGRADED is host.look(passes=5)
    assert [] == host.serving()
    host.now += 21

    assert Phase.CONVERGED is host.look()
    assert ["shop-web-1"] == host.serving()


def _restart_of(host: Host) -> str:
    settings = host.engine.world.containers[0].settings
    assert settings is not None
    return settings.restart.name


def test_a_container_that_the_engine_does_not_start_any_more_is_replaced(host: Host) -> None:
    host.look()
    broken = next(c.id for c in host.engine.world.containers if c.service == "db")

    def task_exists(action: Action) -> EngineError | None:
        is_broken = isinstance(action, StartContainer) and action.container.id == broken
        return EngineError("task already exists") if is_broken else None

    host.engine.failure = task_exists
    host.change("shop-db-1", state=State.EXITED, exit_code=137, finished_at="1")
    host.keeper.alerted = True
    for _ in range(20):
        host.now += 5
        host.keeper.run()

    assert ["shop-db-1", "shop-web-1"] == host.serving()
    assert broken not in {c.id for c in host.engine.world.containers}


def test_nothing_is_healed_where_the_host_says_so(host: Host) -> None:
    host.files.stack = builders.stack({"web": {"image": "web:1", "healthcheck": True}})
    host.look()
    host.keep(heal=False)
    host.change("shop-web-1", health=Health.UNHEALTHY)

    host.look()
    assert Health.UNHEALTHY is host.engine.world.containers[0].health


def test_what_keeps_ending_is_started_after_growing_pauses(host: Host) -> None:
    host.files.stack = builders.stack({"web": {"image": "web:1", "restart": "no", "ports": ["80"]}})
    host.look()
    starts = 0
    for second in range(600):
        host.now += 1
        if host.serving():
            starts += 1
            host.change("shop-web-1", state=State.EXITED, exit_code=1, finished_at=str(second))
        host.keeper.run()

    assert starts <= 12
    assert 1 == len(host.told("crash-loop"))
    assert host.keeper.status.services[0].loops
