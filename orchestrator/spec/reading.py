"""How the loader reads files: from disk, from what was handed in instead, or from below a folder and nowhere else.

``Files`` is asked with absolute paths. ``contents`` says what a path holds whatever the disk says (a file that was decrypted, or
one that the host lends); ``within`` are the only folders that anything else is read from, all of the disk where there are none.

A file that is encrypted and for which no plain text was given is ``Encrypted``: whoever has keys decrypts the files it names and
loads again with ``decrypted``. So the loader needs no keys, and decrypted text is in no file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping

from orchestrator.beneath import Beneath, Outside, shown
from orchestrator.errors import SpecError, Where
from orchestrator.model.encrypted import form_of
from orchestrator.model.stored import SCHEME

_SMALL = 1 << 20  # bytes of a file that is looked at only to warn


class Encrypted(SpecError):
    """Files that are needed are encrypted. ``where.file`` is the absolute path of one, the ``others`` name further ones."""

    reference = "encrypted"


def encrypted(paths: Iterable[str]) -> Encrypted:
    """The error for encrypted files that nobody has decrypted."""
    first, *others = [
        Encrypted(
            "this secret is in a store, and was not fetched"
            if stored
            else "this file is encrypted, and here is no key for it",
            where=Where(path if stored else os.path.abspath(path)),
            hint="docs/secrets.md says where keys and stores are looked for",
        )
        for path in paths
        for stored in (path.startswith(SCHEME),)
    ]
    first.others = tuple(others)
    return first


class Files:
    """Where the files of one load come from. ``plain`` are the plain texts of encrypted files, by path."""

    def __init__(
        self,
        contents: Mapping[str, bytes] | None = None,
        within: tuple[Beneath, ...] = (),
        plain: Mapping[str, bytes] | None = None,
    ) -> None:
        self.plain: Mapping[str, bytes] = plain or {}
        self._contents, self._within = {**(contents or {}), **self.plain}, within

    def decrypted(self, plain: Mapping[str, bytes]) -> Files:
        """The same files, with the plain texts of some."""
        return Files(self._contents, self._within, {**self.plain, **plain})

    @property
    def given(self) -> Mapping[str, bytes]:
        """What paths hold whatever the disk says."""
        return self._contents

    @property
    def contained(self) -> bool:
        return bool(self._within)

    def read(self, path: str, most: int, where: Where | None = None) -> bytes:
        """Up to ``most`` bytes. Raises OSError as ``open`` does, Outside (at ``where``) for what may not be read, and Encrypted."""
        data = self.stored(path, most, where)
        if path not in self.plain and form_of(data) is not None:
            raise encrypted((path,))
        return data

    def is_encrypted(self, path: str) -> bool:
        """Whether there is an encrypted file at ``path``, so that nobody has to be told of it for nothing."""
        try:
            return self.is_file(path) and form_of(self.stored(path, _SMALL)) is not None
        except (OSError, ValueError, Outside):
            return False

    def stored(self, path: str, most: int, where: Where | None = None) -> bytes:
        """As ``read``, whether or not it is encrypted."""
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
        return self.kind(path, where) != 0

    def is_folder(self, path: str, where: Where | None = None) -> bool:
        return self.kind(path, where) == stat.S_IFDIR

    def is_file(self, path: str, where: Where | None = None) -> bool:
        return self.kind(path, where) == stat.S_IFREG

    def has(self, path: str) -> bool:
        """Whether ``path`` is one below the only folders that are read from, by its words."""
        return os.path.isabs(path) and any(folder.has(os.path.normpath(path)) for folder in self._within)

    def kind(self, path: str, where: Where | None = None) -> int:
        """What is there, links followed: ``stat.S_IFREG`` and so on, 0 for nothing. Raises Outside for what leads out."""
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
