"""How services fare: from one list of containers to a few words each, and to the reasons why one waits for another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from orchestrator.engines.console import Listed
from orchestrator.graph import Mood, State
from orchestrator.model.stack import Condition, Service, Stack
from orchestrator.records import dataclass

_WANTS = {
    Condition.STARTED: "to be started",
    Condition.HEALTHY: "to be healthy",
    Condition.COMPLETED: "to complete with success",
}
_BAD = ("unhealthy", "dead", "restarting")


def states(stack: Stack, found: Iterable[Listed]) -> dict[str, State]:
    """Each service of the stack."""
    members = of_services(found)
    return {name: state(service, members.get(name, ())) for name, service in stack.services.items()}


def of_services(found: Iterable[Listed]) -> dict[str, list[Listed]]:
    members: dict[str, list[Listed]] = {}
    for container in found:
        if not container.oneoff:
            members.setdefault(container.service, []).append(container)
    return members


def state(service: Service, members: Sequence[Listed]) -> State:
    """``2/2 healthy``, ``1/2 running, 1 exited (3)``, ``completed``, ``absent``."""
    if service.provider is not None:
        return State("provider", Mood.GOOD)
    if not members:
        return State("scaled to zero" if not service.replicas else "absent", Mood.ABSENT)
    counted = Counter(map(word, members))
    moods = [_mood(one) for one in counted]
    worst = next((mood for mood in (Mood.BAD, Mood.WAITING) if mood in moods), Mood.GOOD)
    if len(members) < service.replicas and worst is Mood.GOOD:
        worst = Mood.WAITING
    (first, count), *others = counted.most_common()
    words = f"{count}/{max(service.replicas, len(members))} {first}"
    return State(", ".join([words, *(f"{number} {other}" for other, number in others)]), worst)


def word(container: Listed) -> str:
    """One container in a word or two."""
    if container.state == "running":
        return container.health or "running"
    if container.state == "exited":
        return "completed" if container.exit_code == 0 else f"exited ({container.exit_code})"
    return container.state


def _mood(one: str) -> Mood:
    if one in _BAD or one.startswith("exited"):
        return Mood.BAD
    return Mood.GOOD if one in ("running", "healthy", "completed") else Mood.WAITING


@dataclass(frozen=True, slots=True)
class Wait:
    """One dependency of a service: what is wanted of it, whether that holds, and what it does instead."""

    service: str
    wants: str
    holds: bool
    required: bool
    is_now: str


def waits(service: Service, found: Mapping[str, Sequence[Listed]], stack: Stack) -> list[Wait]:
    """The dependencies of ``service`` as they stand. What does not exist and is not required is not waited for."""
    result = []
    for name, how in sorted(service.depends_on.items()):
        other = stack.services.get(name)
        if other is None:
            continue
        members = found.get(name, ())
        holds = _HOLDS[how.condition](other, members) or (not how.required and not members)
        result.append(Wait(name, _WANTS[how.condition], holds, how.required, state(other, members).words))
    return result


def _started(service: Service, members: Sequence[Listed]) -> bool:
    if service.provider is not None or not service.replicas:
        return True
    return bool(members) and all(one.running or word(one) == "completed" for one in members)


def _healthy(service: Service, members: Sequence[Listed]) -> bool:
    if service.provider is not None:
        return True
    return bool(members) and all(one.state == "running" and one.health == "healthy" for one in members)


def _completed(service: Service, members: Sequence[Listed]) -> bool:
    del service
    return bool(members) and all(word(one) == "completed" for one in members)


_HOLDS: Mapping[Condition, Callable[[Service, Sequence[Listed]], bool]] = {
    Condition.STARTED: _started,
    Condition.HEALTHY: _healthy,
    Condition.COMPLETED: _completed,
}


def chain(name: str, found: Mapping[str, Sequence[Listed]], stack: Stack) -> list[str]:
    """The service, then one that it waits for, and so on to those that wait for nobody: where the cause is to be looked for."""
    path = [name]
    while True:
        service = stack.services[path[-1]]
        blocking = [wait.service for wait in waits(service, found, stack) if not wait.holds]
        if not blocking or blocking[0] in path:
            return path
        path.append(blocking[0])
