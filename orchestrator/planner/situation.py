"""What every decision looks at: the wish, the world, the policy, and lookups made once from them.

Nothing is decided here beyond which services are planned at all and in which order.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from orchestrator import graph
from orchestrator.model import fingerprint, naming
from orchestrator.model.actions import ContainerRef
from orchestrator.model.canonical import Canonical, canonical
from orchestrator.model.observed import ObservedContainer, ObservedImage, ObservedState
from orchestrator.model.stack import Condition, Service, Stack
from orchestrator.planner.attempts import Stance, stance, way_back
from orchestrator.planner.policy import Policy, Recreate

_SHARED = ("network_mode", "ipc", "pid", "uts", "cgroup")


class Situation:
    """``selected`` are the services to plan, each after those it depends on."""

    def __init__(self, desired: Stack, observed: ObservedState, policy: Policy) -> None:
        self.desired, self.observed, self.policy = desired, observed, policy
        self.edges = graph.dependencies(desired)
        self.selected = self._ready(self._selected())
        self._fingerprints: dict[str, str] = {}

    def _selected(self) -> tuple[str, ...]:
        everything = graph.order(self.edges)
        targets = self.policy.targets
        if targets is None:
            return everything
        targets |= {self.desired.services[name].front for name in targets} - {""}
        chosen = graph.closure(self.edges, targets) if self.policy.dependencies else targets
        return tuple(name for name in everything if name in chosen)

    def _ready(self, chosen: tuple[str, ...]) -> tuple[str, ...]:
        """Those of ``chosen`` that can be planned now. A provider hands variables to those that depend on it, so their settings
        are not known before it has run: then it and what it needs come first, all the rest (``later``) with the next plan."""
        asked = {name for name in chosen if self._is_to_provide(self.desired.services[name])}
        waiting: set[str] = set()
        for name in graph.order(self.edges):
            if not waiting.union(asked).isdisjoint(self.edges.get(name, ())):
                waiting.add(name)
        self.later = frozenset(waiting.intersection(chosen))
        if not self.later:
            return chosen
        first = graph.closure(self.edges, asked - waiting) - waiting
        self.later = frozenset(chosen) - first
        return tuple(name for name in chosen if name in first)

    def _is_to_provide(self, service: Service) -> bool:
        prepared = f"provider:{service.name}" in self.policy.prepared
        return service.provider is not None and bool(service.replicas) and not prepared

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """The selected services, dependencies first."""
        return tuple(self.desired.services[name] for name in self.selected)

    @cached_property
    def wanted(self) -> tuple[Service, ...]:
        """The selected services that are to have containers."""
        return tuple(service for service in self.services if service.replicas and service.provider is None)

    @cached_property
    def everything(self) -> tuple[ObservedContainer, ...]:
        """All containers of the stack, in an order that does not depend on how the engine lists them."""
        return tuple(sorted(self.observed.containers, key=lambda c: (c.service, c.slot, c.created_at, c.id)))

    @cached_property
    def containers(self) -> dict[str, tuple[ObservedContainer, ...]]:
        """The regular containers of each service, by slot, then by age."""
        found: dict[str, list[ObservedContainer]] = {}
        for container in self.everything:
            if not container.oneoff and not container.hook:
                found.setdefault(container.service, []).append(container)
        return {name: tuple(containers) for name, containers in found.items()}

    @cached_property
    def awaited_to_complete(self) -> frozenset[str]:
        """Services that some other service waits for to complete."""
        return frozenset(
            name
            for service in self.desired.services.values()
            for name, how in service.depends_on.items()
            if how.condition is Condition.COMPLETED
        )

    @cached_property
    def needed_running(self) -> frozenset[str]:
        """Services that others need alive: to be healthy, or to share their namespaces."""
        healthy = {
            name
            for service in self.desired.services.values()
            for name, how in service.depends_on.items()
            if how.condition is Condition.HEALTHY
        }
        return frozenset(healthy.union(*(namespaces(service) for service in self.desired.services.values())))

    @cached_property
    def engine_defaults(self) -> Canonical:
        """What the engine gives a container that does not say."""
        return canonical(self.observed.engine.defaults)

    def image(self, service: Service) -> ObservedImage | None:
        return self.observed.images.get(service.container.image)

    def fingerprint(self, service: Service) -> str:
        if service.name not in self._fingerprints:
            image = self.image(service)
            self._fingerprints[service.name] = fingerprint.of(service, self.desired, image.id if image else "")
        return self._fingerprints[service.name]

    def is_held(self, service: Service) -> bool:
        """Whether this version of the service has to give way to what served before."""
        held = self.policy.held
        if held and (service.name, self.fingerprint(service)) in held:
            return True
        return self.stance(service) is Stance.GOES_BACK

    def failed_slots(self, service: Service) -> frozenset[int]:
        """The slots in which this version of the service was tried in this reconcile and failed."""
        failed = self.policy.failed
        if not failed:
            return frozenset()
        mark = self.fingerprint(service)
        return frozenset(slot for name, version, slot in failed if (name, version) == (service.name, mark))

    def lost_slots(self, service: Service) -> frozenset[int]:
        """The slots in which the old container did not come back."""
        return frozenset(slot for name, slot in self.policy.lost if name == service.name)

    def stance(self, service: Service) -> Stance:
        """How the update of the service goes on after what failed of it."""
        failed = self.failed_slots(service)
        return stance(service.rollout, len(failed), service.replicas) if failed else Stance.GOES_ON

    def stands_still(self, service: Service) -> bool:
        """Whether nothing more of the service is changed in this reconcile."""
        lost = self.lost_slots(service)
        if lost and stance(way_back(service), len(lost), service.replicas) is not Stance.GOES_ON:
            return True
        return self.stance(service) is Stance.STANDS_STILL

    @cached_property
    def blocked(self) -> frozenset[str]:
        """Services that are not changed because the update of something they depend on failed."""
        if not (self.policy.failed or self.policy.held):
            return frozenset()
        troubled: set[str] = set()
        found: set[str] = set()
        for name in graph.order(self.edges):
            service = self.desired.services[name]
            if any(how.required and other in troubled for other, how in service.depends_on.items()):
                found.add(name)
            if name in found or self.is_held(service) or self.stands_still(service):
                troubled.add(name)
        return frozenset(found)

    @cached_property
    def held_with_others(self) -> frozenset[str]:
        """Services that must stay as they were because one that shares their namespaces goes back to what it was."""
        if not (self.policy.held or self.policy.failed):
            return frozenset()
        found = {name for service in self.services if self.is_held(service) for name in namespaces(service)}
        for service in reversed(self.services):
            if service.name in found:
                found.update(namespaces(service))
        return frozenset(found)

    def recreate(self, service: Service) -> Recreate:
        targets = self.policy.targets
        return self.policy.recreate if targets is None or service.name in targets else self.policy.recreate_dependencies

    def name(self, service: Service, slot: int) -> str:
        return naming.container(
            self.desired.name, service.name, slot, fixed=service.container_name, separator=self.desired.separator
        )


def ref(container: ObservedContainer) -> ContainerRef:
    return ContainerRef(container.name, container.id, container.service, container.slot)


def peers(service: Service) -> tuple[str, ...]:
    """The services whose namespaces or volumes this one's containers share."""
    settings = service.container
    shared = [getattr(settings, name) for name in _SHARED]
    names = [mode.removeprefix("service:") for mode in shared if mode.startswith("service:")]
    names += [entry.partition(":")[0] for entry in settings.volumes_from if not entry.startswith("container:")]
    return tuple(dict.fromkeys(names))


def namespaces(service: Service) -> tuple[str, ...]:
    """Those of ``peers`` whose running processes are shared, so that a stop of them is felt."""
    modes: Iterable[str] = (getattr(service.container, name) for name in _SHARED)
    return tuple(dict.fromkeys(m.removeprefix("service:") for m in modes if m.startswith("service:")))
