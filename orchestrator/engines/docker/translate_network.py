"""Rows of the translation for networks, ports and links, and the bodies of network calls.

Engines before API 1.44 take one endpoint at create; the other networks are then left as ``ConnectNetwork`` in the
draft, to be carried out at once after the create, so that the one action still means what the plan says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.engines.docker.draft import Draft, Wish
from orchestrator.engines.docker.labels import final_name
from orchestrator.engines.docker.surroundings import Surroundings
from orchestrator.engines.docker.terms import INTERFACE_NAME_OPTION, exposed_ports
from orchestrator.engines.docker.translate_host import shared
from orchestrator.model import naming
from orchestrator.model.actions import ConnectNetwork
from orchestrator.model.values import Attachment
from orchestrator.records import replace

SEVERAL_ENDPOINTS = (1, 44)
ENDPOINT_MAC = (1, 44)
GATEWAY_PRIORITY = (1, 48)
INTERFACE_NAME = (1, 49)


def mode(draft: Draft, wish: Wish) -> None:
    """The network the container starts with; none at all where the file gives it none."""
    wanted = wish.settings.network_mode
    draft.host["NetworkMode"] = shared(wanted, wish, "network") if wanted else next(iter(wish.action.networks), "none")


def endpoints(draft: Draft, wish: Wish) -> None:
    at_create, later = list(wish.action.networks.items()), []
    if wish.around.api < SEVERAL_ENDPOINTS:
        at_create, later = at_create[:1], at_create[1:]
    implied = implied_aliases(wish.action.container.name, wish.action.labels)
    container = wish.action.container
    if _goes_by_its_own_name(wish):
        implied = implied[:1]
        container = replace(container, service="")
        at_create, later = _without_aliases(at_create), _without_aliases(later)
    for number, (network, attachment) in enumerate(at_create):
        body = endpoint(attachment, implied, wish.around, primary=number == 0)
        peers = _endpoint_links(wish)
        draft.endpoints[network] = body | ({"Links": peers} if peers else {})
    draft.connect += [
        ConnectNetwork(container=container, network=network, attachment=attachment) for network, attachment in later
    ]


def _goes_by_its_own_name(wish: Wish) -> bool:
    """A container for one command does not answer for its service unless asked to."""
    return wish.action.oneoff is not None and not wish.action.oneoff.aliases


def _without_aliases(networks: list[tuple[str, Attachment]]) -> list[tuple[str, Attachment]]:
    return [(network, replace(attachment, aliases=())) for network, attachment in networks]


def implied_aliases(name: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    """What every container is called on its networks: its own (final) name, then its service's."""
    own = final_name(name, labels.get(naming.FINGERPRINT, ""))
    return tuple(dict.fromkeys(alias for alias in (own, labels.get(naming.SERVICE, "")) if alias))


def endpoint(
    attachment: Attachment, implied: Sequence[str], around: Surroundings, *, primary: bool = False
) -> dict[str, Any]:
    """The engine's settings of one endpoint."""
    names = implied if attachment.named else implied[:1]
    body: dict[str, Any] = {"Aliases": list(dict.fromkeys((*names, *attachment.aliases)))}
    addresses = {
        "IPv4Address": attachment.ipv4_address,
        "IPv6Address": attachment.ipv6_address,
        "LinkLocalIPs": list(attachment.link_local_ips),
    }
    if given := {key: value for key, value in addresses.items() if value}:
        body["IPAMConfig"] = given
    if options := _driver_opts(attachment, around):
        body["DriverOpts"] = options
    if attachment.gw_priority:
        around.need(GATEWAY_PRIORITY, "networks.gw_priority")
        body["GwPriority"] = attachment.gw_priority
    if attachment.mac_address and around.api >= ENDPOINT_MAC:
        body["MacAddress"] = attachment.mac_address
    elif attachment.mac_address and not primary:
        around.need(ENDPOINT_MAC, "a mac_address on another than the first network")
    return body


def _driver_opts(attachment: Attachment, around: Surroundings) -> dict[str, str]:
    options = dict(attachment.driver_opts)
    if attachment.interface_name:
        around.need(INTERFACE_NAME, "networks.interface_name")
        options[INTERFACE_NAME_OPTION] = attachment.interface_name
    return options


def mac_address(draft: Draft, wish: Wish) -> None:
    """The address of the first endpoint: a setting of the container on old engines, of the endpoint on newer ones."""
    first = next(iter(wish.action.networks.items()), None)
    wanted = wish.settings.mac_address or (first[1].mac_address if first else "")
    if not wanted:
        return
    if wish.around.api < ENDPOINT_MAC:
        draft.config["MacAddress"] = wanted
    elif first is not None:
        draft.endpoints[first[0]].setdefault("MacAddress", wanted)
    else:
        draft.endpoints[draft.host["NetworkMode"]] = {"MacAddress": wanted}


def ports(draft: Draft, wish: Wish) -> None:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in wish.settings.ports:
        key = f"{port.target}/{port.protocol or 'tcp'}"
        bindings.setdefault(key, []).append({"HostIp": port.host_ip, "HostPort": port.published})
    if bindings:
        draft.host["PortBindings"] = bindings
        draft.config["ExposedPorts"] = {key: {} for key in bindings}


def expose(draft: Draft, wish: Wish) -> None:
    exposed: dict[str, Any] = {port: {} for entry in wish.settings.expose for port in exposed_ports(entry)}
    if exposed:
        draft.config["ExposedPorts"] = draft.config.get("ExposedPorts", {}) | exposed


def links(draft: Draft, wish: Wish) -> None:
    """Legacy links, only on the default bridge; user-defined networks have theirs at the endpoints."""
    if wish.settings.links and not wish.action.networks:
        draft.host["Links"] = _service_links(wish)


def external_links(draft: Draft, wish: Wish) -> None:
    if wish.settings.external_links and not wish.action.networks:
        draft.host.setdefault("Links", []).extend(_external(wish))


def _endpoint_links(wish: Wish) -> list[str]:
    return [*_service_links(wish), *_external(wish)]


def _service_links(wish: Wish) -> list[str]:
    """As Compose: the alias, then ``service-number`` and the container's name for every replica."""
    found: list[str] = []
    for link in wish.settings.links:
        service, _, alias = link.partition(":")
        for peer in wish.around.peers.get(service, ()):
            aliases = (alias or service, f"{service}-{peer.slot}", peer.name)
            found += [f"{peer.name}:{name}" for name in aliases]
    return list(dict.fromkeys(found))


def _external(wish: Wish) -> list[str]:
    pairs = (link.partition(":") for link in wish.settings.external_links)
    return [f"{name}:{alias or name}" for name, _, alias in pairs]
