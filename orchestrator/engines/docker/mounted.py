"""Whether a bind-mounted file is still the one that its path names: editors save by renaming, and the old one stays in.

Only where engine and caller share a host and its process ids, and the caller may look into other processes;
otherwise nothing is known, and nothing is said.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any

Identity = tuple[int, int]


def replaced_files(raw: Mapping[str, Any], proc: str = "/proc") -> tuple[str, ...]:
    """Targets of the running container's single-file binds whose source is another file by now."""
    sources = {
        mount["Destination"]: file
        for mount in raw.get("Mounts") or ()
        if mount.get("Type") == "bind" and (file := _file(mount.get("Source") or "")) is not None
    }
    process = f"{proc}/{(raw.get('State') or {}).get('Pid') or 0}"
    if not sources or not _is_process_of(process, raw["Id"]):
        return ()
    inside = {target: _mounted(process, target) for target in sources}
    return tuple(sorted(target for target, file in sources.items() if inside[target] not in (None, file)))


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
