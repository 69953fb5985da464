"""From verdicts to steps, one container at a time: create, start, stop, remove, mend, with the hooks that go along.

Each function adds the steps of one thing to the draft and answers with the step that others wait for. In which order the
containers of a service have their turn is the rollout's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from orchestrator.model import shipment
from orchestrator.model.actions import (
    AwaitContainer,
    ConnectNetwork,
    ContainerRef,
    CreateContainer,
    DisconnectNetwork,
    HookKind,
    OneOff,
    RemoveContainer,
    RenameContainer,
    RestartContainer,
    RunHook,
    StartContainer,
    StopContainer,
    UnpauseContainer,
    WaitFor,
)
from orchestrator.model.observed import Health, ObservedContainer, State
from orchestrator.model.plan import Difference
from orchestrator.model.stack import Service
from orchestrator.model.values import Attachment, MountType
from orchestrator.planner import labelling
from orchestrator.planner.draft import Draft, Id
from orchestrator.planner.membership import Membership
from orchestrator.planner.networks import Place
from orchestrator.planner.situation import Situation, peers, ref
from orchestrator.planner.supplies import Supplies
from orchestrator.planner.verdicts import Mends
from orchestrator.planner.volumes import Volumes
from orchestrator.records import dataclass, field


@dataclass(slots=True)
class Life:
    """The container that will hold a slot, and the steps of its way there; ``None``: that is so already."""

    service: Service
    slot: int
    ref: ContainerRef
    observed: ObservedContainer | None = None
    made: Id | None = None  # created, files uploaded, mended: ready to be started
    started: Id | None = None
    proven: Id | None = None
    waits: dict[tuple[WaitFor, bool], Id] = field(default_factory=dict)

    @property
    def begins(self) -> bool:
        """Whether this plan starts it."""
        return self.started is not None

    @property
    def serves_already(self) -> bool:
        return self.observed is not None and self.observed.running


@dataclass(frozen=True, slots=True)
class Claim:
    """``step`` gives ``name`` to the container ``id`` ("" for a new one)."""

    step: Id
    name: str
    id: str = ""


class Workshop:
    """Makes steps for containers.

    ``prepared`` are steps that make things ready without touching what runs; ``touches`` are the first ones that a running
    container feels. ``claims`` are steps that need a name to be free.
    """

    def __init__(
        self,
        situation: Situation,
        draft: Draft,
        images: dict[str, Id],
        places: dict[str, Place],
        volumes: Volumes,
    ) -> None:
        self.situation, self.draft = situation, draft
        self.images, self.places, self.volumes = images, places, volumes
        self.lives: dict[str, list[Life]] = {}
        self.memberships: dict[str, Membership] = {}  # by the service that has a front end
        self.prepared: set[Id] = set()
        self.touches: set[Id] = set()
        self.removals: dict[str, Id] = {}  # container id -> the step that removes it
        self.claims: list[Claim] = []
        self.supplies = Supplies(situation, draft, images, self.prepared)
        self.departures: dict[tuple[str, str], Id] = {}  # (container id, network id) -> the step that detaches it
        for service in situation.services:
            if service.front:
                self.memberships[service.name] = Membership(situation, draft, service, self.touches)

    # Making

    def create(
        self,
        service: Service,
        slot: int,
        name: str,
        *,
        reason: str,
        group: str,
        after: Iterable[Id | None] = (),
        replaces: ObservedContainer | None = None,
        differences: tuple[Difference, ...] = (),
        labels: Mapping[str, str] | None = None,
        oneoff: OneOff | None = None,
    ) -> Life:
        """Steps that create a container and fill it, ready to be started. ``labels`` come on top of the usual ones."""
        target = ContainerRef(name, "", service.name, slot)
        mates = self._peers(service)
        action = CreateContainer(
            container=target,
            settings=service.container,
            networks=self.attachments(service),
            labels={**labelling.labels(self.situation, service, slot), **(labels or {})},
            anonymous_volumes=self._taken_over(service, replaces),
            peers={name: life.ref for name, life in mates.items()},
            oneoff=oneoff,
            copies=shipment.volume(self.situation.desired, service),
            secrets=shipment.folder(self.situation.desired, service),
        )
        made = self.draft.add(
            action,
            reason,
            after=[
                *after,
                *self._needs(service),
                self.supplies.shipped(service, action.copies),
                self.supplies.kept(service, action.secrets),
                *(life.made for life in mates.values()),
                *self._linked(service),
            ],
            group=group,
            differences=differences,
        )
        self.claims.append(Claim(made, name))
        self.prepared.add(made)
        return Life(service, slot, target, made=made)

    def _linked(self, service: Service) -> Iterator[Id | None]:
        """The steps that make the containers it links to: a link is to a container that is there."""
        for name in dict.fromkeys(link.partition(":")[0] for link in service.container.links):
            lives = self.lives.get(name, [])
            fresh = not any(container.service == name for container in self.situation.everything)
            yield from (life.made for life in (lives if fresh else lives[:1]))

    def adopt(self, service: Service, slot: int, container: ObservedContainer, mends: Mends, group: str) -> Life:
        """A container that exists already, mended where it has to be."""
        life = Life(service, slot, ref(container), observed=container)
        life.made = self.mend(container, service, mends, group)
        folder = shipment.folder(self.situation.desired, service)
        kept = self.supplies.kept(service, folder) if folder in container.copies else None
        if life.made is not None:
            self.draft.order(life.made, [kept])
        life.made = kept if life.made is None else life.made
        return life

    def mend(self, container: ObservedContainer, service: Service, mends: Mends, group: str) -> Id | None:
        """Put right in place; the answer is the last step, ``None`` where nothing has to be done."""
        last: Id | None = None
        reason = "; ".join(difference.words for difference in mends.differences[:3])
        target = ref(container)
        if mends.update is not None:
            last = self.draft.add(mends.update, reason, group=group, differences=mends.differences)
            self.touches.add(last)
        for endpoint in mends.detach:
            network = self._detachable(endpoint.network_id, endpoint.network_name)
            action = DisconnectNetwork(container=target, network=network)
            last = self.draft.add(action, reason, after=[last, *self._new_networks(mends)], group=group)
            self.touches.add(last)
            self.departures[container.id, endpoint.network_id] = last
        for key in mends.attach:
            join = ConnectNetwork(
                container=target, network=self.places[key].target, attachment=service.container.networks[key]
            )
            after = [last, self.places[key].step]
            last = self.draft.add(join, reason, after=after, group=group, differences=mends.differences)
        return last

    def _new_networks(self, mends: Mends) -> list[Id | None]:
        return [self.places[key].step for key in mends.attach]

    def _detachable(self, network_id: str, name: str) -> str:
        """A network that is gone can only be named by its name."""
        known = {network.id for network in self.situation.observed.networks}
        return network_id if network_id in known else name

    # Running

    def enter(
        self, life: Life, *, after: Iterable[Id | None], group: str, relieves: Iterable[ObservedContainer] = ()
    ) -> Id | None:
        """The step after which connections come to it; ``None`` where there is no front end, or it has them already."""
        membership = self.memberships.get(life.service.name)
        return membership.enter(life.ref, after=after, group=group, relieves=relieves) if membership else None

    def start(self, life: Life, *, after: Iterable[Id | None], reason: str, group: str, hooked: bool = True) -> None:
        """Start (or unpause) and run what has to run right after; ``hooked``: the service's hooks are this container's."""
        paused = life.observed is not None and life.observed.state is State.PAUSED
        action = UnpauseContainer(container=life.ref) if paused else StartContainer(container=life.ref)
        last = self.draft.add(action, reason, after=[life.made, *after], group=group)
        if hooked and not paused:
            last = self.hooks(life.service, life.ref, HookKind.POST_START, last, group)
        life.started = last

    def hooks(self, service: Service, target: ContainerRef, kind: HookKind, after: Id, group: str) -> Id:
        """Hooks inside a running container, one after the other."""
        hooks = service.post_start if kind is HookKind.POST_START else service.pre_stop
        for hook in hooks:
            action = RunHook(container=target, kind=kind, hook=hook)
            after = self.draft.add(action, kind.value, after=[after], group=group)
        return after

    def _pre_stop(self, service: Service, target: ContainerRef, after: Iterable[Id | None], group: str) -> list[Id]:
        """Hooks inside a container that is about to be stopped, one after the other."""
        steps: list[Id] = []
        for hook in service.pre_stop:
            action = RunHook(container=target, kind=HookKind.PRE_STOP, hook=hook)
            steps.append(self.draft.add(action, "pre_stop", after=steps[-1:] or after, group=group))
        return steps

    def restart(self, life: Life, *, after: Iterable[Id | None], reason: str, group: str) -> Id:
        """Stop and start again in one go, with the hooks of both; out of rotation first, where it is in one."""
        after = [*after, life.made]
        left = self._leave(life.observed, after, group)
        after = after if left is None else [left]
        hooks = self._pre_stop(life.service, life.ref, after, group)
        after = self._drained(life.service.name, left, hooks[-1:] or after, group)
        action = RestartContainer(container=life.ref, timeout=self.situation.policy.stop_timeout)
        step = self.draft.add(action, reason, after=after, group=group)
        self.touches.add(hooks[0] if hooks else step)
        life.started = self.hooks(life.service, life.ref, HookKind.POST_START, step, group)
        return life.started

    def stop(
        self,
        container: ObservedContainer,
        service: Service | None,
        *,
        after: Iterable[Id | None],
        reason: str,
        group: str,
    ) -> Id | None:
        """Stop what runs, its pre_stop hooks first. ``None``: it does not run."""
        if not container.running:
            return None
        target = ref(container)
        before: list[Id] = []
        left = self._leave(container, after, group)
        after = after if left is None else [left]
        if container.state is State.PAUSED:
            before = [self.draft.add(UnpauseContainer(container=target), reason, after=after, group=group)]
        elif container.state is State.RUNNING and service is not None:
            before = self._pre_stop(service, target, after, group)
        ready = self._drained(container.service, left, before[-1:] or after, group)
        action = StopContainer(container=target, timeout=self.situation.policy.stop_timeout)
        last = self.draft.add(action, reason, after=ready, group=group)
        self.touches.add(before[0] if before else last)
        return last

    def _leave(self, container: ObservedContainer | None, after: Iterable[Id | None], group: str) -> Id | None:
        """The step after which no new connection comes to it; ``None`` where none does."""
        membership = self.memberships.get(container.service) if container is not None else None
        return membership.leave(container, after=after, group=group) if membership and container else None

    def _drained(self, service: str, left: Id | None, after: Iterable[Id | None], group: str) -> Iterable[Id | None]:
        """What to wait for once it has ``left``: ``after``, and then the end of its connections."""
        return after if left is None else [self.memberships[service].drained(after=after, group=group)]

    def remove(
        self,
        container: ObservedContainer,
        *,
        after: Iterable[Id | None],
        reason: str,
        group: str,
        volumes: bool = False,
    ) -> Id:
        force = container.state in (State.DEAD, State.REMOVING)
        action = RemoveContainer(container=ref(container), volumes=volumes, force=force)
        rejoined = [place.rejoined.get(container.id) for place in self.places.values()]
        step = self.draft.add(action, reason, after=[*after, *rejoined], group=group)
        self.removals[container.id] = step
        return step

    def rename(self, target: ContainerRef, name: str, *, after: Iterable[Id | None], reason: str, group: str) -> Id:
        step = self.draft.add(RenameContainer(container=target, new_name=name), reason, after=after, group=group)
        self.claims.append(Claim(step, name, target.id or target.name))
        return step

    def wait(
        self, life: Life, condition: WaitFor, *, monitor_ns: int = 0, required: bool = True, group: str = ""
    ) -> Id | None:
        """A wait for ``condition``, shared by all who need it; ``None`` where it holds already."""
        if condition is WaitFor.HEALTHY and life.service.probe is not None:
            condition = WaitFor.READY  # what answers its probe is healthy, with a check of the engine's or without
        if not life.begins and self._holds(life, condition, watched=bool(monitor_ns)):
            return None
        key = (condition, required)
        if key not in life.waits:
            action = AwaitContainer(
                container=life.ref,
                condition=condition,
                monitor_ns=monitor_ns,
                timeout=self.situation.policy.wait_timeout,
                required=required,
                probe=life.service.probe if condition is WaitFor.READY else None,
            )
            life.waits[key] = self.draft.add(action, after=[life.started], group=group or _group("wait", life))
        return life.waits[key]

    def _holds(self, life: Life, condition: WaitFor, *, watched: bool) -> bool:
        """Whether the last observation shows it already; what is to be ``watched`` for a while needs health to show it."""
        if life.observed is None or (condition is WaitFor.READY and life.service.probe is not None):
            return False
        if condition is WaitFor.COMPLETED:
            return life.observed.finished
        if condition is WaitFor.HEALTHY:
            return life.observed.state is State.RUNNING and life.observed.health is Health.HEALTHY
        healthy = life.observed.health is Health.HEALTHY or (life.observed.health is Health.NONE and not watched)
        return life.observed.finished or (life.observed.state is State.RUNNING and healthy)

    # What a container is created with

    def attachments(self, service: Service) -> dict[str, Attachment]:
        """Engine's networks to attachments, the one of the highest priority first."""
        wanted = service.container.networks
        keys = sorted(wanted, key=lambda key: (-wanted[key].priority, key))
        return {self.places[key].target: wanted[key] for key in keys if key in self.places}

    def _needs(self, service: Service) -> list[Id | None]:
        """The steps that make what the container is created from."""
        needs: list[Id | None] = [self.images.get(service.container.image)]
        needs += [self.places[key].step for key in service.container.networks if key in self.places]
        needs += [self.volumes.made.get(mount.source) for mount in service.container.mounts]
        return needs

    def _peers(self, service: Service) -> dict[str, Life]:
        """The containers whose namespaces or volumes it shares: the lowest slot of each service."""
        return {name: self.lives[name][0] for name in peers(service) if self.lives.get(name)}

    def _taken_over(self, service: Service, old: ObservedContainer | None) -> dict[str, str]:
        """Anonymous volumes of the old container that the new one goes on with."""
        if old is None or self.situation.policy.renew_anonymous_volumes:
            return {}
        image = self.situation.image(service)
        declared = set(image.defaults.volumes) if image else set()
        mounted = {mount.target: mount for mount in service.container.mounts}
        anonymous = {m.target for m in mounted.values() if m.type is MountType.VOLUME and not m.source}
        targets = anonymous | (declared - mounted.keys())
        return {target: name for target, name in sorted(old.anonymous_volumes.items()) if target in targets}


def _group(verb: str, life: Life) -> str:
    return f"{verb} {life.service.name}.{life.slot}"
