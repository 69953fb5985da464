"""Plans for what a person orders directly: start, stop, restart, kill, pause, remove. No desired state is compared.

An observed state and the containers meant come in, a ``Plan`` goes out, so that orders are shown, carried out and
reported as everything else is. The order of services comes from the file where there is one, else from the labels
of the containers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from orchestrator.model import naming
from orchestrator.model.actions import (
    Action,
    AwaitContainer,
    ContainerRef,
    HookKind,
    KillContainer,
    PauseContainer,
    RemoveContainer,
    RestartContainer,
    RunHook,
    RunProvider,
    StartContainer,
    StopContainer,
    UnpauseContainer,
    WaitFor,
)
from orchestrator.model.observed import ObservedContainer, ObservedState, State
from orchestrator.model.plan import Plan, Step
from orchestrator.model.stack import Condition, Dependency, Hook, Service, Stack
from orchestrator.planner import hooks
from orchestrator.records import dataclass

Links = Mapping[str, Mapping[str, Dependency]]
Chosen = Sequence[ObservedContainer]

_WAITS = {Condition.HEALTHY: WaitFor.HEALTHY, Condition.COMPLETED: WaitFor.COMPLETED}


def links(observed: ObservedState, stack: Stack | None = None) -> Links:
    """Who depends on whom and how: as the file says, for other services as their containers' labels say."""
    found: dict[str, Mapping[str, Dependency]] = {}
    for container in observed.containers:
        found.setdefault(container.service, dict(_labelled(container.labels.get(naming.DEPENDS_ON, ""))))
    if stack is not None:
        found.update({service.name: service.depends_on for service in stack.services.values()})
    return found


def _labelled(text: str) -> Iterator[tuple[str, Dependency]]:
    """``db:service_healthy:false`` and so on, as Compose writes them: service, condition, restart."""
    for entry in filter(None, text.split(",")):
        name, _, rest = entry.partition(":")
        condition, _, restart = rest.partition(":")
        known = condition in Condition._value2member_map_
        yield name, Dependency(Condition(condition) if known else Condition.STARTED, restart=restart == "true")


def start(
    observed: ObservedState,
    chosen: Chosen,
    stack: Stack | None = None,
    *,
    wait: bool = False,
    wait_timeout: float | None = None,
) -> Plan:
    """Start what does not run, each service after those it depends on, and once they are as it wants them.

    With ``wait`` the plan ends when everything chosen is ready.
    """
    order = _Order(observed, stack)
    chosen = _with_needed(chosen, observed, order.links)
    waiting = [c for c in chosen if not c.running]
    gates = order.first_starts(waiting)
    for container in waiting:
        order.add("start", container, StartContainer(container=_ref(container)), "it does not run")
        order.drafts[-1].after |= gates.get(container.service, set())
        order.hooks(container, HookKind.POST_START)
    order.behind_dependencies([container.service for container in waiting])
    for container in chosen if wait else ():
        ready = AwaitContainer(container=_ref(container), condition=WaitFor.READY, timeout=wait_timeout)
        order.add("wait", container, ready, "")
    return order.plan()


def stop(
    observed: ObservedState,
    chosen: Chosen,
    stack: Stack | None = None,
    *,
    timeout: float | None = None,
    provided: Iterable[Service] = (),
) -> Plan:
    """Stop what runs, each service after those that depend on it. ``provided`` are services whose providers are told to stop."""
    order = _Order(observed, stack)
    for container in chosen:
        if container.running:
            order.stop("stop", container, timeout)
    for service in provided:
        order.provider(service, "stop")
    order.behind_dependents()
    return order.plan()


def restart(
    observed: ObservedState,
    chosen: Chosen,
    stack: Stack | None = None,
    *,
    dependents: bool = True,
    timeout: float | None = None,
) -> Plan:
    """Restart containers, and those of services that asked to be restarted along with what they depend on.

    Such a service is restarted once what it depends on is again as it wants it.
    """
    order = _Order(observed, stack)
    for container in _with_followers(chosen, observed, order.links) if dependents else chosen:
        order.hooks(container, HookKind.PRE_STOP)
        order.add("restart", container, RestartContainer(container=_ref(container), timeout=timeout))
        order.hooks(container, HookKind.POST_START)
    chosen_services = {draft.service for draft in order.drafts}
    order.behind_dependencies(chosen_services, along=chosen_services)
    return order.plan()


def kill(observed: ObservedState, chosen: Chosen, *, signal: str) -> Plan:
    """Send a signal to what runs, all at once."""
    running = (container for container in chosen if container.running)
    return _at_once(observed, "kill", running, lambda ref: KillContainer(container=ref, signal=signal))


def pause(observed: ObservedState, chosen: Chosen) -> Plan:
    """Freeze what runs."""
    running = (container for container in chosen if container.running)
    return _at_once(observed, "pause", running, lambda ref: PauseContainer(container=ref))


def unpause(observed: ObservedState, chosen: Chosen) -> Plan:
    paused = (container for container in chosen if container.state is State.PAUSED)
    return _at_once(observed, "unpause", paused, lambda ref: UnpauseContainer(container=ref))


def remove(
    observed: ObservedState,
    chosen: Chosen,
    stack: Stack | None = None,
    *,
    stopping: bool = False,
    volumes: bool = False,
    timeout: float | None = None,
) -> Plan:
    """Remove what does not run; with ``stopping`` what runs is stopped first."""
    order = _Order(observed, stack)
    for container in chosen:
        if container.running and not stopping:
            continue
        if container.running:
            order.stop("remove", container, timeout)
        order.add("remove", container, RemoveContainer(container=_ref(container), volumes=volumes))
    order.behind_dependents()
    return order.plan()


@dataclass(slots=True)
class _Draft:
    id: int
    action: Action
    group: str
    reason: str
    thing: str  # the id of the container, or what stands for a provider
    service: str
    after: set[int]


class _Order:
    """Steps being put together; those of one container follow each other."""

    def __init__(self, observed: ObservedState, stack: Stack | None) -> None:
        self.observed, self.stack = observed, stack
        self.links = links(observed, stack)
        self.drafts: list[_Draft] = []

    def plan(self) -> Plan:
        return Plan(
            stack=self.observed.stack,
            steps=tuple(
                Step(id=d.id, action=d.action, reason=d.reason, after=tuple(sorted(d.after)), group=d.group)
                for d in self.drafts
            ),
        )

    def add(self, verb: str, container: ObservedContainer, action: Action, reason: str = "as ordered") -> None:
        earlier = [draft.id for draft in self.drafts if draft.thing == container.id]
        number = len(self.drafts) + 1
        group = f"{verb} {container.service}.{container.slot}" if container.service else f"{verb} {container.name}"
        self.drafts.append(_Draft(number, action, group, reason, container.id, container.service, set(earlier[-1:])))

    def provider(self, service: Service, command: str) -> None:
        assert service.provider is not None
        action = RunProvider(
            service=service.name, provider=service.provider, command=command, stack=self.observed.stack
        )
        number, thing = len(self.drafts) + 1, f"provider {service.name}"
        self.drafts.append(_Draft(number, action, thing, "as ordered", thing, service.name, set()))

    def first_starts(self, waiting: Chosen) -> dict[str, set[int]]:
        """Hooks in containers of their own, for services of which nothing runs; their ends, by service."""
        found: dict[str, set[int]] = {}
        for name in dict.fromkeys(container.service for container in waiting if not container.oneoff):
            service = self.stack.services.get(name) if self.stack else None
            if self.stack is None or service is None or any(c.running for c in self.observed.of_service(name)):
                continue
            mine = [container for container in waiting if container.service == name]
            networks = {self.stack.networks[key].name: how for key, how in service.container.networks.items()}
            for hook in service.pre_start:
                for container in mine if hook.per_replica else mine[:1]:
                    action = hooks.beside(self.stack, service, hook, _ref(container), networks)
                    self.add("start", container, action, HookKind.PRE_START.value)
                    self.drafts[-1].after |= found.get(name, set())
                    found[name] = {self.drafts[-1].id}
        return found

    def stop(self, verb: str, container: ObservedContainer, timeout: float | None) -> None:
        self.hooks(container, HookKind.PRE_STOP, verb)
        self.add(verb, container, StopContainer(container=_ref(container), timeout=timeout))

    def hooks(self, container: ObservedContainer, kind: HookKind, verb: str = "") -> None:
        for hook in self._declared(container, kind):
            words = verb or ("stop" if kind is HookKind.PRE_STOP else "start")
            self.add(words, container, RunHook(container=_ref(container), kind=kind, hook=hook))

    def _declared(self, container: ObservedContainer, kind: HookKind) -> tuple[Hook, ...]:
        service = self.stack.services.get(container.service) if self.stack else None
        if service is None or container.oneoff:
            return ()
        return service.pre_stop if kind is HookKind.PRE_STOP else service.post_start

    def behind_dependents(self) -> None:
        """The first step of a container waits for the last step of each container of the services that depend on it."""
        ends = self._ends()
        for draft in self._begins():
            for service, needs in self.links.items():
                if draft.service in needs and service != draft.service:
                    draft.after |= ends.get(service, set())

    def behind_dependencies(self, awaited_by: Iterable[str], *, along: Iterable[str] | None = None) -> None:
        """The first step of a container waits for what it depends on, and for its condition where ``awaited_by`` it.

        With ``along`` (the services that are restarted) only for the condition of those it is restarted along with.
        """
        restarted = None if along is None else set(along)
        ends = self._ends()
        needing = set(awaited_by)
        for draft in self._begins():
            for name, how in self.links.get(draft.service, {}).items():
                if name == draft.service:
                    continue
                draft.after |= ends.get(name, set())
                follows = restarted is None or (how.restart and name in restarted)
                if follows and draft.service in needing and how.condition in _WAITS:
                    draft.after |= self._wait(name, _WAITS[how.condition])

    def _wait(self, service: str, condition: WaitFor) -> set[int]:
        ids = set()
        for container in self.observed.of_service(service):
            found = next((d for d in self.drafts if d.thing == container.id and _awaits(d.action, condition)), None)
            if found is None:
                self.add("wait", container, AwaitContainer(container=_ref(container), condition=condition), "")
                found = self.drafts[-1]
            ids.add(found.id)
        return ids

    def _begins(self) -> list[_Draft]:
        first: dict[str, _Draft] = {}
        for draft in self.drafts:
            if not isinstance(draft.action, AwaitContainer):
                first.setdefault(draft.thing, draft)
        return list(first.values())

    def _ends(self) -> dict[str, set[int]]:
        last = {draft.thing: draft for draft in self.drafts}
        ends: dict[str, set[int]] = {}
        for draft in last.values():
            ends.setdefault(draft.service, set()).add(draft.id)
        return ends


def _awaits(action: Action, condition: WaitFor) -> bool:
    return isinstance(action, AwaitContainer) and action.condition is condition


def _with_followers(chosen: Chosen, observed: ObservedState, known: Links) -> list[ObservedContainer]:
    """``chosen`` and the running containers of services that declare ``restart: true`` for one of theirs."""
    services = {container.service for container in chosen}
    while True:
        more = {
            name
            for name, needs in known.items()
            if name not in services and any(how.restart and other in services for other, how in needs.items())
        }
        if not more:
            break
        services |= more
    ids = {container.id for container in chosen}
    others = (c for c in observed.containers if c.id not in ids and c.running and not c.oneoff)
    return [*chosen, *(container for container in others if container.service in services)]


def _with_needed(chosen: Chosen, observed: ObservedState, known: Links) -> list[ObservedContainer]:
    """``chosen`` and the containers of what their services depend on."""
    named = {container.service for container in chosen}
    services, waiting = set(named), list(named)
    while waiting:
        more = known.get(waiting.pop(), {}).keys() - services
        services |= more
        waiting.extend(more)
    others = (c for c in observed.containers if c.service in services - named and not c.oneoff and not c.hook)
    return [*chosen, *others]


def _at_once(
    observed: ObservedState, verb: str, chosen: Iterable[ObservedContainer], make: Callable[[ContainerRef], Action]
) -> Plan:
    order = _Order(observed, None)
    for container in chosen:
        order.add(verb, container, make(_ref(container)))
    return order.plan()


def _ref(container: ObservedContainer) -> ContainerRef:
    return ContainerRef(container.name, container.id, container.service, container.slot)
