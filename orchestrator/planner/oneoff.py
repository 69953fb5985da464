"""A container for one command, beside the replicas of its service: what `stack run` does to the world.

The stack (with the service as the command wants it), one observation and a wish come in; a plan goes out that prepares
image, networks and volumes, waits for what the service depends on, and creates the container. Its dependencies are
brought up before, by the usual plan.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.model import naming
from orchestrator.model.actions import AwaitContainer, ContainerRef, HookKind, OneOff, RunHook, WaitFor
from orchestrator.model.observed import ObservedState
from orchestrator.model.plan import Plan
from orchestrator.model.stack import Condition, Service, Stack
from orchestrator.planner import images, networks, volumes
from orchestrator.planner.containers import Life, Workshop
from orchestrator.planner.draft import Draft, Id
from orchestrator.planner.policy import Policy
from orchestrator.planner.situation import Situation, peers, ref
from orchestrator.records import dataclass, replace

_CONDITIONS = {Condition.HEALTHY: WaitFor.HEALTHY, Condition.COMPLETED: WaitFor.COMPLETED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """``awaiting``: only once dependencies are as the service wants them. ``start`` False: it is created, not started."""

    service: str
    name: str
    slug: str
    manner: OneOff
    awaiting: bool = True
    start: bool = False

    @property
    def ref(self) -> ContainerRef:
        return ContainerRef(self.name, "", self.service, 1)


def plan(desired: Stack, observed: ObservedState, policy: Policy, wish: Wish) -> Plan:
    """The steps up to the container that ``wish`` describes; notes alone where something makes it impossible."""
    situation = Situation(desired, observed, replace(policy, targets=frozenset({wish.service}), dependencies=False))
    draft = Draft()
    places, storage = networks.arrange(situation, draft), volumes.arrange(situation, draft)
    prepared = _images(situation, draft, wish)
    if draft.is_impossible():
        return draft.notes_only(desired.name)
    workshop = Workshop(situation, draft, prepared, places, storage)
    _create(workshop, desired.services[wish.service], wish)
    return draft.finish(desired.name)


def after_start(desired: Stack, wish: Wish) -> Plan:
    """The hooks of the service inside the container that was just started."""
    draft, last = Draft(), list[Id]()
    for hook in desired.services[wish.service].post_start:
        action = RunHook(container=wish.ref, kind=HookKind.POST_START, hook=hook)
        last = [draft.add(action, HookKind.POST_START.value, after=last, group=_group(wish))]
    return draft.finish(desired.name)


def _images(situation: Situation, draft: Draft, wish: Wish) -> dict[str, Id]:
    fresh = images.refreshes(situation)
    service = situation.desired.services[wish.service]
    needs = fresh or images.missing(situation, draft, [replace(service, pre_start=())])
    return images.prepare(situation, draft, needs) if not draft.is_impossible() else {}


def _create(workshop: Workshop, service: Service, wish: Wish) -> None:
    waits = list(_waits(workshop, service)) if wish.awaiting else []
    for name in peers(service):
        mates = workshop.situation.observed.of_service(name)
        if mates:
            workshop.lives[name] = [Life(service, mates[0].slot, ref(mates[0]), observed=mates[0])]
    labels = {naming.ONEOFF: "True", naming.SLUG: wish.slug}
    group, reason = _group(wish), "to run a command"
    life = workshop.create(
        service, 1, wish.name, reason=reason, group=group, after=waits, labels=labels, oneoff=wish.manner
    )
    if wish.start:
        workshop.start(life, after=[], reason=reason, group=group)


def _waits(workshop: Workshop, service: Service) -> Iterator[Id]:
    for name, how in service.depends_on.items():
        if how.condition in _CONDITIONS:
            for container in workshop.situation.observed.of_service(name):
                condition = _CONDITIONS[how.condition]
                action = AwaitContainer(container=ref(container), condition=condition, required=how.required)
                yield workshop.draft.add(action, group=f"wait {name}.{container.slot}")


def _group(wish: Wish) -> str:
    return f"run {wish.service}"
