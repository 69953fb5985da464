"""What a container is given of files: bind strings and the Mounts API, judged alike."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.admission import images, labels, ownership, paths, reading, volumes
from orchestrator.admission.judging import Judge, Table, one_of, shown
from orchestrator.admission.reading import Unreadable
from orchestrator.model import shipment

_VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_SPREADING = ("shared", "rshared")
_KINDS = ("bind", "volume", "tmpfs", "image")


def binds(judge: Judge, field: str, value: Any) -> None:
    """``SOURCE:TARGET[:OPTIONS]``; a source that is no path is a volume."""
    source, options = _bind(reading.text(value))
    if source is None:
        return
    for option in options:
        if option in _SPREADING:
            judge.refuse("bind-propagation", field, option, f"{option} spreads mounts to the host")
    if source.startswith("/"):
        paths.look(judge, field, source, read_only="ro" in options)
    else:
        _named(judge, field, source)


def _bind(text: str) -> tuple[str | None, list[str]]:
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise Unreadable(f"{shown(text)} is no mount")
    if len(parts) == 1:
        return None, []
    return parts[0], parts[2].split(",") if len(parts) == 3 else []


def _named(judge: Judge, field: str, name: str) -> None:
    if not _VOLUME.fullmatch(name):
        judge.refuse("bind", field, name, f"{shown(name)} is neither an absolute path nor the name of a volume")
        return
    ownership.volume(judge, field, name)


def mounts(judge: Judge, field: str, value: Any) -> None:
    """An entry of the Mounts API."""
    judge.walk(MOUNT, value, field)
    found = reading.fields(value)
    kind, source = reading.text(found.get("type")), reading.text(found.get("source"))
    if kind == "bind":
        paths.look(judge, f"{field}.Source", source, read_only=found.get("readonly") is True)
    elif kind == "volume" and source:
        _named(judge, f"{field}.Source", source)
    elif kind == "image":
        images.look(judge, f"{field}.Source", source)
    elif kind not in _KINDS:
        judge.refuse("bind", f"{field}.Type", kind, f"mounts of type {shown(kind)}")


def _driver(judge: Judge, field: str, value: Any) -> None:
    found = reading.fields(value)
    volumes.volume_driver(judge, f"{field}.Name", found.get("name"))
    volumes.volume_options(judge, f"{field}.Options", found.get("options"))


def _walk(inner: Table) -> Any:
    return lambda judge, field, value: judge.walk(inner, value, field)


MOUNT: Table = {
    "Type": None,
    "Source": None,
    "Target": None,
    "ReadOnly": None,
    "Consistency": None,
    "BindOptions": _walk(
        {
            "Propagation": one_of(
                "bind-propagation", "{} spreads mounts to the host", ("private", "rprivate", "slave", "rslave")
            ),
            "NonRecursive": None,
            "CreateMountpoint": None,
            "ReadOnlyNonRecursive": None,
            "ReadOnlyForceRecursive": None,
        }
    ),
    "VolumeOptions": _walk({"NoCopy": None, "Labels": labels.of_mounts, "Subpath": None, "DriverConfig": _driver}),
    "TmpfsOptions": None,
    "ImageOptions": _walk({"Subpath": None}),
}


def taken_volumes(judge: Judge, field: str, value: Any) -> None:
    """Anonymous volumes by their targets: keys with a colon would be mounts."""
    for target in reading.entries(value):
        if ":" in target:
            judge.refuse("unreadable", field, target, f"{shown(target)} is no target")


def writable_copies(judge: Judge, field: str, value: Any) -> None:
    """Copies of configs and secrets are for reading; what is written there would be mounted from there again."""
    host = reading.fields(value)
    for _, one in reading.items(host.get("binds")):
        source, options = _bind(reading.text(one))
        if source and shipment.is_volume(source) and "ro" not in options:
            judge.refuse("foreign-volume", f"{field}.Binds", source, f"{shown(source)} is for reading only")
    for _, one in reading.items(host.get("mounts")):
        found = reading.fields(one)
        source = reading.text(found.get("source"))
        if found.get("type") == "volume" and shipment.is_volume(source) and found.get("readonly") is not True:
            judge.refuse("foreign-volume", f"{field}.Mounts", source, f"{shown(source)} is for reading only")
