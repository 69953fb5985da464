"""Fingerprints: keyed hashes that say whether two things are the same without telling what they are.

A fingerprint covers everything of a service whose change needs a new container. It names a version (for replacements,
labels and for what was held back); it never decides alone that a container is replaced. Digests stand for the contents of
configs and secrets. Both are HMAC-SHA256 under the host's key, so that labels leak no secret to whoever can read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.model.canonical import ON_CHANGE, canonical
from orchestrator.model.container import OnChange
from orchestrator.model.stack import Network, Service, Stack, Volume
from orchestrator.model.values import FileGrant


def of(service: Service, stack: Stack, image_id: str = "") -> str:
    """The fingerprint of a service's containers; ``image_id``: what the image's reference stands for now, if known."""
    settings = canonical(service.container)
    covered = {name: value for name, value in settings.items() if ON_CHANGE[name] is OnChange.REPLACE}
    covered["image"] = image_id or service.container.image
    covered["files"] = {
        grant.target: (grant.digest, grant.uid, grant.gid, grant.mode) for grant in service.container.files
    }
    return _keyed(stack.key, covered)


def of_files(grants: Iterable[FileGrant], key: bytes) -> str:
    """A version of copied files: what they hold, where they go, and whose they are."""
    return _keyed(key, {grant.target: (grant.digest, grant.uid, grant.gid, grant.mode) for grant in grants})


def of_network(network: Network) -> str:
    """A mark of a network's definition. All of it can be read off the engine anyway, so it needs no key, and costs little."""
    import json
    import zlib

    pools = [[pool.subnet, pool.ip_range, pool.gateway, dict(pool.aux_addresses)] for pool in network.ipam]
    text = json.dumps(
        {
            "driver": network.driver,
            "driver_opts": dict(network.driver_opts),
            "internal": network.internal,
            "attachable": network.attachable,
            "enable_ipv4": network.enable_ipv4,
            "enable_ipv6": network.enable_ipv6,
            "ipam_driver": network.ipam_driver,
            "ipam_options": dict(network.ipam_options),
            "ipam": pools,
            "labels": dict(network.labels),
        },
        sort_keys=True,
    )
    return f"{zlib.crc32(text.encode()):08x}"


def of_volume(volume: Volume, key: bytes) -> str:
    """The fingerprint of a volume's definition."""
    return _keyed(key, {"driver": volume.driver, "driver_opts": volume.driver_opts, "labels": volume.labels})


def digest(key: bytes, content: bytes) -> str:
    """``keyid:hex`` of a config's or secret's content. Only digests under one key can be compared, hence the key's id."""
    return f"{key_id(key)}:{_hmac(key, b'content' + content)}"


def same_content(one: str, other: str) -> bool | None:
    """Whether two digests stand for the same content; ``None`` where they were made with different keys."""
    if one.partition(":")[0] != other.partition(":")[0]:
        return None
    return one == other


def key_id(key: bytes) -> str:
    """What tells one key from another, and nothing of the key itself."""
    return _hmac(key, b"key id")[:8]


def _keyed(key: bytes, value: Mapping[str, Any]) -> str:
    import json

    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict)
    return _hmac(key, text.encode())


def _hmac(key: bytes, content: bytes) -> str:
    import hmac

    return hmac.digest(key, content, "sha256").hex()
