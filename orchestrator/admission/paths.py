"""Which folders and files of the host a container may be given.

Those of the checkout, what the policy names, and what we made ourselves: copies of configs and secrets. A path is judged as it is
written and once more with its links resolved; where it leads decides. Some places are never part of a larger grant: only one that
names them, or what is in them, counts.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat

from orchestrator.admission.judging import Judge, shown
from orchestrator.model import shipment

GUARDED = (
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/boot",
    "/run",
    "/var/run",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/stack",
    "/etc/stack",
)
_COPY = re.compile(r"[0-9]+")


def look(judge: Judge, field: str, source: str, *, read_only: bool) -> None:
    """Refuse ``source`` unless a container may have it."""
    if not source.startswith("/") or "\0" in source:
        judge.refuse("bind", field, source, f"{shown(source)} is no absolute path")
        return
    written = posixpath.normpath(source).replace("//", "/")
    if _is_ours(judge, written, read_only):
        return
    real = os.path.realpath(written) if judge.setting.local else written
    for path in dict.fromkeys((written, real)):
        if not _permitted(judge, path, read_only):
            leads = f", which leads to {shown(path)}," if path != written else ""
            kind = "read only" if not read_only and _permitted(judge, path, True) else "a file of the host"
            what = f"may only be mounted {kind}" if kind == "read only" else f"is {kind} outside the checkout"
            judge.refuse("bind", field, source, f"{shown(source)}{leads} {what}")
            return
    if _is_socket(real) and real not in _granted_paths(judge):
        judge.refuse("bind", field, source, f"{shown(source)} is a socket")


def inside(folder: str, path: str) -> bool:
    """Whether ``path`` is ``folder`` or in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def contained(judge: Judge, path: str) -> bool:
    """Whether a file is in the checkout, links resolved."""
    roots = judge.setting.roots
    real = os.path.realpath(path)
    return any(inside(root, path) or inside(os.path.realpath(root), path) for root in roots) and any(
        inside(os.path.realpath(root), real) for root in roots
    )


def granted(judge: Judge, path: str, *, read_only: bool) -> bool:
    """Whether the policy names it under ``binds``."""
    wide_enough = False
    for grant, only_read in _grants(judge):
        if inside(grant, path) and (read_only or not only_read):
            wide_enough |= all(inside(place, grant) or grant == path for place in _touched(judge, path))
    return wide_enough


def _permitted(judge: Judge, path: str, read_only: bool) -> bool:
    roots = judge.setting.roots
    in_checkout = any(inside(root, path) or inside(os.path.realpath(root), path) for root in roots)
    return in_checkout or granted(judge, path, read_only=read_only)


def _touched(judge: Judge, path: str) -> list[str]:
    """Guarded places that a path is in, or that are in it."""
    places = (*GUARDED, *judge.setting.sockets, *judge.world.sockets())
    return [place for place in places if inside(place, path) or inside(path, place)]


def _grants(judge: Judge) -> list[tuple[str, bool]]:
    """Paths of ``binds``, as written and resolved, and whether each is for reading alone."""
    found = []
    for grant in judge.grants.binds:
        path, only_read = grant.removesuffix(":ro"), grant.endswith(":ro")
        written = posixpath.normpath(path.removesuffix(":rw"))
        found.append((written, only_read))
        if judge.setting.local:
            found.append((os.path.realpath(written), only_read))
    return found


def _granted_paths(judge: Judge) -> set[str]:
    return {path for path, _ in _grants(judge)}


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path, follow_symlinks=False).st_mode)
    except (OSError, ValueError):
        return False


def _is_ours(judge: Judge, path: str, read_only: bool) -> bool:
    """Copies of the stack's own configs and secrets: in a volume of its own, or in memory. Links there lead nowhere."""
    setting = judge.setting
    if not read_only or (setting.local and os.path.islink(path)):
        return False
    if setting.kept and inside(setting.kept, path) and shipment.folder_of(path):
        return True
    volume = shipment.volume_of(path)
    if not volume or judge.world.owner("volume", volume) != setting.stack:
        return False
    place = judge.world.mountpoint(volume)
    return bool(place) and _folder(path) == place and _COPY.fullmatch(_name(path)) is not None


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _name(path: str) -> str:
    return path.rpartition("/")[2]
