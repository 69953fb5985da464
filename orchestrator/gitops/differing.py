"""Which folders a commit has changed, as far as that is soon told: those are looked at first, and nothing else depends on it.

Each look at a stack is a process that reads it, so the one that a push is about would wait for all the others. Files are compared
by kind and size, and small ones by content; a change that this does not see is seen when its turn comes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from orchestrator import beneath

SMALL = 64 << 10  # bytes of a file whose content is compared
MOST = 1_000  # entries of a folder that are looked at


def changed_first(folders: Mapping[str, str], before: str, after: str) -> list[str]:
    """Stacks, given with their folders in a checkout, in the order in which they are looked at. ``before`` may be no checkout."""

    def is_same(name: str) -> bool:
        return bool(before) and not differs(os.path.join(before, folders[name]), os.path.join(after, folders[name]))

    return sorted(folders, key=is_same)


def differs(before: str, after: str) -> bool:
    """Whether something lies in one of two folders and not in the other, or not as it is there."""
    return _entries(before) != _entries(after)


def _entries(folder: str) -> dict[str, tuple[int, int, bytes]]:
    found: dict[str, tuple[int, int, bytes]] = {}
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if len(found) == MOST:
                return found
            path = os.path.join(place, name)
            found[os.path.relpath(path, folder)] = _entry(path)
    return found


def _entry(path: str) -> tuple[int, int, bytes]:
    try:
        about = os.lstat(path)
        if stat.S_ISREG(about.st_mode) and about.st_size <= SMALL:
            with beneath.opened(path) as file:
                return about.st_mode, about.st_size, file.read(SMALL)
        return about.st_mode, about.st_size, os.fsencode(os.readlink(path)) if stat.S_ISLNK(about.st_mode) else b""
    except (OSError, beneath.Outside):
        return 0, 0, b""
