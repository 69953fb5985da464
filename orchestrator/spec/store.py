"""The host's own store of configs and secrets: what `external: true` means on one host.

A folder with ``configs/NAME`` and ``secrets/NAME``, kept by root. ``read`` answers with the content, or raises ``BadValue``: nobody
but its keeper may be able to read a secret or to change either.
"""

from __future__ import annotations

import os
import stat

from orchestrator.model.values import FileKind
from orchestrator.spec.hints import quoted
from orchestrator.spec.values import BadValue

FOLDER = "/etc/stack"
VARIABLE = "STACK_STORE"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def read(folder: str, kind: FileKind, name: str, limit: int) -> bytes:
    """The content of the config or secret ``name``."""
    if not name or not _PLAIN.issuperset(name) or name.startswith("."):
        raise BadValue(f"{quoted(name)} cannot be the name of an external {kind.value}", "use letters, digits, _ . -")
    shelf = os.path.join(folder, f"{kind.value}s")
    path = os.path.join(shelf, name)
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            _check(kind, shelf, path, os.fstat(file.fileno()))
            data = file.read(limit + 1)
    except OSError as error:
        raise _unreadable(kind, name, path, error) from None
    if len(data) > limit:
        raise BadValue(f"the external {kind.value} {quoted(path)} is too large", f"keep it below {limit >> 20} MiB")
    return data


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _unreadable(kind: FileKind, name: str, path: str, error: OSError) -> BadValue:
    what = f"the external {kind.value} {quoted(name)}"
    if isinstance(error, FileNotFoundError):
        return BadValue(f"{what} is not on this host: there is no {path}", f"write it there, or set {VARIABLE}")
    return BadValue(f"{what} cannot be read: {path}: {error.strerror}", "run as root, who keeps the store")


def _check(kind: FileKind, shelf: str, path: str, found: os.stat_result) -> None:
    """A file is as private as itself or its folder, whichever shuts more out."""
    if not stat.S_ISREG(found.st_mode):
        raise BadValue(f"{quoted(path)} is no regular file", f"write the {kind.value} there")
    around = os.stat(shelf)
    for one, place in ((found, path), (around, shelf)):
        if one.st_uid not in (0, os.geteuid()) or one.st_mode & 0o022:
            raise BadValue(f"{quoted(place)} can be changed by others", f"chown root {place}; chmod go-w {place}")
    if kind is FileKind.SECRET and found.st_mode & 0o044 and around.st_mode & 0o011:
        raise BadValue(f"the secret {quoted(path)} can be read by others", f"chmod 600 {path}")
