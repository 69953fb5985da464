"""Tar archives for the engine: files and folders to be put into a volume, with their owners and modes.

What is to be packed goes in, the bytes of a plain tar come out piece by piece (uncompressed: an image's own decompressor must
never be run on our behalf; in pieces: a folder may be larger than memory). The way out of a container, where the bytes are not to
be trusted, is ``unpack``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from orchestrator.errors import EngineError, Where
from orchestrator.records import dataclass, field

PIECE = 1024 * 1024
BLOCK = 512


@dataclass(frozen=True, slots=True)
class PackedFile:
    """``path`` is relative to where the archive is put."""

    path: str
    content: bytes = field(repr=False)
    mode: int = 0o444
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class PackedFolder:
    """A folder by itself; "" is the one that the archive is put into."""

    path: str
    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class PackedPath:
    """A file of the caller's host, or a folder with all that is in it, as it is there. Links inside stay links."""

    path: str
    source: str


Packed = PackedFile | PackedFolder | PackedPath


def pack(entries: Iterable[Packed]) -> Iterator[bytes]:
    """A tar to PUT to ``/containers/ID/archive``."""
    for entry in entries:
        match entry:
            case PackedFile():
                yield from _content(entry)
            case PackedFolder():
                yield _header(entry.path or ".", _Owner(entry.mode), folder=True)
            case PackedPath():
                yield from _path(entry.path, os.path.realpath(entry.source))
    yield b"\0" * (2 * BLOCK)


def _content(file: PackedFile) -> Iterator[bytes]:
    yield _header(file.path, _Owner(file.mode, file.uid, file.gid), size=len(file.content))
    yield from _padded(iter((file.content,)), len(file.content))


class _Owner(NamedTuple):
    mode: int
    uid: int = 0
    gid: int = 0


def _header(path: str, owner: _Owner, *, size: int = 0, folder: bool = False, link: str = "") -> bytes:
    import tarfile

    entry = tarfile.TarInfo(path)
    entry.type = tarfile.DIRTYPE if folder else tarfile.SYMTYPE if link else tarfile.REGTYPE
    entry.linkname, entry.size = link, size
    entry.mode, entry.uid, entry.gid = owner.mode & 0o7777, owner.uid, owner.gid
    return entry.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape")


def _path(path: str, source: str) -> Iterator[bytes]:
    """One thing of the caller's and all below it; sockets, pipes and devices are nothing that can be copied."""
    names: list[str] = []
    try:
        found = os.lstat(source)
        owner = _Owner(found.st_mode, found.st_uid, found.st_gid)
        if stat.S_ISREG(found.st_mode):
            with open(source, "rb") as file:
                yield _header(path, owner, size=found.st_size)
                yield from _padded(iter(lambda: file.read(PIECE), b""), found.st_size)
        elif stat.S_ISLNK(found.st_mode):
            yield _header(path, owner, link=os.readlink(source))
        elif stat.S_ISDIR(found.st_mode):
            yield _header(path, owner, folder=True)
            names = sorted(os.listdir(source))
    except OSError as problem:
        raise EngineError(
            f"it cannot be read: {problem.strerror}", where=Where(file=source), reference="copy-unreadable"
        ) from problem
    for name in names:
        yield from _path(f"{path}/{name}", f"{source}/{name}")


def _padded(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Exactly ``size`` bytes of content, whatever a file that grows or shrinks meanwhile would give, and the rest of the block."""
    left = size
    for piece in pieces:
        yield piece[:left]
        left -= len(piece[:left])
        if not left:
            break
    yield b"\0" * (left + -size % BLOCK)
