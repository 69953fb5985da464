"""Who makes a change, and from where: the user, the host, the files, and the commit that their folder is checked out at.

The commit is read from the files of ``.git``, a few of them and never much of one. The git program is not run: it would
obey the configuration and the hooks of a folder that somebody else may have written, and it would cost more than
everything else that a run remembers. Whether files were edited since the checkout is therefore not known.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

_MOST = 4096  # bytes of a small file of git
_MOST_PACKED = 16 * 1024 * 1024
_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_REFERENCE = re.compile(r"refs/[\w./@+#=-]+\Z")


def who(environment: Mapping[str, str]) -> dict[str, str]:
    """The user and the host; with sudo also who asked for it."""
    found = {"user": _user(), "host": os.uname().nodename}
    behind = environment.get("SUDO_USER", "")
    return found | ({"sudo": behind} if behind and behind != found["user"] else {})


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def where(directory: str, files: tuple[str, ...]) -> dict[str, Any]:
    """The folder, the files, and the commit."""
    return {"directory": directory, "files": list(files), **commit(directory)}


def commit(directory: str) -> dict[str, str]:
    """``{"commit": ..., "branch": ...}`` of the checkout that ``directory`` is in; what is not known is left out."""
    for parent in _parents(directory):
        marker = os.path.join(parent, ".git")
        if os.path.lexists(marker):
            return _head(_repository(parent, marker))
    return {}


def _parents(directory: str) -> Iterator[str]:
    current = os.path.abspath(directory) if directory else ""
    while current:
        yield current
        above = os.path.dirname(current)
        current = above if above != current else ""


def _repository(parent: str, marker: str) -> str:
    """The folder behind ``.git``, which is a file in worktrees and submodules."""
    if os.path.isdir(marker):
        return marker
    kind, _, path = _read(marker).partition(": ")
    return os.path.join(parent, path.strip()) if kind == "gitdir" else ""


def _head(repository: str) -> dict[str, str]:
    head = _read(os.path.join(repository, "HEAD")).strip()
    if _OBJECT.match(head):
        return {"commit": head}
    reference = head.removeprefix("ref: ").strip()
    if not repository or not _REFERENCE.match(reference) or ".." in reference:
        return {}
    branch = {"branch": reference.removeprefix("refs/heads/")}
    for folder in (repository, os.path.join(repository, _read(os.path.join(repository, "commondir")).strip())):
        found = _read(os.path.join(folder, reference)).strip() or _packed(folder, reference)
        if _OBJECT.match(found):
            return {"commit": found, **branch}
    return branch


def _packed(repository: str, reference: str) -> str:
    for line in _read(os.path.join(repository, "packed-refs"), _MOST_PACKED).splitlines():
        found, _, name = line.partition(" ")
        if name == reference:
            return found
    return ""


def _read(path: str, most: int = _MOST) -> str:
    """The beginning of a plain file; nothing where there is none, and never a wait for a pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        with os.fdopen(handle, "rb") as file:
            return file.read(most).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
