"""Whether a bind-mounted file is still the one that its path names: editors save by renaming, and the old one stays in.

Only where engine and caller share a host. Whoever may look into other processes sees what a container sees. Everybody else
has to go by what was noted when the container was made: a file that is another since, and was put there after the container's
start, is not what the container sees. No call of the engine tells: it mounts the files anew to read them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any

from orchestrator.model import naming
from orchestrator.model.container import Container
from orchestrator.model.values import MountType

Identity = tuple[int, int]


def replaced_files(raw: Mapping[str, Any], proc: str = "/proc") -> tuple[str, ...]:
    """Targets of the running container's single-file binds whose source is another file by now."""
    sources = {
        mount["Destination"]: file
        for mount in raw.get("Mounts") or ()
        if mount.get("Type") == "bind" and (file := _file(mount.get("Source") or "")) is not None
    }
    process = f"{proc}/{(raw.get('State') or {}).get('Pid') or 0}"
    if not sources:
        return ()
    if not _is_process_of(process, raw["Id"]):
        return _replaced_since_start(raw, sources)
    inside = {target: _mounted(process, target) for target in sources}
    return tuple(sorted(target for target, file in sources.items() if inside[target] not in (None, file)))


def inodes(settings: Container) -> str:
    """The note for a container's label: which files its single-file binds are at this moment."""
    binds = (mount for mount in settings.mounts if mount.type is MountType.BIND)
    found = ((mount.target, _file(mount.source)) for mount in binds)
    return ",".join(f"{target}={file[1]}" for target, file in sorted(found) if file is not None)


def _replaced_since_start(raw: Mapping[str, Any], sources: Mapping[str, Identity]) -> tuple[str, ...]:
    noted = ((raw.get("Config") or {}).get("Labels") or {}).get(naming.INODES, "")
    pairs = (entry.rpartition("=") for entry in noted.split(",") if entry)
    then = {target: number for target, _, number in pairs}
    started = _seconds((raw.get("State") or {}).get("StartedAt") or "")
    paths = {mount["Destination"]: mount.get("Source") or "" for mount in raw.get("Mounts") or ()}
    return tuple(
        sorted(
            target
            for target, file in sources.items()
            if then.get(target, str(file[1])) != str(file[1]) and _changed_at(paths[target]) > started
        )
    )


def _seconds(moment: str) -> float:
    """A moment as the engine writes it, in seconds since 1970; far away where it is none."""
    from datetime import datetime

    head, _, fraction = moment.removesuffix("Z").partition(".")
    try:
        return datetime.fromisoformat(f"{head}+00:00").timestamp() + float(f"0.{fraction or 0}")
    except ValueError:
        return float("inf")


def _changed_at(path: str) -> float:
    try:
        return os.stat(path).st_ctime
    except OSError:
        return 0.0


def _file(path: str) -> Identity | None:
    """A regular file's identity; None for folders, sockets and what cannot be seen."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _is_process_of(process: str, container_id: str) -> bool:
    """Whether that process id means the container's process here: the engine may count processes of its own."""
    try:
        with open(f"{process}/cgroup", encoding="utf-8") as file:
            return container_id in file.read()
    except OSError:
        return False


def _mounted(process: str, target: str) -> Identity | None:
    """The file at ``target`` as the process sees it. Only real mount points are asked: no symbolic link leads there."""
    try:
        with open(f"{process}/mountinfo", encoding="utf-8") as file:
            points = {line.split(" ", 5)[4] for line in file}
        if target.replace(" ", "\\040") not in points:
            return None
        found = os.stat(f"{process}/root{target}")
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
