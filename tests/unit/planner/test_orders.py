"""Plans for what is ordered directly: who goes first, and who is left out."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.cli.render import words
from orchestrator.model import naming
from orchestrator.model.actions import AwaitContainer, RestartContainer, StopContainer
from orchestrator.model.observed import ObservedContainer, ObservedState, State
from orchestrator.model.plan import Plan
from orchestrator.planner import orders
from tests.support import builders


def container(service: str, *, depends_on: str = "", state: State = State.RUNNING, slot: int = 1) -> ObservedContainer:
    return ObservedContainer(
        id=f"id-{service}-{slot}",
        name=f"shop-{service}-{slot}",
        service=service,
        slot=slot,
        state=state,
        labels={naming.DEPENDS_ON: depends_on},
    )


def world(*containers: ObservedContainer) -> ObservedState:
    return ObservedState(stack="shop", containers=containers)


def text(plan: Plan) -> list[str]:
    return [f"{list(step.after)} -> #{step.id} {words.imperative(step.action)}" for step in plan.steps]


DB = container("db")
WEB = container("web", depends_on="db:service_healthy:true")


def stopped(one: ObservedContainer) -> ObservedContainer:
    return replace(one, state=State.EXITED)


def test_dependents_stop_first() -> None:
    assert [
        "[2] -> #1 stop container shop-db-1",
        "[] -> #2 stop container shop-web-1",
    ] == text(orders.stop(world(DB, WEB), [DB, WEB]))


def test_a_provider_stops_between_those_that_depend_on_it_and_those_it_depends_on() -> None:
    stack = builders.stack(
        {"db": {}, "cloud": {"provider": "awesome", "depends_on": ["db"]}, "web": {"depends_on": ["cloud"]}}
    )
    db, web = container("db"), container("web")
    assert [
        "[3] -> #1 stop container shop-db-1",
        "[] -> #2 stop container shop-web-1",
        "[2] -> #3 stop provider awesome of cloud",
    ] == text(orders.stop(world(db, web), [db, web], stack, provided=[stack.services["cloud"]]))


def test_dependencies_start_first_and_are_waited_for_as_the_labels_say() -> None:
    db, web = stopped(DB), stopped(WEB)
    assert [
        "[] -> #1 start container shop-db-1",
        "[1, 3] -> #2 start container shop-web-1",
        "[1] -> #3 wait until shop-db-1 is healthy",
    ] == text(orders.start(world(db, web), [db, web]))


def test_what_runs_is_not_started_again() -> None:
    assert orders.start(world(DB), [DB]).empty


def test_what_is_stopped_is_not_stopped_again() -> None:
    assert orders.stop(world(stopped(DB)), [stopped(DB)]).empty


def test_a_restart_takes_along_those_that_asked_for_it() -> None:
    plan = orders.restart(world(DB, WEB), [DB])
    assert ["shop-db-1", "shop-web-1"] == [
        step.action.container.name for step in plan.steps if isinstance(step.action, RestartContainer)
    ]
    assert 1 == len(orders.restart(world(DB, WEB), [DB], dependents=False).steps)


def test_what_is_restarted_along_waits_for_the_condition_it_depends_on() -> None:
    other = container("other", depends_on="db:service_healthy:false")
    assert [
        "[] -> #1 restart container shop-db-1",
        "[1] -> #2 restart container shop-other-1",
        "[1, 4] -> #3 restart container shop-web-1",
        "[1] -> #4 wait until shop-db-1 is healthy",
    ] == text(orders.restart(world(DB, WEB, other), [DB, other]))


def test_running_containers_are_removed_only_when_they_may_be_stopped() -> None:
    assert orders.remove(world(DB), [DB]).empty
    assert ["stop-container", "remove-container"] == [
        words.slug(step.action) for step in orders.remove(world(DB), [DB], stopping=True).steps
    ]


def test_start_with_wait_ends_when_everything_is_ready() -> None:
    plan = orders.start(world(DB), [DB], wait=True, wait_timeout=3)
    (wait,) = [step.action for step in plan.steps if isinstance(step.action, AwaitContainer)]
    assert 3 == wait.timeout


def test_the_timeout_reaches_every_stop() -> None:
    plan = orders.stop(world(DB, WEB), [DB, WEB], timeout=0)
    assert [0, 0] == [step.action.timeout for step in plan.steps if isinstance(step.action, StopContainer)]


def test_containers_that_depend_on_each_other_do_not_deadlock() -> None:
    """A file cannot say so, labels of foreign hands can."""
    one, other = container("a", depends_on="a:service_started:false"), container("b")
    assert 2 == len(orders.stop(world(one, other), [one, other]).steps)


def test_hooks_before_the_first_start_run_once_and_before_every_replica() -> None:
    both = [stopped(container("web", slot=slot)) for slot in (1, 2)]
    stack = builders.stack({"web": {"replicas": 2, "pre_start": ["migrate", "seed"], "post_start": ["warm"]}})

    plan = orders.start(world(*both), both, stack)

    assert text(plan) == [
        "[] -> #1 run pre_start of shop-web-1",
        "[1] -> #2 run pre_start of shop-web-1",
        "[2] -> #3 start container shop-web-1",
        "[3] -> #4 run post_start of shop-web-1",
        "[2] -> #5 start container shop-web-2",
        "[5] -> #6 run post_start of shop-web-2",
    ]


def test_hooks_before_the_first_start_do_not_run_beside_a_replica_that_runs() -> None:
    one, other = stopped(container("web")), container("web", slot=2)
    stack = builders.stack({"web": {"replicas": 2, "pre_start": ["migrate"]}})

    assert text(orders.start(world(one, other), [one], stack)) == ["[] -> #1 start container shop-web-1"]
