"""A file made out of what runs: an observed stack comes in, the text of a spec that describes it goes out, with notes.

Equivalent settings only, and no more than was decided: what the image says, and what the engine adds by itself, is not
written. What cannot be read back (how an image was built, what a secret holds) is said in the notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.model import naming
from orchestrator.model.container import Container, ImageDefaults
from orchestrator.model.observed import ObservedContainer, ObservedNetwork, ObservedState, ObservedVolume
from orchestrator.model.values import Attachment, Mount, MountType
from orchestrator.records import dataclass, field, replace
from orchestrator.spec import written, yamltext

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reconstruction:
    text: str
    services: tuple[str, ...]
    notes: tuple[str, ...] = ()
    model: Mapping[str, Any] = field(default_factory=dict)  # the same in plain values, for other forms than YAML


def reconstruct(observed: ObservedState) -> Reconstruction:
    """The spec of everything regular in ``observed``; containers of one service make its replicas."""
    names = sorted({c.service for c in observed.containers if c.service and not c.oneoff and not c.hook})
    members = {name: observed.of_service(name) for name in names}
    notes: list[str] = []
    services = {name: _service(observed, found, notes) for name, found in members.items()}
    model: Node = {"name": observed.stack, "services": services}
    used = {key for node in services.values() for key in node.get("networks") or ()}
    statics = _with_addresses(members.values())
    model |= _section(
        "networks", {n.key or n.name: _network(n, statics, observed.stack) for n in observed.networks}, used
    )
    mounted = {mount.key or mount.source for found in members.values() for c in found for mount in _volumes(c)}
    model |= _section("volumes", {v.key or v.name: _volume(v, observed.stack) for v in observed.volumes}, mounted)
    return Reconstruction(yamltext.dump(model).replace("$", "$$"), tuple(names), tuple(notes), model)


def _section(name: str, known: Mapping[str, Node], used: set[str]) -> Node:
    """Things that are used; the default network is not written unless something is to be said of it."""
    kept = {key: node for key, node in known.items() if key in used or (key == "default" and node)}
    missing = {key: {"external": True, "name": key} for key in used - known.keys() - {"default"}}
    return {name: {**kept, **missing}} if kept or missing else {}


def _service(observed: ObservedState, members: tuple[ObservedContainer, ...], notes: list[str]) -> Node:
    first = members[0]
    assert first.settings is not None
    networks = {_key(observed, point.network_id, point.network_name): point for point in first.endpoints}
    defaults = first.image_defaults or ImageDefaults()
    node = written.service(
        _with_anonymous_volumes(first, defaults) if first.adopted else first.settings,
        defaults,
        networks={key: _attachment(first, key) for key in networks},
    )
    slots = {container.slot for container in members}
    if len(slots) > 1:
        node["scale"] = len(slots)
    elif first.name != naming.container(observed.stack, first.service, first.slot) and not first.fingerprint:
        node["container_name"] = first.name
    if first.adopted:
        node["x-stack"] = {"adopt": True}
        node["container_name"] = first.name
    node |= _dependencies(first.labels.get(naming.DEPENDS_ON, ""))
    _remarks(first, members, node, notes)
    return node


def _with_anonymous_volumes(container: ObservedContainer, defaults: ImageDefaults) -> Container:
    """Where they were asked for beside all mounts (`docker run -v /data`): their data go along only if the file says so."""
    settings = container.settings or Container()
    said = {mount.target for mount in settings.mounts} | set(defaults.volumes)
    targets = sorted(container.anonymous_volumes.keys() - said)
    return replace(settings, mounts=(*settings.mounts, *(Mount(MountType.VOLUME, target) for target in targets)))


def _key(observed: ObservedState, network_id: str, name: str) -> str:
    return next((network.key for network in observed.networks if network.id == network_id and network.key), name)


def _attachment(container: ObservedContainer, key: str) -> Attachment:
    assert container.settings is not None
    return container.settings.networks.get(key, Attachment())


def _dependencies(label: str) -> Node:
    """``db:service_healthy:false`` and so on, as Compose writes them: service, condition, restart."""
    found: Node = {}
    for entry in filter(None, label.split(",")):
        name, condition, restart = (*entry.split(":"), "", "")[:3]
        found[name] = {"condition": condition or "service_started"}
        if restart == "true":
            found[name]["restart"] = True
    if all(how == {"condition": "service_started"} for how in found.values()):
        return {"depends_on": sorted(found)} if found else {}
    return {"depends_on": found}


def _remarks(first: ObservedContainer, members: Iterable[ObservedContainer], node: Node, notes: list[str]) -> None:
    name = first.service
    if node["image"].startswith("sha256:"):
        notes.append(f'service "{name}": its image has no name any more; give it one with `stack image tag`')
    unread = "holds cannot be read back; declare the config or secret"
    notes += [f'service "{name}": what {target} {unread}' for target in sorted(first.files)]
    others = [c.name for c in members if c.settings != first.settings and c.slot != first.slot]
    if others:
        notes.append(f'service "{name}": {", ".join(others)} differ from {first.name}, which is described')


def _volumes(container: ObservedContainer) -> list[Any]:
    mounts = container.settings.mounts if container.settings is not None else ()
    return [mount for mount in mounts if mount.type is MountType.VOLUME and mount.source]


def _with_addresses(services: Iterable[tuple[ObservedContainer, ...]]) -> set[str]:
    """Ids of networks on which a container has an address of its own choosing: their subnets have to be said."""
    return {
        point.network_id
        for members in services
        for container in members
        for point in container.endpoints
        if point.ipv4_address or point.ipv6_address
    }


def _network(network: ObservedNetwork, statics: set[str], stack: str) -> Node:
    if not network.owned:
        return {"external": True, "name": network.name}
    node: Node = {}
    if network.name != f"{stack}_{network.key}":
        node["name"] = network.name
    if network.driver not in ("", "bridge"):
        node["driver"] = network.driver
    if network.driver_opts:
        node["driver_opts"] = dict(network.driver_opts)
    node |= {key: True for key in ("internal", "attachable", "enable_ipv6") if getattr(network, key)}
    if network.id in statics:
        pools = ({"subnet": pool.subnet, "gateway": pool.gateway} for pool in network.ipam)
        node["ipam"] = {"config": [{key: value for key, value in pool.items() if value} for pool in pools]}
    return node | _labels(network.labels)


def _volume(volume: ObservedVolume, stack: str) -> Node:
    if not volume.owned:
        return {"external": True, "name": volume.name}
    node: Node = {"name": volume.name} if volume.name != f"{stack}_{volume.key}" else {}
    if volume.driver not in ("", "local"):
        node["driver"] = volume.driver
    if volume.driver_opts:
        node["driver_opts"] = dict(volume.driver_opts)
    return node | _labels(volume.labels)


def _labels(labels: Mapping[str, str]) -> Node:
    own = {key: value for key, value in labels.items() if not naming.is_reserved(key)}
    return {"labels": own} if own else {}
