"""Networks, volumes and images as observed, from the engine's answers about them: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker.readback import image_defaults
from orchestrator.model import naming
from orchestrator.model.observed import ObservedImage, ObservedNetwork, ObservedVolume
from orchestrator.model.stack import AddressPool

Json = Mapping[str, Any]


def network(raw: Json, stack: str) -> ObservedNetwork:
    given = raw.get("Labels") or {}
    owned = given.get(naming.PROJECT) == stack
    ipam = raw.get("IPAM") or {}
    return ObservedNetwork(
        id=raw["Id"],
        name=raw["Name"],
        key=given.get(naming.NETWORK, "") if owned else "",
        owned=owned,
        driver=raw.get("Driver") or "",
        driver_opts=dict(raw.get("Options") or {}),
        internal=bool(raw.get("Internal")),
        attachable=bool(raw.get("Attachable")),
        enable_ipv4=raw.get("EnableIPv4"),
        enable_ipv6=bool(raw.get("EnableIPv6")),
        ipam_driver=ipam.get("Driver") or "",
        ipam_options=dict(ipam.get("Options") or {}),
        ipam=tuple(_pool(pool) for pool in ipam.get("Config") or ()),
        labels=dict(given),
        created_at=raw.get("Created") or "",
        attached=tuple(sorted(raw.get("Containers") or ())),
    )


def _pool(raw: Json) -> AddressPool:
    return AddressPool(
        subnet=raw.get("Subnet") or "",
        ip_range=raw.get("IPRange") or "",
        gateway=raw.get("Gateway") or "",
        aux_addresses=dict(raw.get("AuxiliaryAddresses") or {}),
    )


def volume(raw: Json, stack: str) -> ObservedVolume:
    given = raw.get("Labels") or {}
    owned = given.get(naming.PROJECT) == stack
    return ObservedVolume(
        name=raw["Name"],
        key=given.get(naming.VOLUME, "") if owned else "",
        owned=owned,
        driver=raw.get("Driver") or "",
        driver_opts=dict(raw.get("Options") or {}),
        labels=dict(given),
    )


def image(reference: str, raw: Json) -> ObservedImage:
    defaults = image_defaults(raw)
    tagged = (raw.get("Metadata") or {}).get("LastTagTime") or ""
    return ObservedImage(
        reference=reference,
        id=raw["Id"],
        defaults=defaults,
        created_at=raw.get("Created") or "",
        tagged_at="" if tagged.startswith("0001-") else tagged,
        digests=tuple(raw.get("RepoDigests") or ()),
        labels=defaults.labels,
        built=((raw.get("Config") or {}).get("Labels") or {}).get(naming.BUILT, ""),
    )
