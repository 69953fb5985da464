"""What is always true of a plan, whatever the wish and whatever the state of the world."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from orchestrator.model import actions, shipment
from orchestrator.model.observed import Health, ObservedState, State
from orchestrator.model.plan import Level, Plan
from orchestrator.model.rollout import Order
from orchestrator.model.stack import Stack
from orchestrator.planner import text
from orchestrator.planner.plan import plan, version
from orchestrator.planner.policy import Policy
from orchestrator.planner.turns import obstacle
from tests.property.worlds import (
    SECRET,
    Choices,
    changed,
    choices,
    cut_off,
    in_some_order,
    policy,
    situation,
    stack,
)
from tests.support import planning

EXAMPLES = int(os.environ.get("STACK_EXAMPLES", "500"))
always = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not os.environ.get("STACK_RANDOM"),
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def is_impossible(made: Plan) -> bool:
    return any(note.level is Level.ERROR for note in made.notes)


def running(state: ObservedState, service: str) -> dict[int, int]:
    counts: dict[int, int] = {}
    for container in state.of_service(service):
        if container.running:
            counts[container.slot] = counts.get(container.slot, 0) + 1
    return counts


@always
@given(choices())
def test_no_slot_ever_runs_more_containers_than_its_rollout_allows(choose: Choices) -> None:
    desired, state = situation(choose)
    before = {name: running(state, name) for name in desired.services}
    for step in in_some_order(choose, plan(desired, state, Policy())):
        state = planning.transition(state, step.action)
        for name, service in desired.services.items():
            surge = 1 if service.rollout.order is Order.START_FIRST else 0
            for slot, count in running(state, name).items():
                assert count <= max(before[name].get(slot, 0), 1 + surge)


@always
@given(choices())
def test_nothing_is_stopped_before_everything_is_prepared(choose: Choices) -> None:
    made = plan(*situation(choose), policy(choose))
    ancestors = _ancestors(made)
    felt = (actions.StopContainer, actions.RestartContainer, actions.DisconnectNetwork)
    touches = {step.id for step in made.steps if isinstance(step.action, felt)}
    preparing = (actions.PullImage, actions.BuildImage, actions.CreateContainer)
    prepared = {
        step.id for step in made.steps if isinstance(step.action, preparing) and not ancestors[step.id] & touches
    }
    for step in made.steps:
        if isinstance(step.action, actions.StopContainer | actions.RestartContainer):
            assert prepared <= ancestors[step.id]


def _ancestors(made: Plan) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for step in made.steps:
        found[step.id] = set(step.after).union(*(found[other] for other in step.after))
    return found


@always
@given(choices())
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(choose: Choices) -> None:
    desired, state = situation(choose)
    if is_impossible(plan(desired, state, Policy())):
        return

    after = planning.converge(state, desired)

    if not is_impossible(plan(desired, after, Policy())):
        assert text.render(replace(plan(desired, after, Policy()), notes=())) == ""
        assert_as_wanted(desired, after)


def assert_as_wanted(desired: Stack, state: ObservedState) -> None:
    for name, service in desired.services.items():
        containers = state.of_service(name)
        assert len(containers) == service.replicas
        for container in containers:
            assert container.state in (State.RUNNING, State.RESTARTING) or container.finished
            assert container.name == f"shop-{name}-{container.slot}"
            assert container.settings is not None
            assert container.settings.environment.get("A") == service.container.environment.get("A")
            if service.front_end is not None:
                behind = state.of_service(service.front_end.service)
                assert container.rotation is not None
                assert set(container.rotation.members) == {c.id for c in behind if c.running}


@always
@given(choices())
def test_the_order_in_which_things_are_observed_does_not_matter(choose: Choices) -> None:
    desired, state = situation(choose)
    permitted = policy(choose)
    shuffled = replace(
        state,
        containers=choose.shuffled(state.containers),
        networks=choose.shuffled(state.networks),
        volumes=choose.shuffled(state.volumes),
        images=dict(reversed(state.images.items())),
    )

    assert text.render(plan(desired, state, permitted)) == text.render(plan(desired, shuffled, permitted))


@always
@given(choices())
def test_what_is_not_wanted_is_never_placed(choose: Choices) -> None:
    desired, state = situation(choose)
    nothing = desired.scaled(dict.fromkeys(desired.services, 0))

    made = plan(nothing, state, policy(choose))

    placing = (actions.CreateContainer, actions.StartContainer, actions.CreateNetwork, actions.CreateVolume)
    assert not any(isinstance(step.action, placing) for step in made.steps)


@always
@given(choices())
def test_volumes_go_only_with_consent(choose: Choices) -> None:
    desired, state = situation(choose)
    permitted = policy(choose)
    owned = {volume.name for volume in state.volumes if volume.owned}
    for wish in (desired, desired.scaled(dict.fromkeys(desired.services, 0))):
        steps = [step.action for step in plan(wish, state, permitted).steps]
        removed = [
            action
            for action in steps
            if isinstance(action, actions.RemoveVolume) and not shipment.is_volume(action.name)  # copies are no data
        ]
        with_anonymous = [action for action in steps if isinstance(action, actions.RemoveContainer) and action.volumes]
        assert permitted.destroy_data or not (removed or with_anonymous)
        assert all(action.name in owned for action in removed)


def _is_copy(action: actions.RemoveVolume) -> bool:
    """Copies of secrets are no data: they are made again from the file."""
    return shipment.is_volume(action.name)


@always
@given(choices())
def test_a_crash_after_any_step_is_recovered_from(choose: Choices) -> None:
    desired, state = situation(choose, plain=True)
    for _ in range(3):  # crash in the first run, in the recovery, and in the recovery of that
        state = cut_off(choose, state, plan(desired, state, Policy()))

    after = planning.converge(state, desired)

    if not is_impossible(plan(desired, after, Policy())):
        assert_as_wanted(desired, after)


@always
@given(choices())
def test_secrets_are_in_no_text_of_a_plan(choose: Choices) -> None:
    made = plan(*situation(choose), policy(choose))

    shown = [text.render(made), *(str(d) for step in made.steps for d in step.differences), repr(made.notes)]
    labels = [step.action.labels for step in made.steps if isinstance(step.action, actions.CreateContainer)]
    assert SECRET not in "\n".join(shown)
    assert SECRET not in repr(labels)


@always
@given(choices())
def test_only_what_is_ours_is_removed_or_changed(choose: Choices) -> None:
    desired, state = situation(choose)
    permitted = policy(choose)
    ours = {container.id for container in state.containers}
    networks = {network.id for network in state.networks if network.owned}
    for wish in (desired, desired.scaled(dict.fromkeys(desired.services, 0))):
        made = plan(wish, state, permitted)
        created = {s.action.container.name for s in made.steps if isinstance(s.action, actions.CreateContainer)}
        for step in made.steps:
            if isinstance(step.action, actions.RemoveNetwork):
                assert step.action.id in networks
            container = getattr(step.action, "container", None)
            if container is not None:
                assert container.id in ours or (not container.id and container.name in created)


@always
@given(choices())
def test_what_served_before_a_failed_update_serves_again(choose: Choices) -> None:
    """Cut off anywhere before an old container went; whatever was tried is then held, and what served serves."""
    before = stack(choose, plain=True)
    state = planning.converge(planning.empty(), before)
    desired = changed(choose, before)
    served = {c.id for c in state.containers}
    made = plan(desired, state, Policy())
    if made.incomplete or is_impossible(made):
        return
    for step in in_some_order(choose, made)[: choose.number(0, len(made.steps))]:
        if isinstance(step.action, actions.RemoveContainer):
            break
        state = planning.transition(state, step.action)
    held = Policy(held=frozenset((name, version(desired, state, name)) for name in desired.services))

    after = planning.converge(state, desired, held)

    for container in after.containers:
        if desired.services[container.service].container != before.services[container.service].container:
            assert container.id in served
            assert container.running or container.finished


def serving(state: ObservedState, service: str, front: str, before: set[str]) -> int:
    """How many containers get connections and take them: those that did ``before``, and what has been proven since."""
    ends = [c for c in state.of_service(front) if c.running and c.rotation is not None]
    members = {member for end in ends if end.rotation for member in end.rotation.members}
    ready = (Health.HEALTHY, Health.NONE)
    taking = (c for c in state.of_service(service) if c.running and c.id in members)
    return sum(c.health in ready or c.id in before for c in taking)


@always
@given(choices())
def test_what_serves_behind_a_front_end_never_falls_below_the_promise(choose: Choices) -> None:
    """Whatever the order: start-first takes nothing away, stop-first as many as `parallelism` says."""
    before = stack(choose, plain=True)
    state = planning.converge(planning.empty(), before)
    desired = changed(choose, before)
    made = plan(desired, state, Policy())
    if made.incomplete or is_impossible(made):
        return
    before_ids = {container.id for container in state.containers}
    fronted = [service for service in desired.services.values() if service.front and service.replicas]
    for step in in_some_order(choose, made):
        state = planning.transition(state, step.action)
        for service in fronted:
            if any(how.restart for how in service.depends_on.values()):
                continue  # the file asks for a restart of what serves
            first = service.rollout.order is Order.START_FIRST and not obstacle(service, desired)
            at_once = service.rollout.parallelism or service.replicas
            promise = service.replicas if first else service.replicas - at_once
            assert serving(state, service.name, service.front, before_ids) >= promise


@always
@given(choices())
def test_nothing_stops_while_it_gets_connections(choose: Choices) -> None:
    desired, state = situation(choose)
    made = plan(desired, state, Policy())
    before = {c.id for c in state.containers if c.running}
    fronts = {service.front for service in desired.services.values() if service.front}
    for step in in_some_order(choose, made):
        action = step.action
        if isinstance(action, actions.StopContainer) and action.container.id in before:
            ends = [c for name in fronts for c in state.of_service(name) if c.state is State.RUNNING and c.rotation]
            members = {member for end in ends if end.rotation for member in end.rotation.members}
            assert action.container.id not in members or not desired.services[action.container.service].front
        state = planning.transition(state, action)


PROPERTIES = [(name, test) for name, test in list(globals().items()) if name.startswith("test_")]


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("test", [test for _, test in PROPERTIES], ids=[name for name, _ in PROPERTIES])
def test_it_holds_in_many_more_worlds(test: Callable[..., None]) -> None:
    inner = test.hypothesis.inner_test  # type: ignore[attr-defined]
    settings(always, max_examples=20_000, derandomize=False)(given(choices())(inner))()
