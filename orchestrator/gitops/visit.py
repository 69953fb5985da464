"""A look at another commit of a repository that this host has already, which leaves nothing behind.

A ``Visit`` fetches into the mirror that is there, but keeps what it fetched under a reference of its own, lays it out into a folder
of its own, and takes both away at the end. What is laid out already is found as the host has it, so that mounts that do not change
are seen where they lie. Heads, notes and the checkouts of others are not written to.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress

from orchestrator.errors import StackError
from orchestrator.gitops import mirrors
from orchestrator.gitops.checkouts import Checkouts
from orchestrator.gitops.git import Access, Caps
from orchestrator.gitops.repository import Extent, Ref, Repository

_REFS = "refs/stack-visit"
_FOLDER = "-visit-"
_OLD = 3600.0  # seconds after which whoever made it has surely gone


class Visit(Repository):
    """``leave`` takes away what it brought. One look, one object."""

    def __init__(
        self,
        url: str,
        directory: str,
        access: Access | None = None,
        *,
        caps: Caps | None = None,
        extent: Extent | None = None,
    ) -> None:
        super().__init__(url, directory, access, caps=caps, extent=extent)
        self._token = secrets.token_hex(8)
        self._there = self._checkouts
        self._beside = os.path.join(self.directory, "checkouts")
        self._checkouts = Checkouts(self._beside, f"{self.extent.suffix}{_FOLDER}{self._token}")
        self._home = os.path.join(self.directory, f"modules{_FOLDER}{self._token}")  # submodules, each with a mirror
        self._tags: dict[str, str] = {}

    def complete(self, commit: str) -> str | None:
        return self._there.complete(commit)

    def leave(self) -> None:
        """Take away what was brought, and what visits that were killed have left."""
        self._remove(lambda name, age: name.endswith(self._token) or age > _OLD)
        try:
            with self.git.within(self.caps.seconds), self.held():
                self._drop(f"{_REFS}/{self._token}")
                for tag, before in self._tags.items():
                    if before:
                        self._run("update-ref", tag, before)
                    else:
                        self._drop(tag)
                for name in [name for name, age in _aged(os.path.join(self.mirror, _REFS)) if age > _OLD]:
                    self._drop(f"{_REFS}/{name}")
        except (StackError, OSError):
            pass  # the next one clears it away

    def _kept_at(self, ref: Ref) -> str:
        del ref
        return f"{_REFS}/{self._token}"

    def _call(self, tag: str, kept: str) -> None:
        self._tags.setdefault(tag, mirrors.tip(self.mirror, tag))
        super()._call(tag, kept)

    def _drop(self, name: str) -> None:
        if mirrors.tip(self.mirror, name):
            self._run("update-ref", "-d", name)

    def _remove(self, goes: Callable[[str, float], bool]) -> None:
        """Remove what visits laid out whose name, and age in seconds, say that they go."""
        for folder in (self.directory, self._beside):
            for name, age in _aged(folder):
                if _FOLDER in name and goes(name, age):
                    path = os.path.join(folder, name)
                    shutil.rmtree(path, ignore_errors=True)
                    with suppress(OSError):  # the mark of a checkout
                        os.unlink(path)


def _aged(folder: str) -> list[tuple[str, float]]:
    """What is in a folder, and for how many seconds it has not changed."""
    now = time.time()
    with suppress(OSError), os.scandir(folder) as found:
        return [(one.name, now - one.stat(follow_symlinks=False).st_mtime) for one in found]
    return []
