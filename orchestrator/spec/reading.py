"""How the loader reads files: from disk, from what was handed in instead, or from below a folder and nowhere else.

``Files`` is asked with absolute paths. ``contents`` says what a path holds whatever the disk says (a file that was decrypted, or
one that the host lends); ``within`` are the only folders that anything else is read from, all of the disk where there are none.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from orchestrator.beneath import Beneath, Outside, shown
from orchestrator.errors import Where


class Files:
    """Where the files of one load come from."""

    def __init__(self, contents: Mapping[str, bytes] | None = None, within: tuple[Beneath, ...] = ()) -> None:
        self._contents, self._within = contents or {}, within

    @property
    def contained(self) -> bool:
        return bool(self._within)

    def read(self, path: str, most: int, where: Where | None = None) -> bytes:
        """Up to ``most`` bytes. Raises OSError as ``open`` does, and Outside (at ``where``) for what may not be read."""
        if path in self._contents:
            return self._contents[path][:most]
        if not self._within:
            with open(path, "rb") as file:
                return file.read(most)
        try:
            return self._beneath(path).read(path, most)
        except Outside as problem:
            raise Outside(problem.message, where=where, hint=problem.hint) from None

    def exists(self, path: str, where: Where | None = None) -> bool:
        return self._kind(path, where) != 0

    def is_folder(self, path: str, where: Where | None = None) -> bool:
        return self._kind(path, where) == stat.S_IFDIR

    def is_file(self, path: str, where: Where | None = None) -> bool:
        return self._kind(path, where) == stat.S_IFREG

    def check(self, path: str, where: Where | None = None) -> None:
        """Raises Outside for a path that leads out; what is not there leads nowhere."""
        if self._within:
            self._kind(path, where)

    def _kind(self, path: str, where: Where | None) -> int:
        if path in self._contents:
            return stat.S_IFREG
        try:
            if self._within:
                return self._beneath(path).kind(path)
            return stat.S_IFMT(os.stat(path).st_mode)
        except Outside as problem:
            raise Outside(problem.message, where=where, hint=problem.hint) from None
        except (OSError, ValueError):
            return 0

    def _beneath(self, path: str) -> Beneath:
        if "\0" in path:
            raise ValueError("embedded null byte")
        for folder in self._within:
            if folder.has(os.path.normpath(path)):
                return folder
        raise Outside(f"{shown(path)} lies outside of the repository")


DISK = Files()
