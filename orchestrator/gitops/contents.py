"""Digests of what lies in a checkout: files, and everything below a folder but for what builders are not sent.

Whoever writes a spec may name the same folder a thousand times, each time with another list of what is left out. So each file is
read once, and the work has a bound: beyond it the whole checkout counts in the place of its parts, which touches a stack more often
than need be and never more seldom.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress

from orchestrator import ignored
from orchestrator.beneath import Beneath, Outside
from orchestrator.ignored import Patterns

MOST_IGNORED = 64 << 10  # bytes of an ignore file; of a larger one nothing is ignored
MOST_HASHED = 20_000  # files of a folder that a stack mounts or builds from
MOST_WORK = 5_000_000  # files times patterns that they are held against, for one stack
NOTHING = Patterns(())


class Contents:
    """Those of the checkout at ``place``, for one stack."""

    def __init__(self, place: str, most: int = MOST_WORK) -> None:
        self._place, self._within, self._left = place, Beneath(place), most
        self._files: dict[str, bytes] = {}
        self._digests: dict[tuple[str, tuple[str, ...]], str] = {}

    def digest(self, path: str, without: tuple[str, ...] = ()) -> str:
        """Of the file or of everything below the folder at ``path``: names, contents, links, and what is executable. ``without``
        are lines of an ignore file.
        """
        found = self._digests.get((path, without))
        if found is None:
            found = self._digests[path, without] = self._digest(path, without)
        return found

    def sent(self, context: str, dockerfile: str) -> str:
        """Of what builders are sent of a folder."""
        return self.digest(context, self._ignored(context, dockerfile))

    def _digest(self, path: str, without: tuple[str, ...]) -> str:
        if path == self._place and not without:
            return self._sum(path, NOTHING)
        self._left -= sum(map(len, without))
        if self._left > 0:
            patterns = Patterns(without)
            self._left -= sum(1 for _ in _files_below(path)) * (1 + len(patterns))
            if self._left > 0:
                return self._sum(path, patterns)
        return self.digest(self._place)

    def _sum(self, path: str, without: Patterns) -> str:
        digest = hashlib.sha256()
        for name in _files_below(path):
            if without and without.mean(os.path.relpath(name, path)):
                continue
            digest.update(os.path.relpath(name, self._place).encode(errors="surrogateescape") + b"\0")
            digest.update(self._content(name))
        return digest.hexdigest()

    def _content(self, path: str) -> bytes:
        found = self._files.get(path)
        if found is None:
            found = self._files[path] = _content(path, self._within)
        return found

    def _ignored(self, context: str, dockerfile: str) -> tuple[str, ...]:
        for name in ignored.beside(dockerfile):
            with suppress(OSError, Outside):
                text = self._within.read(os.path.join(context, name), MOST_IGNORED + 1)
                return () if len(text) > MOST_IGNORED else tuple(text.decode("utf-8-sig", "replace").splitlines())
        return ()


def _files_below(path: str) -> Iterator[str]:
    if not os.path.isdir(path) or os.path.islink(path):
        yield path
        return
    count = 0
    for folder, folders, names in os.walk(path):
        folders.sort()
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in sorted((*names, *links)):
            count += 1
            if count > MOST_HASHED:
                return
            yield os.path.join(folder, name)


def _content(path: str, within: Beneath) -> bytes:
    """A link is where it leads to and, where that is a file of the checkout, what is in it. Pipes and the like are not opened."""
    link = b""
    try:
        if os.path.islink(path):
            link = b"link " + os.readlink(path).encode(errors="surrogateescape")
        with within.opened(path) as file:
            content = hashlib.file_digest(file, "sha256").digest()
            executable = os.fstat(file.fileno()).st_mode & 0o100 > 0
        return link + content + bytes([executable])
    except (OSError, Outside):
        return link or b"absent"
