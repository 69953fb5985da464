"""An engine in memory: the actions' meaning (``model.transition``) on a state behind a lock. For tests and experiments.

It holds a whole world, foreign containers and other stacks included, and shows each stack its part, as a real engine
does. How containers of an image behave (health, exit at once) and which calls fail can be set; nothing else is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import RLock
from typing import TypeVar

from orchestrator.cancel import CancelToken
from orchestrator.engines.base import Ask, Change, Progress
from orchestrator.engines.gate import Gate, World
from orchestrator.errors import EngineError, ImageUnavailable, StackError
from orchestrator.listeners import Listeners
from orchestrator.model import actions, naming
from orchestrator.model.observed import (
    EngineFacts,
    Health,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedState,
    ObservedVolume,
    PortHolder,
    Scope,
    State,
)
from orchestrator.model.transition import transition
from orchestrator.model.transition_objects import image_of
from orchestrator.records import dataclass, replace

T = TypeVar("T", ObservedNetwork, ObservedVolume)
Failure = Callable[[actions.Action], StackError | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a container does once started: ``exits`` at once with this code, or runs with this ``health``."""

    exits: int | None = None
    health: Health = Health.HEALTHY
    log: str = ""


class MemoryEngine:
    """Implements ``engines.base.Engine``, and the ``World`` that gates ask.

    ``registry`` holds what can be pulled (``None``: anything can). ``behaviours`` is keyed by image reference. ``failure``
    is asked before each action and may answer with the error to raise. ``executed`` records what was carried out. ``says`` is
    what a provider answers, by its service, ``ails`` what is wrong with containers that are asked, by id.
    """

    def __init__(
        self,
        state: ObservedState | None = None,
        *,
        registry: Mapping[str, ObservedImage] | None = None,
        behaviours: Mapping[str, Behaviour] | None = None,
        failure: Failure | None = None,
        facts: EngineFacts | None = None,
    ) -> None:
        begin = state or ObservedState(stack="", now_ns=1_700_000_000_000_000_000)
        self._lock = RLock()
        self._world = _world(begin)
        self.facts = facts or begin.engine
        self.registry = registry
        self.behaviours = dict(behaviours or {})
        self.failure = failure
        self.executed: list[actions.Action] = []
        self.says: dict[str, str] = {}
        self.ails: dict[str, str] = {}
        self._listeners = Listeners[Change]()

    @property
    def identity(self) -> str:
        return f"memory:{id(self):x}"

    @property
    def world(self) -> ObservedState:
        """Everything there is, of all stacks."""
        with self._lock:
            return self._world

    def change(self, edit: Callable[[ObservedState], ObservedState]) -> None:
        """Do something to the world that no plan of ours did: somebody's hand."""
        with self._lock:
            before, self._world = self._world, edit(self._world)
        self._tell(before)

    @property
    def local(self) -> bool:
        return self.facts.local

    def observe(self, scope: Scope) -> ObservedState:
        with self._lock:
            return _view(self._world, scope, self.facts)

    def execute(self, action: actions.Action, *, progress: Progress, cancel: CancelToken) -> str:
        del progress, cancel
        with self._lock:
            error = self.failure(action) if self.failure else None
            if error is not None:
                raise error
            self._refuse(action)
            before = self._world
            self._world = self._settled(transition(self._world, action), action)
            self.executed.append(action)
        self._tell(before)
        return self.says.get(action.service, "") if isinstance(action, actions.RunProvider) else ""

    def ping(self, seconds: float) -> None:
        """It is always there."""

    def cut(self, before: float) -> None:
        """Nothing ever waits."""

    def as_world(self) -> World:
        return self

    def guarded(self, gate: Gate) -> MemoryEngine:
        """Itself: it takes actions, and gates judge requests."""
        del gate
        return self

    def owner(self, kind: str, name: str) -> str | None:
        world = self.world
        things: Iterable[ObservedContainer | ObservedNetwork | ObservedVolume] = world.containers
        if kind != "container":
            things = world.networks if kind == "network" else world.volumes
        found = next((one for one in things if name in (one.name, getattr(one, "id", one.name))), None)
        return None if found is None else found.labels.get(naming.PROJECT, "")

    def mountpoint(self, volume: str) -> str:
        del volume
        return ""

    def sockets(self) -> tuple[str, ...]:
        return ()

    def user(self, container: str) -> str:
        found = next((one for one in self.world.containers if container in (one.name, one.id)), None)
        return found.settings.user if found is not None and found.settings is not None else ""

    def near(self, container: str) -> Ask | None:
        return lambda _: self.ails.get(container, "")

    def changes(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        return self._listeners.add(listener)

    def _tell(self, before: ObservedState) -> None:
        """Which object it was is not said: whoever listens looks at every stack that there is or was."""
        stacks = {one.labels.get(naming.PROJECT, "") for world in (before, self._world) for one in world.containers}
        for listener in self._listeners:
            for stack in sorted(stacks - {""}):
                listener(Change("container", stack=stack))

    def close(self) -> None:
        return None

    def _refuse(self, action: actions.Action) -> None:
        if isinstance(action, actions.PullImage) and not self._can_be_pulled(action.reference):
            raise ImageUnavailable(f"image {action.reference} is in no registry")
        if isinstance(action, actions.AwaitContainer):
            self._refuse_wait(action)

    def _can_be_pulled(self, reference: str) -> bool:
        return self.registry is None or reference in self.registry

    def _refuse_wait(self, action: actions.AwaitContainer) -> None:
        """A wait whose condition can no longer hold fails."""
        found = _find(self._world, action.container)
        if found is None or not action.required:
            return
        log = self.behaviours.get(found.image, Behaviour()).log
        text = f"{found.name} ended with exit code {found.exit_code}" + (f"\n{log}" if log else "")
        if found.state is State.EXITED and found.exit_code:
            raise EngineError(text)
        if found.health is Health.UNHEALTHY and action.condition in (actions.WaitFor.HEALTHY, actions.WaitFor.READY):
            raise EngineError(f"{found.name} is unhealthy" + (f"\n{log}" if log else ""))

    def _settled(self, state: ObservedState, action: actions.Action) -> ObservedState:
        """What happens by itself after an action: images arrive with their config, containers become healthy or exit."""
        match action:
            case actions.PullImage(reference=reference) if self.registry is not None:
                image = replace(self.registry[reference], tagged_at=state.images[reference].tagged_at)
                return replace(state, images={**state.images, reference: image})
            case actions.StartContainer(container=ref) | actions.RestartContainer(container=ref):
                return self._begin_to_run(state, ref)
            case _:
                return state

    def _begin_to_run(self, state: ObservedState, ref: actions.ContainerRef) -> ObservedState:
        found = _find(state, ref)
        if found is None:
            return state
        behaviour = self.behaviours.get(found.image, Behaviour())
        if behaviour.exits is not None:
            found = replace(found, state=State.EXITED, exit_code=behaviour.exits, health=Health.NONE)
        elif found.health is Health.STARTING:
            found = replace(found, health=behaviour.health)
        return replace(state, containers=tuple(found if c.id == found.id else c for c in state.containers))


def _world(state: ObservedState) -> ObservedState:
    """A snapshot of one stack as a world: its containers labelled, foreign holders of names among them."""
    own = tuple(_labelled(container, state.stack) for container in state.containers)
    networks = tuple(_owned(n, state.stack, naming.NETWORK) if n.owned else n for n in state.networks)
    volumes = tuple(_owned(v, state.stack, naming.VOLUME) if v.owned else v for v in state.volumes)
    return replace(
        state,
        stack="",
        containers=(*own, *state.name_holders.values()),
        networks=networks,
        volumes=volumes,
        name_holders={},
    )


def _labelled(container: ObservedContainer, stack: str) -> ObservedContainer:
    if naming.PROJECT in container.labels:
        return container
    labels = {
        naming.PROJECT: stack,
        naming.SERVICE: container.service,
        naming.NUMBER: str(container.slot),
        naming.ONEOFF: str(container.oneoff),
        naming.FINGERPRINT: container.fingerprint,
    }
    return replace(container, labels={**labels, **container.labels})


def _owned(thing: T, stack: str, key: str) -> T:
    return replace(thing, labels={naming.PROJECT: stack, key: thing.key, **thing.labels})


def _view(world: ObservedState, scope: Scope, facts: EngineFacts) -> ObservedState:
    """The part of the world that concerns one stack."""
    own = tuple(c for c in world.containers if c.labels.get(naming.PROJECT) == scope.stack)
    ids = {container.id for container in own}
    holders = {c.name: c for c in world.containers if c.id not in ids and c.name in scope.containers}
    networks = tuple(_as_seen(n, scope.stack, world) for n in world.networks)
    volumes = tuple(replace(v, owned=v.labels.get(naming.PROJECT) == scope.stack) for v in world.volumes)
    return ObservedState(
        stack=scope.stack,
        engine=facts,
        containers=own,
        networks=tuple(n for n in networks if n.owned or n.name in scope.networks),
        volumes=tuple(v for v in volumes if v.owned or v.name in scope.volumes),
        images={name: image for name in scope.images if (image := image_of(world, name)) is not None},
        name_holders=holders,
        port_holders=tuple(_port_holders(world, ids)),
        secret_folders=world.secret_folders,
        now_ns=world.now_ns,
    )


def _port_holders(world: ObservedState, own: set[str]) -> Iterator[PortHolder]:
    """Host ports of running containers that are not the stack's."""
    for container in world.containers:
        if container.id in own or not container.running or container.settings is None:
            continue
        for port in container.settings.ports:
            if port.is_fixed:
                yield PortHolder(
                    port=int(port.published),
                    protocol=port.protocol,
                    address=port.host_ip,
                    container=container.name,
                    stack=container.labels.get(naming.PROJECT, ""),
                )


def _as_seen(network: ObservedNetwork, stack: str, world: ObservedState) -> ObservedNetwork:
    attached = [c.id for c in world.containers if c.running and any(e.network_id == network.id for e in c.endpoints)]
    strangers = set(network.attached) - {c.id for c in world.containers}
    return replace(
        network,
        owned=network.labels.get(naming.PROJECT) == stack,
        attached=tuple(sorted(strangers)) + tuple(attached),
    )


def _find(state: ObservedState, ref: actions.ContainerRef) -> ObservedContainer | None:
    return next((c for c in state.containers if (c.id == ref.id if ref.id else c.name == ref.name)), None)
