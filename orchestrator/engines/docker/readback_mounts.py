"""Rows of reading back: mounts in all the ways the engine writes them (mirror of ``translate_mounts``).

Read from what was asked for, not from what is mounted, so that volumes the engine or an image added do not count.
Configs and secrets that are bind mounts come out as plain read-only binds: the engine does not know them from
others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker.reading import Reading
from orchestrator.engines.docker.terms import RECURSION
from orchestrator.model import shipment
from orchestrator.model.values import Mount, MountType

_PROPAGATION = frozenset({"shared", "slave", "private", "rshared", "rslave", "rprivate"})
_ANONYMOUS_LABEL = "com.docker.volume.anonymous"
_HEX = frozenset("0123456789abcdef")


def mounts(reading: Reading) -> tuple[Mount, ...]:
    host = reading.host
    return (
        *(_of_bind_string(text) for text in host.get("Binds") or ()),
        *(_of_mount(mount) for mount in host.get("Mounts") or () if not is_copy(mount.get("Source") or "")),
        *(Mount(MountType.TMPFS, target, tmpfs_options=text) for target, text in (host.get("Tmpfs") or {}).items()),
    )


def anonymous_volumes(reading: Reading) -> dict[str, str]:
    """Targets and names of mounted volumes that have no name of their own, image-declared ones too."""
    found = (mount for mount in reading.raw.get("Mounts") or () if mount.get("Type") == "volume")
    return {mount["Destination"]: mount["Name"] for mount in found if is_anonymous(mount.get("Name") or "")}


def is_copy(source: str) -> bool:
    """Whether it leads to copies of configs, secrets and files: a label tells what these hold."""
    return shipment.is_volume(source) or bool(shipment.volume_of(source) or shipment.folder_of(source))


def copies(reading: Reading) -> tuple[str, ...]:
    """The volumes with copies of files that are mounted, and the folders with secrets in memory."""
    names = {mount.get("Name") or "" for mount in reading.raw.get("Mounts") or () if mount.get("Type") == "volume"}
    folders = {shipment.folder_of(mount.get("Source") or "") for mount in reading.host.get("Mounts") or ()}
    return tuple(sorted({name for name in names if shipment.is_volume(name)} | folders - {""}))


def is_anonymous(name: str) -> bool:
    """Whether the engine made this name up: 64 hexadecimal digits."""
    return len(name) == 64 and _HEX.issuperset(name)


def volumes_from(reading: Reading) -> tuple[str, ...]:
    return tuple(_volumes_from(entry, reading) for entry in reading.host.get("VolumesFrom") or ())


def _volumes_from(entry: str, reading: Reading) -> str:
    name, _, mode = entry.partition(":")
    service = reading.context.services.get(name, "")
    suffix = f":{mode}" if mode not in ("", "rw") else ""
    return (service or f"container:{name}") + suffix


def _of_bind_string(text: str) -> Mount:
    """``source:target[:options]``, or a target alone for an anonymous volume."""
    source, _, rest = text.partition(":")
    if not rest:
        return Mount(MountType.VOLUME, source)
    target, _, options = rest.partition(":")
    words = options.split(",")
    of_host = source.startswith("/")
    return Mount(
        MountType.BIND if of_host else MountType.VOLUME,
        target,
        source=source if of_host or not is_anonymous(source) else "",
        read_only="ro" in words,
        create_host_path=of_host,
        propagation=next((word for word in words if word in _PROPAGATION), ""),
        selinux=next((word for word in words if word in ("z", "Z")), ""),
        nocopy="nocopy" in words,
    )


def _of_mount(mount: Mapping[str, Any]) -> Mount:
    kind = MountType(mount["Type"])
    bind, volume, tmpfs, image = (mount.get(f"{part}Options") or {} for part in ("Bind", "Volume", "Tmpfs", "Image"))
    source: str = mount.get("Source") or ""
    return Mount(
        kind,
        mount["Target"],
        source="" if kind is MountType.VOLUME and is_anonymous(source) else source,
        read_only=bool(mount.get("ReadOnly")),
        consistency=mount.get("Consistency") or "",
        create_host_path=bool(bind.get("CreateMountpoint")),
        propagation=bind.get("Propagation") or "",
        recursive=next((word for word, key in RECURSION.items() if bind.get(key)), ""),
        nocopy=bool(volume.get("NoCopy")),
        subpath=volume.get("Subpath") or image.get("Subpath") or "",
        labels={key: value for key, value in (volume.get("Labels") or {}).items() if key != _ANONYMOUS_LABEL},
        tmpfs_size=tmpfs.get("SizeBytes") or None,
        tmpfs_mode=tmpfs.get("Mode") or None,
    )
