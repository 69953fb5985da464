"""The meaning of actions on containers, of waits and of what runs beside them (see ``transition``)."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.errors import Conflict, ImageUnavailable, NotFound
from orchestrator.model import actions, creation, shipment
from orchestrator.model import transition_objects as objects
from orchestrator.model.container import Container
from orchestrator.model.creation import rfc3339
from orchestrator.model.front import Rotation
from orchestrator.model.observed import Endpoint, Health, ObservedContainer, ObservedState, State
from orchestrator.model.values import Attachment, Resources
from orchestrator.records import replace

_STOPPED = (State.CREATED, State.EXITED, State.DEAD)


def connect(state: ObservedState, action: actions.ConnectNetwork) -> ObservedState:
    container = _container(state, action.container)
    endpoint = _endpoint(state, action.network, action.attachment)
    if any(e.network_name == endpoint.network_name for e in container.endpoints):
        raise Conflict(f"{container.name} is already attached to {endpoint.network_name}")
    return _with(state, replace(container, endpoints=(*container.endpoints, endpoint)))


def _endpoint(state: ObservedState, network: str, how: Attachment) -> Endpoint:
    found = objects.find_network(state, network)
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


def disconnect(state: ObservedState, action: actions.DisconnectNetwork) -> ObservedState:
    container = _container(state, action.container)
    left = tuple(e for e in container.endpoints if action.network not in (e.network_name, e.network_id))
    return _with(state, replace(container, endpoints=left))


def create(state: ObservedState, action: actions.CreateContainer) -> ObservedState:
    _name_is_free(state, action.container.name)
    image = objects.image_of(state, action.settings.image)
    if image is None:
        raise ImageUnavailable(f"no such image: {action.settings.image}")
    if action.copies and all(volume.name != action.copies for volume in state.volumes):
        raise NotFound(f"no such volume: {action.copies}")
    if action.secrets and action.secrets not in state.secret_folders:
        raise NotFound(f"bind source path does not exist: {action.secrets}")
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


def start(state: ObservedState, action: actions.StartContainer) -> ObservedState:
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
    for folder in container.copies:
        if shipment.is_folder(folder) and folder not in state.secret_folders:
            raise NotFound(f"bind source path does not exist: {folder}")
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
    return {(p.host_ip, p.published, p.protocol) for p in ports if p.is_fixed}


def _first_health(container: ObservedContainer) -> Health:
    check = container.settings.healthcheck if container.settings else None
    return Health.NONE if check is None or check.disabled or not check.test else Health.STARTING


def stop(state: ObservedState, action: actions.StopContainer) -> ObservedState:
    container = _container(state, action.container)
    if not container.running:
        return state
    return _with(state, _ended(state, container, 143))


def kill(state: ObservedState, action: actions.KillContainer) -> ObservedState:
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


def restart(state: ObservedState, action: actions.RestartContainer) -> ObservedState:
    container = _container(state, action.container)
    stopped = replace(container, state=State.EXITED)
    _can_start(_with(state, stopped), stopped)
    return _with(state, _started(state, container))


def pause(state: ObservedState, action: actions.PauseContainer) -> ObservedState:
    return _change_state(state, action.container, State.RUNNING, State.PAUSED)


def unpause(state: ObservedState, action: actions.UnpauseContainer) -> ObservedState:
    return _change_state(state, action.container, State.PAUSED, State.RUNNING)


def _change_state(state: ObservedState, ref: actions.ContainerRef, before: State, after: State) -> ObservedState:
    container = _container(state, ref)
    if container.state is after:
        return state
    if container.state is not before:
        raise Conflict(f"{container.name} is {container.state}, not {before}")
    return _with(state, replace(container, state=after))


def rename(state: ObservedState, action: actions.RenameContainer) -> ObservedState:
    container = _container(state, action.container)
    if container.name == action.new_name:
        return state
    _name_is_free(state, action.new_name)
    return _with(state, replace(container, name=action.new_name))


def update(state: ObservedState, action: actions.UpdateContainer) -> ObservedState:
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


def remove(state: ObservedState, action: actions.RemoveContainer) -> ObservedState:
    container = _find(state, action.container)
    if container is None:
        return state
    if container.state not in _STOPPED and not action.force:
        raise Conflict(f"{container.name} is {container.state}; it cannot be removed")
    return replace(state, containers=tuple(c for c in state.containers if c.id != container.id))


def wait(state: ObservedState, action: actions.AwaitContainer) -> ObservedState:
    container = _find(state, action.container)
    if container is None or not container.running:
        return state
    if action.condition is actions.WaitFor.COMPLETED:
        return _with(state, _ended(state, container, 0))
    if container.health is Health.STARTING and action.condition in (actions.WaitFor.HEALTHY, actions.WaitFor.READY):
        return _with(state, replace(container, health=Health.HEALTHY))
    return state


def configure_front(state: ObservedState, action: actions.ConfigureFront) -> ObservedState:
    members = tuple(_container(state, member).id for member in action.members)
    return _with(state, replace(_container(state, action.container), rotation=Rotation(action.front, members)))


def front(state: ObservedState, action: actions.AwaitFront | actions.AwaitDrained) -> ObservedState:
    del action
    return state


def delay(state: ObservedState, action: actions.AwaitDelay) -> ObservedState:
    return replace(state, now_ns=state.now_ns + action.delay_ns)


def hook(state: ObservedState, action: actions.RunHook) -> ObservedState:
    container = _container(state, action.container)
    if action.kind is not actions.HookKind.PRE_START and not container.running:
        raise Conflict(f"{container.name} does not run; no hook can run in it")
    return state


def provider(state: ObservedState, action: actions.RunProvider) -> ObservedState:
    del action
    return state


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
