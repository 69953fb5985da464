"""Networks and volumes as the bodies of the engine's create calls: pure."""

from __future__ import annotations

from typing import Any

from orchestrator.engines.docker.surroundings import Surroundings
from orchestrator.model.stack import AddressPool, Network, Volume

NETWORK_WITHOUT_IPV4 = (1, 48)


def network(wanted: Network, around: Surroundings) -> dict[str, Any]:
    """``CheckDuplicate`` matters to engines before API 1.44 alone, which allow several networks of one name."""
    body: dict[str, Any] = {
        "Name": wanted.name,
        "CheckDuplicate": True,
        "Driver": wanted.driver or "bridge",
        "Options": dict(wanted.driver_opts),
        "Internal": wanted.internal,
        "Attachable": wanted.attachable,
        "Labels": dict(wanted.labels),
    }
    if wanted.enable_ipv6 is not None:
        body["EnableIPv6"] = wanted.enable_ipv6
    if wanted.enable_ipv4 is not None:
        if not wanted.enable_ipv4:
            around.need(NETWORK_WITHOUT_IPV4, "networks.enable_ipv4: false")
        body["EnableIPv4"] = wanted.enable_ipv4
    if wanted.ipam or wanted.ipam_driver or wanted.ipam_options:
        body["IPAM"] = {
            "Driver": wanted.ipam_driver or "default",
            "Config": [_pool(pool) for pool in wanted.ipam],
            "Options": dict(wanted.ipam_options),
        }
    return body


def _pool(pool: AddressPool) -> dict[str, Any]:
    parts = {
        "Subnet": pool.subnet,
        "IPRange": pool.ip_range,
        "Gateway": pool.gateway,
        "AuxiliaryAddresses": dict(pool.aux_addresses),
    }
    return {key: value for key, value in parts.items() if value}


def volume(wanted: Volume) -> dict[str, Any]:
    body: dict[str, Any] = {"Name": wanted.name, "Labels": dict(wanted.labels)}
    if wanted.driver:
        body["Driver"] = wanted.driver
    if wanted.driver_opts:
        body["DriverOpts"] = dict(wanted.driver_opts)
    return body
