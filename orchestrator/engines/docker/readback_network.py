"""Rows of reading back: networks, ports, links (mirror of ``translate_network``), and endpoints as observed.

User-given settings only: addresses the engine assigned and aliases that every container has are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.engines.docker import labels
from orchestrator.engines.docker.readback_host import shared
from orchestrator.engines.docker.reading import Reading
from orchestrator.engines.docker.terms import INTERFACE_NAME_OPTION, exposed_ports
from orchestrator.model import naming
from orchestrator.model.observed import Endpoint
from orchestrator.model.values import Attachment, Port

_BUILT_IN = {"default": "bridge", "bridge": "bridge", "host": "host", "none": "none"}


def mode(reading: Reading) -> str:
    """ "" where the container is simply on the stack's networks; the engine writes the first of them here."""
    value: str = reading.host.get("NetworkMode") or ""
    if value in _BUILT_IN:
        return _BUILT_IN[value]
    if value.startswith("container:"):
        return shared(value, reading)
    endpoint = reading.endpoints.get(value)
    if endpoint is None or value in reading.context.own_networks:
        return ""
    # A network named by network_mode gives the container no aliases; one from `networks` always does.
    return "" if reading.identity.service in (endpoint.get("Aliases") or ()) else value


def attachments(reading: Reading) -> dict[str, Attachment]:
    """By the key of the network in the file; by its name where it is not the stack's own."""
    keys = reading.context.keys
    return {keys.get(point.network_id, point.network_name): _attachment(point) for point in endpoints(reading)}


def _attachment(point: Endpoint) -> Attachment:
    return Attachment(
        aliases=point.aliases,
        ipv4_address=point.ipv4_address,
        ipv6_address=point.ipv6_address,
        link_local_ips=point.link_local_ips,
        mac_address=point.mac_address,
        interface_name=point.interface_name,
        driver_opts=point.driver_opts,
        gw_priority=point.gw_priority,
    )


def endpoints(reading: Reading) -> tuple[Endpoint, ...]:
    """None for a container with a network_mode of its own: what the engine shows there is no network of the file's."""
    if mode(reading):
        return ()
    return tuple(_endpoint(name, value or {}, reading) for name, value in reading.endpoints.items())


def _endpoint(name: str, value: Mapping[str, Any], reading: Reading) -> Endpoint:
    addresses = value.get("IPAMConfig") or {}
    # A container that never ran has names of networks only; the engine looks them up at the first start.
    identifier, name = _network(name, value, reading)
    options = dict(value.get("DriverOpts") or {})
    first = reading.host.get("NetworkMode") in (name, identifier)
    return Endpoint(
        network_id=identifier,
        network_name=name,
        aliases=_given_aliases(value.get("Aliases") or (), reading),
        named=reading.identity.service in (value.get("Aliases") or ()),
        ipv4_address=addresses.get("IPv4Address") or "",
        ipv6_address=addresses.get("IPv6Address") or "",
        link_local_ips=tuple(addresses.get("LinkLocalIPs") or ()),
        mac_address=mac_address(reading, value) if first else "",
        interface_name=options.pop(INTERFACE_NAME_OPTION, ""),
        driver_opts=options,
        gw_priority=value.get("GwPriority") or 0,
    )


def _network(key: str, value: Mapping[str, Any], reading: Reading) -> tuple[str, str]:
    """Id and name of an endpoint's network: before the first start the engine only repeats how it was called, even by its id."""
    known = reading.context.network_ids
    name = next((name for name, identifier in known.items() if identifier == key), key)
    return value.get("NetworkID") or known.get(name, ""), name


def mac_address(reading: Reading, endpoint: Mapping[str, Any] | None = None) -> str:
    """The one that was given. A newer engine copies it to the container's config with the first start only."""
    given: str = reading.config.get("MacAddress") or ""
    if given or (reading.raw.get("State") or {}).get("Status") != "created":
        return given
    points = (endpoint,) if endpoint is not None else reading.endpoints.values()
    return next((point["MacAddress"] for point in points if point and point.get("MacAddress")), "")


def _given_aliases(aliases: Sequence[str], reading: Reading) -> tuple[str, ...]:
    """Without what every container is called. Older engines append the short id, and after it the host name."""
    short = labels.short_id(reading.id)
    given = aliases[: aliases.index(short)] if short in aliases else aliases
    implied = _implied(reading)
    return tuple(alias for alias in given if alias not in implied)


def _implied(reading: Reading) -> set[str]:
    """The names of the container now and by right: a rename by hand or half a rollout is no other alias."""
    who = reading.identity
    by_right = {naming.container(who.stack, who.service, who.slot, separator=sign) for sign in "-_"}
    return {reading.name, reading.final_name, who.service} | by_right


def ports(reading: Reading) -> tuple[Port, ...]:
    return tuple(
        Port(_number(key), binding.get("HostPort") or "", _protocol(key), binding.get("HostIp") or "")
        for key, bindings in (reading.host.get("PortBindings") or {}).items()
        for binding in bindings or ()
    )


def expose(reading: Reading) -> tuple[str, ...]:
    """Exposed and not published ports; the engine lists published ones here too."""
    published = reading.host.get("PortBindings") or {}
    exposed = {port for entry in reading.config.get("ExposedPorts") or () for port in exposed_ports(entry)}
    return tuple(sorted(exposed - set(published), key=lambda port: (_number(port), port)))


def _number(key: str) -> int:
    return int(key.partition("/")[0])


def _protocol(key: str) -> str:
    return key.partition("/")[2] or "tcp"


def links(reading: Reading) -> tuple[str, ...]:
    """``service:alias``; what Compose and we add for every link (``web-1``, the container's name) is left out."""
    found: list[str] = []
    for name, alias in _links(reading):
        service = _service(name, reading)
        if service and alias != name and not _is_numbered(service, alias):
            found.append(f"{service}:{alias}")
    return tuple(dict.fromkeys(found))


def _is_numbered(service: str, alias: str) -> bool:
    """``web-1``: also where the container itself is called otherwise."""
    return alias.startswith(f"{service}-") and alias.removeprefix(f"{service}-").isdigit()


def external_links(reading: Reading) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{name}:{alias}" for name, alias in _links(reading) if not _service(name, reading)))


def _links(reading: Reading) -> Iterator[tuple[str, str]]:
    """Pairs of container and alias, from endpoints or, on the default bridge, ``/name:/us/alias``."""
    for link in reading.host.get("Links") or ():
        name, _, path = link.partition(":")
        yield name.removeprefix("/"), path.rpartition("/")[2]
    for endpoint in reading.endpoints.values():
        for link in (endpoint or {}).get("Links") or ():
            name, _, alias = link.partition(":")
            yield name, alias


def _service(name: str, reading: Reading) -> str:
    """The service of a linked container; by its name's form when it is gone."""
    known = reading.context.services.get(name, "")
    prefix = f"{reading.context.stack}-"
    if known or not name.startswith(prefix):
        return known
    service, _, number = name.removeprefix(prefix).rpartition("-")
    return service if number.isdigit() else ""
