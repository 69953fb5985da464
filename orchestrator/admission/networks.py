"""Networks: whose they are, what they are made of, and a container's place on them."""

from __future__ import annotations

import ipaddress
from typing import Any

from orchestrator.admission import labels, ownership, reading
from orchestrator.admission.judging import Judge, Table, each, never, one_of, shown, table
from orchestrator.admission.reading import Unreadable

_OPTIONS = frozenset(
    (
        "com.docker.network.bridge.enable_icc",
        "com.docker.network.bridge.enable_ip_masquerade",
        "com.docker.network.bridge.host_binding_ipv4",
        "com.docker.network.bridge.inhibit_ipv4",
        "com.docker.network.driver.mtu",
        "com.docker.network.container_iface_prefix",
        "com.docker.network.enable_ipv4",
        "com.docker.network.enable_ipv6",
    )
)
_ENDPOINT_OPTIONS = frozenset(("com.docker.network.endpoint.ifname", "com.docker.network.endpoint.sysctls"))
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "198.18.0.0/15",
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "fc00::/7",
        "2001:db8::/32",
    )
)
_GATEWAY_MODES = (
    "com.docker.network.bridge.gateway_mode_ipv4",
    "com.docker.network.bridge.gateway_mode_ipv6",
)


def _endpoint_options(judge: Judge, field: str, value: Any) -> None:
    for name in reading.entries(value):
        if name not in _ENDPOINT_OPTIONS:
            judge.refuse("network-option", field, name, f"the option {shown(name)}")


def _network_id(judge: Judge, field: str, value: Any) -> None:
    ownership.network(judge, field, reading.text(value))


def _container(judge: Judge, field: str, value: Any) -> None:
    ownership.container(judge, field, reading.text(value))


ENDPOINT: Table = {
    "IPAMConfig": table({"IPv4Address": None, "IPv6Address": None, "LinkLocalIPs": None}),
    "Links": each(ownership.link),
    "Aliases": None,
    "MacAddress": None,
    "DriverOpts": _endpoint_options,
    "GwPriority": None,
    "NetworkID": _network_id,
}


def _options(judge: Judge, field: str, value: Any) -> None:
    for name, said in reading.entries(value).items():
        if name in _GATEWAY_MODES and said in ("nat", "isolated"):
            continue
        if name not in _OPTIONS:
            judge.refuse("network-option", field, name, f"the option {shown(name)} reaches beyond the network")


def _pool(judge: Judge, field: str, value: Any) -> None:
    judge.walk({"Subnet": _subnet, "IPRange": None, "Gateway": None, "AuxiliaryAddresses": None}, value, field)


def _subnet(judge: Judge, field: str, value: Any) -> None:
    """Private addresses alone: any other would take traffic of the host that is meant for somebody else."""
    text = reading.text(value)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Unreadable(f"{shown(text)!r} is no subnet") from None
    if not any(network.version == own.version and network.subnet_of(own) for own in _PRIVATE):  # type: ignore[arg-type]
        judge.refuse("network-subnet", field, text, f"{text} is not a private subnet")


NETWORK: Table = {
    "Name": lambda judge, field, value: ownership.network(judge, field, reading.text(value)),
    "CheckDuplicate": None,
    "Driver": one_of("network-driver", "the network driver {}", ("bridge",), "network_drivers"),
    "Internal": None,
    "Attachable": None,
    "EnableIPv4": None,
    "EnableIPv6": None,
    "Options": _options,
    "IPAM": table(
        {
            "Driver": one_of("network-driver", "the address driver {}", ("default",), "network_drivers"),
            "Options": never("network-option", "options of the address driver"),
            "Config": each(_pool),
        }
    ),
    "Labels": labels.look,
}


def create(judge: Judge, body: Any) -> None:
    """The body of a create call. Options are judged as the bridge's; what another driver that is permitted reads is its own."""
    found = reading.fields(body)
    judge.walk({**NETWORK, "Options": None} if found.get("driver") in judge.grants.network_drivers else NETWORK, body)
    judge.look(labels.require_own, "Labels", found.get("labels"))


def connect(judge: Judge, body: Any) -> None:
    judge.walk({"Container": _container, "EndpointConfig": table(ENDPOINT)}, body)


def disconnect(judge: Judge, body: Any) -> None:
    judge.walk({"Container": _container, "Force": None}, body)
