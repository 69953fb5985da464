"""What a pass saw, as it is shown: services with their replicas, drift field by field, and failures in words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from orchestrator.controller.healing import Healing
from orchestrator.controller.intents import Stopped
from orchestrator.controller.reconcile import Result
from orchestrator.controller.status import Drift, ReplicaStatus, ServiceStatus
from orchestrator.errors import ApplyFailed, StackError
from orchestrator.model.actions import BuildImage, ContainerRef, PullImage, RunProvider, StartContainer
from orchestrator.model.describe import slug
from orchestrator.model.observed import Health, ObservedContainer, ObservedState, State
from orchestrator.model.plan import Level, Plan, Step
from orchestrator.model.stack import Service, Stack
from orchestrator.records import replace

_WELL = (Health.NONE, Health.HEALTHY)
_NAMED_IN_SUMMARY = 3


def services(stack: Stack, observed: ObservedState, healing: Healing, stopped: Stopped) -> tuple[ServiceStatus, ...]:
    """Every service of the file, with what there is of it."""
    return tuple(
        _service(service, observed.of_service(name), healing, stopped)
        for name, service in sorted(stack.services.items())
    )


def _service(
    service: Service, containers: Iterable[ObservedContainer], healing: Healing, stopped: Stopped
) -> ServiceStatus:
    found = tuple(containers)
    running = [c for c in found if c.state is State.RUNNING]
    return ServiceStatus(
        name=service.name,
        wanted=service.replicas,
        running=len(running),
        ready=sum(c.health in _WELL for c in running),
        image=service.container.image,
        depends_on=tuple(sorted(service.depends_on)),
        replicas=tuple(map(_replica, found)),
        loops=service.name in healing.loops,
        unhealthy=service.name in healing.unhealthy or any(c.health is Health.UNHEALTHY for c in running),
        stopped=stopped.down or service.name in stopped.services,
    )


def _replica(container: ObservedContainer) -> ReplicaStatus:
    return ReplicaStatus(
        name=container.name,
        slot=container.slot,
        state=container.state.value,
        health="" if container.health is Health.NONE else container.health.value,
        image=container.image,
        restarts=container.restart_count,
        exit_code=container.exit_code,
        started_at=container.started_at,
    )


def drift(plan: Plan) -> tuple[Drift, ...]:
    """What is not as the file says, one entry a field; one an object where no field is behind it."""
    decisions: dict[str, list[Step]] = {}
    for step in plan.mutations:
        decisions.setdefault(step.group or f"#{step.id}", []).append(step)
    return tuple(entry for group, steps in decisions.items() for entry in _decision(group, steps))


def _decision(group: str, steps: list[Step]) -> list[Drift]:
    place = group.partition(" ")[2] or group
    reason = next((step.reason for step in steps if step.reason), "")
    fields = dict.fromkeys(difference for step in steps for difference in step.differences)
    if not fields:
        return [Drift(object=place, reason=reason or group)]
    return [Drift(object=place, field=f.path, before=f.before, after=f.after, reason=reason) for f in fields]


def actions(plan: Plan | None) -> dict[str, int]:
    """How many actions of each kind a plan holds."""
    return dict(Counter(slug(step.action) for step in plan.mutations)) if plan else {}


def summary(found: Iterable[Drift]) -> str:
    """The drift in one line."""
    objects = list(dict.fromkeys(f"{one.object} ({one.field or one.reason})" for one in found))
    more = len(objects) - _NAMED_IN_SUMMARY
    return ", ".join(objects[:_NAMED_IN_SUMMARY]) + (f" and {more} more" if more > 0 else "")


def as_error(result: Result) -> StackError:
    """Why a reconcile did not get there, as an error."""
    message, reference = failure(result)
    return ApplyFailed(message, reference=reference)


def failure(result: Result) -> tuple[str, str]:
    """Why a reconcile did not get there, and the reference of the error."""
    if result.failures:
        first = result.failures[0]
        error = first.error
        return (error.message if error else f"{first.step.group} failed", error.ref if error else "apply-failed")
    notes = [note for note in result.notes if note.level is Level.ERROR]
    if notes:
        return notes[0].text, notes[0].reference or "cannot-plan"
    return f"it did not settle within {result.passes} passes", "not-settled"


def unstartable(result: Result) -> frozenset[str]:
    """The services of which a container that was there already could not be started."""
    return frozenset(
        failure.step.action.container.service
        for failure in result.failures
        if isinstance(failure.step.action, StartContainer) and failure.step.group.startswith("start ")
    )


def failed_services(result: Result) -> frozenset[str]:
    """The services that the failures are of; empty where one of them is of the stack as a whole."""
    found: set[str] = set()
    for failure in result.failures:
        match failure.step.action:
            case PullImage(services=services) if services:
                found.update(services)
            case BuildImage(service=service) | RunProvider(service=service):
                found.add(service)
            case action:
                container = getattr(action, "container", None)
                if not isinstance(container, ContainerRef) or not container.service:
                    return frozenset()
                found.add(container.service)
    return frozenset(found)


def says_the_same(one: Stack, other: Stack) -> bool:
    """Whether two stacks ask for the same, wherever their files lie: each commit has a folder of its own."""
    places = {"working_dir": other.working_dir, "config_files": other.config_files}
    return replace(one, **places, environment_files=other.environment_files) == other  # type: ignore[arg-type]
