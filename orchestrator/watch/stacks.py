"""The files that stacks are made from as a trigger: when one changes, "look at this stack again", and nothing more.

Whoever is told loads, plans and applies; what has changed is found there, never taken from here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator

from orchestrator.model.stack import Stack
from orchestrator.model.values import MountType
from orchestrator.watch.files import Batch, Files


class StackFiles:
    """``look_again`` gets the names of stacks, in one thread, several changes of a moment as one."""

    def __init__(self, look_again: Callable[[str], None]) -> None:
        self._look_again = look_again
        self._followed: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()
        self._files = Files(self._tell)

    def follow(self, stack: str, files: Iterable[str]) -> None:
        """Watch these files for ``stack`` from now on, in the place of those before."""
        with self._lock:
            self._followed[stack] = frozenset(files)
            self._arrange()

    def forget(self, stack: str) -> None:
        with self._lock:
            self._followed.pop(stack, None)
            self._arrange()

    def close(self) -> None:
        self._files.close()

    def _arrange(self) -> None:
        self._files.watch({path for files in self._followed.values() for path in files})

    def _tell(self, changed: Batch) -> None:
        with self._lock:
            concerned = [name for name, files in self._followed.items() if files & changed]
        for name in concerned:
            self._look_again(name)


def files_of(stack: Stack) -> frozenset[str]:
    """The files that a stack depends on: its spec, env and label files, configs, secrets, and files mounted into containers."""
    found = set(stack.sources)
    for service in stack.services.values():
        found |= {grant.source for grant in service.container.files if grant.source}
        found |= {mount.source for mount in service.container.mounts if _is_file(mount.type, mount.source)}
    found = {path for path in found if not os.path.isdir(path)}
    return frozenset(found | set(_targets(found)))


def _is_file(kind: MountType, source: str) -> bool:
    return kind is MountType.BIND and os.path.isfile(source)


def _targets(files: Iterable[str]) -> Iterator[str]:
    """Where links lead: the file behind one changes without the link."""
    for path in files:
        if os.path.islink(path):
            yield os.path.realpath(path)
