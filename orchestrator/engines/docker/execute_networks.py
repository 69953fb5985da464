"""Actions on networks and volumes, and on a container's place on a network. What is already so is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any

from orchestrator.engines.docker import translate_network, translate_objects
from orchestrator.engines.docker.access import Access
from orchestrator.engines.docker.labels import plain_name
from orchestrator.engines.docker.surroundings import Surroundings
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import Conflict, EngineError, NotFound
from orchestrator.model import actions, naming
from orchestrator.model.stack import Network

UNIQUE_NAMES = (1, 44)


def create(access: Access, action: actions.CreateNetwork) -> str:
    wanted = action.network
    around = Surroundings(api=access.client.api_version)
    # Older engines check names and create in two moments: two creates at once would make twins.
    guard = nullcontext() if around.api >= UNIQUE_NAMES else access.create_network_lock
    with guard:
        try:
            answer = access.client.post_json("/networks/create", body=translate_objects.network(wanted, around))
        except Conflict as problem:
            _accept_existing(access, wanted, problem)
            return ""
        except EngineError as problem:
            raise _no_network(access, wanted, problem) from problem
    return answer.get("Warning") or ""


def _accept_existing(access: Access, wanted: Network, problem: Conflict) -> None:
    """Ours under that name is what was asked for (the reply to an earlier call may have been lost)."""
    listed = access.client.get_json("/networks", {"filters": {"name": [wanted.name]}})
    present = [network for network in listed if network["Name"] == wanted.name]
    mine = wanted.labels.get(naming.PROJECT, "")
    if not any((network.get("Labels") or {}).get(naming.PROJECT, "") == mine for network in present):
        raise Conflict(
            f'a network named "{wanted.name}" exists and does not belong to this stack',
            hint=f"declare it `external: true` under networks.{wanted.key}, or give yours another name",
            reference="network-taken",
            status=409,
        ) from problem


def _no_network(access: Access, wanted: Network, problem: EngineError) -> EngineError:
    message, hint = f'network "{wanted.name}" cannot be created: {problem.message}', problem.hint
    if "overlap" in problem.message.lower():
        owners = _overlapping(access, [pool.subnet for pool in wanted.ipam if pool.subnet])
        hint = f"the addresses are taken by {', '.join(owners)}" if owners else "choose another subnet"
    elif "address pool" in problem.message.lower():
        hint = "remove networks that nobody uses, or give the engine larger default-address-pools"
    return EngineError(message, hint=hint, reference="network-refused", status=problem.status)


def _overlapping(access: Access, subnets: Iterable[str]) -> list[str]:
    import ipaddress

    wanted = [ipaddress.ip_network(subnet, strict=False) for subnet in subnets]
    found = []
    for network in access.client.get_json("/networks"):
        for pool in (network.get("IPAM") or {}).get("Config") or ():
            taken = ipaddress.ip_network(pool.get("Subnet") or "0.0.0.0/32", strict=False)
            if any(taken.version == one.version and taken.overlaps(one) for one in wanted):
                found.append(f'network "{network["Name"]}" ({taken})')
    return found


def remove(access: Access, action: actions.RemoveNetwork) -> str:
    target = quote(action.id or action.name)
    try:
        access.client.delete(f"/networks/{target}")
    except NotFound:
        return ""
    except EngineError as problem:
        users = _attached(access, target)
        if not users:
            raise
        raise Conflict(
            f'network "{action.name}" is used by {", ".join(users)}',
            hint="stop or disconnect them first",
            reference="network-in-use",
            status=409,
        ) from problem
    return ""


def _attached(access: Access, target: str) -> list[str]:
    try:
        network = access.client.get_json(f"/networks/{target}")
    except NotFound:
        return []
    return sorted(f'"{entry["Name"]}"' for entry in (network.get("Containers") or {}).values())


def connect(access: Access, action: actions.ConnectNetwork) -> str:
    ref = action.container
    around = Surroundings(api=access.client.api_version)
    implied = tuple(dict.fromkeys(name for name in (plain_name(ref.name), ref.service) if name))
    body = {
        "Container": ref.target,
        "EndpointConfig": translate_network.endpoint(action.attachment, implied, around),
    }
    try:
        access.client.post_json(f"/networks/{quote(action.network)}/connect", body=body)
    except NotFound:
        raise
    except EngineError as problem:
        if _endpoint_of(access.inspect(ref), action.network) is None:
            message = f'container "{ref.name}" cannot be connected to network "{action.network}": {problem.message}'
            raise EngineError(message, hint=problem.hint, status=problem.status) from problem
    return ""


def disconnect(access: Access, action: actions.DisconnectNetwork) -> str:
    try:
        _disconnect(access, action.container.target, action.network)
    except EngineError as problem:
        if problem.retryable and not isinstance(problem, Conflict):
            raise
        try:
            name = _endpoint_of(access.inspect(action.container), action.network)
        except NotFound:
            return ""
        if name is None:
            return ""
        if name == action.network:
            raise
        # A stopped container keeps its place on a network that is gone; it answers to the network's name alone.
        _disconnect(access, action.container.target, name)
    return ""


def _disconnect(access: Access, container: str, network: str) -> None:
    access.client.post_json(f"/networks/{quote(network)}/disconnect", body={"Container": container, "Force": False})


def _endpoint_of(container: Mapping[str, Any], network: str) -> str | None:
    """The name of the network under which the container has an endpoint there."""
    for name, endpoint in (container["NetworkSettings"].get("Networks") or {}).items():
        if network in (name, (endpoint or {}).get("NetworkID")):
            return str(name)
    return None


def create_volume(access: Access, action: actions.CreateVolume) -> str:
    try:
        access.client.post_json("/volumes/create", body=translate_objects.volume(action.volume))
    except EngineError as problem:
        message = f'volume "{action.volume.name}" cannot be created: {problem.message}'
        kind = Conflict if isinstance(problem, Conflict) else EngineError
        raise kind(message, hint=problem.hint, reference="volume-refused", status=problem.status) from problem
    return ""


def remove_volume(access: Access, action: actions.RemoveVolume) -> str:
    try:
        access.client.delete(f"/volumes/{quote(action.name)}")
    except NotFound:
        return ""
    except Conflict as problem:
        listed = access.client.get_json("/containers/json", {"all": True, "filters": {"volume": [action.name]}})
        users = sorted(f'"{entry["Names"][0].removeprefix("/")}"' for entry in listed)
        raise Conflict(
            f'volume "{action.name}" is used by {", ".join(users) or "a container"}',
            hint="remove these containers first",
            reference="volume-in-use",
            status=409,
        ) from problem
    return ""
