"""The meaning of each action: the observed state after it. Pure, so that plans can be proven without an engine.

A state and an action come in, the next state goes out; what an engine would refuse raises the error that it would raise. The
memory engine and the property tests run on it, and the Docker engine is checked against it. Waits succeed: a wait for health
makes healthy, a wait for completion lets the container end with success.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from orchestrator.errors import Conflict, EngineError, ImageUnavailable, NotFound
from orchestrator.model import actions, creation
from orchestrator.model.container import Container
from orchestrator.model.creation import rfc3339
from orchestrator.model.front import Rotation
from orchestrator.model.observed import (
    Endpoint,
    Health,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedState,
    ObservedVolume,
    State,
)
from orchestrator.model.stack import Network
from orchestrator.model.values import Attachment, Resources
from orchestrator.records import replace

_STOPPED = (State.CREATED, State.EXITED, State.DEAD)


def transition(state: ObservedState, action: actions.Action) -> ObservedState:
    """``state`` after ``action``. Its clock moves by one, so that ids made from it are new."""
    later = replace(state, now_ns=state.now_ns + 1)
    meaning: Callable[[ObservedState, Any], ObservedState] = _MEANINGS[type(action)]
    return meaning(later, action)


# Images


def _pull(state: ObservedState, action: actions.PullImage) -> ObservedState:
    return _with_image(state, action.reference, "pulled")


def _build(state: ObservedState, action: actions.BuildImage) -> ObservedState:
    import zlib

    return _with_image(state, action.reference, f"{zlib.crc32(repr(action.build).encode()):08x}")


def _push(state: ObservedState, action: actions.PushImage) -> ObservedState:
    del action
    return state


def _with_image(state: ObservedState, reference: str, content: str) -> ObservedState:
    present = state.images.get(reference)
    image = present or ObservedImage(reference=reference, id=f"sha256:{reference}:{content}")
    image = replace(image, tagged_at=rfc3339(state.now_ns), created_at=image.created_at or rfc3339(state.now_ns))
    return replace(state, images={**state.images, reference: image})


def _tag(state: ObservedState, action: actions.TagImage) -> ObservedState:
    image = image_of(state, action.id)
    if image is None:
        raise NotFound(f"no such image: {action.id}")
    named = replace(image, reference=action.reference)
    return replace(state, images={**state.images, action.reference: named})


def image_of(state: ObservedState, reference: str) -> ObservedImage | None:
    """The image that a name, an id or a registry's digest stands for."""
    if reference in state.images:
        return state.images[reference]
    return next((i for i in state.images.values() if reference == i.id or reference in i.digests), None)


def _remove_image(state: ObservedState, action: actions.RemoveImage) -> ObservedState:
    image = state.images.get(action.reference)
    others = [
        name for name, other in state.images.items() if image and other.id == image.id and name != action.reference
    ]
    if image and not others and any(c.image_id == image.id for c in state.containers):
        raise Conflict(f"image {action.reference} is in use")
    return replace(state, images={name: i for name, i in state.images.items() if name != action.reference})


# Networks and volumes


def _create_network(state: ObservedState, action: actions.CreateNetwork) -> ObservedState:
    if any(present.name == action.network.name for present in state.networks):
        return state
    return replace(state, networks=(*state.networks, _observed_network(state, action.network)))


def _observed_network(state: ObservedState, wanted: Network) -> ObservedNetwork:
    return ObservedNetwork(
        id=f"net{state.now_ns:x}",
        name=wanted.name,
        key=wanted.key,
        owned=True,
        driver=wanted.driver or "bridge",
        driver_opts=wanted.driver_opts,
        internal=wanted.internal,
        attachable=wanted.attachable,
        enable_ipv4=wanted.enable_ipv4,
        enable_ipv6=bool(wanted.enable_ipv6),
        ipam_driver=wanted.ipam_driver or "default",
        ipam_options=wanted.ipam_options,
        ipam=wanted.ipam,
        labels=wanted.labels,
        created_at=rfc3339(state.now_ns),
    )


def _remove_network(state: ObservedState, action: actions.RemoveNetwork) -> ObservedState:
    network = _find_network(state, action.id or action.name)
    if network is None:
        return state
    if any(c.running and _attached(c, network.id) for c in state.containers) or _strangers(state, network):
        raise Conflict(f"network {network.name} has active endpoints")
    return replace(state, networks=tuple(n for n in state.networks if n.id != network.id))


def _strangers(state: ObservedState, network: ObservedNetwork) -> set[str]:
    return set(network.attached) - {c.id for c in state.containers}


def _connect(state: ObservedState, action: actions.ConnectNetwork) -> ObservedState:
    container = _container(state, action.container)
    endpoint = _endpoint(state, action.network, action.attachment)
    if any(e.network_name == endpoint.network_name for e in container.endpoints):
        raise Conflict(f"{container.name} is already attached to {endpoint.network_name}")
    return _with(state, replace(container, endpoints=(*container.endpoints, endpoint)))


def _endpoint(state: ObservedState, network: str, how: Attachment) -> Endpoint:
    found = _find_network(state, network)
    if found is None:
        raise NotFound(f"network {network} not found")
    return Endpoint(
        network_id=found.id,
        network_name=found.name,
        aliases=how.aliases,
        ipv4_address=how.ipv4_address,
        ipv6_address=how.ipv6_address,
        link_local_ips=how.link_local_ips,
        mac_address=how.mac_address,
        driver_opts=how.driver_opts,
        interface_name=how.interface_name,
        gw_priority=how.gw_priority,
        named=how.named,
    )


def _disconnect(state: ObservedState, action: actions.DisconnectNetwork) -> ObservedState:
    container = _container(state, action.container)
    left = tuple(e for e in container.endpoints if action.network not in (e.network_name, e.network_id))
    return _with(state, replace(container, endpoints=left))


def _create_volume(state: ObservedState, action: actions.CreateVolume) -> ObservedState:
    wanted = action.volume
    if any(present.name == wanted.name for present in state.volumes):
        return state
    made = ObservedVolume(
        name=wanted.name,
        key=wanted.key,
        owned=True,
        driver=wanted.driver or "local",
        driver_opts=wanted.driver_opts,
        labels=wanted.labels,
    )
    return replace(state, volumes=(*state.volumes, made))


def _remove_volume(state: ObservedState, action: actions.RemoveVolume) -> ObservedState:
    for container in state.containers:
        mounts = container.settings.mounts if container.settings else ()
        if action.name in container.copies or any(mount.source == action.name for mount in mounts):
            raise Conflict(f"volume {action.name} is in use by {container.name}")
    return replace(state, volumes=tuple(v for v in state.volumes if v.name != action.name))


# Containers


def _create(state: ObservedState, action: actions.CreateContainer) -> ObservedState:
    _name_is_free(state, action.container.name)
    image = image_of(state, action.settings.image)
    if image is None:
        raise ImageUnavailable(f"no such image: {action.settings.image}")
    if action.copies and all(volume.name != action.copies for volume in state.volumes):
        raise NotFound(f"no such volume: {action.copies}")
    made = replace(
        creation.created(action, image, state.now_ns),
        endpoints=tuple(_endpoint(state, name, how) for name, how in action.networks.items()),
        peers={service: _container(state, peer).id for service, peer in action.peers.items()},
    )
    return replace(state, containers=(*state.containers, made))


def _name_is_free(state: ObservedState, name: str) -> None:
    holders: Iterable[ObservedContainer] = (*state.containers, *state.name_holders.values())
    holder = next((c for c in holders if c.name == name), None)
    if holder is not None:
        raise Conflict(f"the name {name} is held by container {holder.id}")


def _ship(state: ObservedState, action: actions.ShipFiles) -> ObservedState:
    if action.image not in state.images:
        raise ImageUnavailable(f"no such image: {action.image}")
    if any(present.name == action.volume for present in state.volumes):
        return state
    made = ObservedVolume(name=action.volume, owned=True, driver="local", labels=action.labels)
    return replace(state, volumes=(*state.volumes, made))


def _start(state: ObservedState, action: actions.StartContainer) -> ObservedState:
    container = _container(state, action.container)
    if container.state is State.PAUSED:
        raise Conflict(f"{container.name} is paused; it cannot be started")
    if container.state in (State.DEAD, State.REMOVING):
        raise Conflict(f"{container.name} is marked for removal; it cannot be started")
    if container.running:
        return state
    _can_start(state, container)
    return _with(state, _started(state, container))


def _started(state: ObservedState, container: ObservedContainer) -> ObservedContainer:
    return replace(
        container, state=State.RUNNING, health=_first_health(container), exit_code=0, started_at=rfc3339(state.now_ns)
    )


def _can_start(state: ObservedState, container: ObservedContainer) -> None:
    known = {network.id for network in state.networks}
    for endpoint in container.endpoints:
        if endpoint.network_id not in known:
            raise NotFound(f"network {endpoint.network_id} not found")
    running = {c.id for c in state.containers if c.running}
    mode = container.settings.network_mode if container.settings else ""
    peer = container.peers.get(mode.removeprefix("service:"), "") if mode.startswith("service:") else ""
    if peer and peer not in running:
        raise Conflict(f"cannot join the network of {peer}: it does not run")
    mine = _fixed_ports(container)
    for other in state.containers:
        if other.running and other.id != container.id and mine & _fixed_ports(other):
            raise Conflict(f"port is already allocated by {other.name}")


def _fixed_ports(container: ObservedContainer) -> set[tuple[str, str, str]]:
    ports = container.settings.ports if container.settings else ()
    return {(p.host_ip, p.published, p.protocol) for p in ports if p.published.isdigit() and p.published != "0"}


def _first_health(container: ObservedContainer) -> Health:
    check = container.settings.healthcheck if container.settings else None
    return Health.NONE if check is None or check.disabled or not check.test else Health.STARTING


def _stop(state: ObservedState, action: actions.StopContainer) -> ObservedState:
    container = _container(state, action.container)
    if not container.running:
        return state
    return _with(state, _ended(state, container, 143))


def _kill(state: ObservedState, action: actions.KillContainer) -> ObservedState:
    container = _container(state, action.container)
    if not container.running:
        raise Conflict(f"{container.name} does not run")
    return _with(state, _ended(state, container, 137))


def _ended(state: ObservedState, container: ObservedContainer, exit_code: int) -> ObservedContainer:
    return replace(
        container,
        state=State.EXITED,
        health=Health.NONE,
        exit_code=exit_code,
        finished_at=rfc3339(state.now_ns),
    )


def _restart(state: ObservedState, action: actions.RestartContainer) -> ObservedState:
    container = _container(state, action.container)
    stopped = replace(container, state=State.EXITED)
    _can_start(_with(state, stopped), stopped)
    return _with(state, _started(state, container))


def _pause(state: ObservedState, action: actions.PauseContainer) -> ObservedState:
    return _change_state(state, action.container, State.RUNNING, State.PAUSED)


def _unpause(state: ObservedState, action: actions.UnpauseContainer) -> ObservedState:
    return _change_state(state, action.container, State.PAUSED, State.RUNNING)


def _change_state(state: ObservedState, ref: actions.ContainerRef, before: State, after: State) -> ObservedState:
    container = _container(state, ref)
    if container.state is after:
        return state
    if container.state is not before:
        raise Conflict(f"{container.name} is {container.state}, not {before}")
    return _with(state, replace(container, state=after))


def _rename(state: ObservedState, action: actions.RenameContainer) -> ObservedState:
    container = _container(state, action.container)
    if container.name == action.new_name:
        return state
    _name_is_free(state, action.new_name)
    return _with(state, replace(container, name=action.new_name))


def _update(state: ObservedState, action: actions.UpdateContainer) -> ObservedState:
    container = _container(state, action.container)
    settings = container.settings or Container()
    if action.restart is not None:
        settings = replace(settings, restart=action.restart)
    if action.resources is not None:
        settings = replace(settings, resources=_merged(settings.resources, action.resources))
    return _with(state, replace(container, settings=settings))


def _merged(present: Resources, wanted: Resources) -> Resources:
    given = {name: getattr(wanted, name) for name in Resources.__dataclass_fields__}
    return replace(present, **{name: value for name, value in given.items() if value not in (None, "")})


def _remove(state: ObservedState, action: actions.RemoveContainer) -> ObservedState:
    container = _find(state, action.container)
    if container is None:
        return state
    if container.state not in _STOPPED and not action.force:
        raise Conflict(f"{container.name} is {container.state}; it cannot be removed")
    return replace(state, containers=tuple(c for c in state.containers if c.id != container.id))


def _await(state: ObservedState, action: actions.AwaitContainer) -> ObservedState:
    container = _find(state, action.container)
    if container is None or not container.running:
        return state
    if action.condition is actions.WaitFor.COMPLETED:
        return _with(state, _ended(state, container, 0))
    if container.health is Health.STARTING and action.condition in (actions.WaitFor.HEALTHY, actions.WaitFor.READY):
        return _with(state, replace(container, health=Health.HEALTHY))
    return state


def _configure_front(state: ObservedState, action: actions.ConfigureFront) -> ObservedState:
    members = tuple(_container(state, member).id for member in action.members)
    return _with(state, replace(_container(state, action.container), rotation=Rotation(action.front, members)))


def _front(state: ObservedState, action: actions.AwaitFront | actions.AwaitDrained) -> ObservedState:
    del action
    return state


def _delay(state: ObservedState, action: actions.AwaitDelay) -> ObservedState:
    return replace(state, now_ns=state.now_ns + action.delay_ns)


def _hook(state: ObservedState, action: actions.RunHook) -> ObservedState:
    container = _container(state, action.container)
    if action.kind is not actions.HookKind.PRE_START and not container.running:
        raise Conflict(f"{container.name} does not run; no hook can run in it")
    return state


def _provider(state: ObservedState, action: actions.RunProvider) -> ObservedState:
    del action
    return state


# Finding and replacing


def _find(state: ObservedState, ref: actions.ContainerRef) -> ObservedContainer | None:
    for container in state.containers:
        if container.id == ref.id if ref.id else container.name == ref.name:
            return container
    return None


def _container(state: ObservedState, ref: actions.ContainerRef) -> ObservedContainer:
    found = _find(state, ref)
    if found is None:
        raise NotFound(f"no such container: {ref.target}")
    return found


def _with(state: ObservedState, container: ObservedContainer) -> ObservedState:
    return replace(state, containers=tuple(container if c.id == container.id else c for c in state.containers))


def _find_network(state: ObservedState, name_or_id: str) -> ObservedNetwork | None:
    named = [n for n in state.networks if n.name == name_or_id]
    if len(named) > 1:
        raise EngineError(f"network {name_or_id} is ambiguous")
    return next((n for n in state.networks if n.id == name_or_id), named[0] if named else None)


def _attached(container: ObservedContainer, network_id: str) -> bool:
    return any(endpoint.network_id == network_id for endpoint in container.endpoints)


_MEANINGS: dict[type, Callable[[ObservedState, Any], ObservedState]] = {
    actions.PullImage: _pull,
    actions.BuildImage: _build,
    actions.TagImage: _tag,
    actions.PushImage: _push,
    actions.RemoveImage: _remove_image,
    actions.CreateNetwork: _create_network,
    actions.RemoveNetwork: _remove_network,
    actions.ConnectNetwork: _connect,
    actions.DisconnectNetwork: _disconnect,
    actions.CreateVolume: _create_volume,
    actions.RemoveVolume: _remove_volume,
    actions.CreateContainer: _create,
    actions.ShipFiles: _ship,
    actions.StartContainer: _start,
    actions.StopContainer: _stop,
    actions.RestartContainer: _restart,
    actions.KillContainer: _kill,
    actions.PauseContainer: _pause,
    actions.UnpauseContainer: _unpause,
    actions.RenameContainer: _rename,
    actions.UpdateContainer: _update,
    actions.RemoveContainer: _remove,
    actions.AwaitContainer: _await,
    actions.AwaitDelay: _delay,
    actions.AwaitDrained: _front,
    actions.AwaitFront: _front,
    actions.ConfigureFront: _configure_front,
    actions.RunHook: _hook,
    actions.RunProvider: _provider,
}
