"""Files of this host as entries of a tar, piece by piece: no file is held in memory, links are packed as links.

Owners are root, as the engine's builder expects, unless another is given. What is no file, folder or link has no entry.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

PIECE = 1024 * 1024
BLOCK = 512
END = b"\0" * (2 * BLOCK)

Owner = tuple[int, int]
ROOT: Owner = (0, 0)


def entry(path: str, name: str, owner: Owner | None = ROOT) -> Iterator[bytes]:
    """One path as ``name``, belonging to ``owner`` (None: to whom it belongs here).

    Raises OSError, also where the file becomes shorter meanwhile.
    """
    from tarfile import DIRTYPE, SYMTYPE, TarInfo

    found = os.lstat(path)
    info = TarInfo(name)
    info.uid, info.gid = owner or (found.st_uid, found.st_gid)
    info.mode, info.mtime = stat.S_IMODE(found.st_mode), int(max(0, found.st_mtime))
    if stat.S_ISDIR(found.st_mode):
        info.type = DIRTYPE
        yield info.tobuf()
    elif stat.S_ISLNK(found.st_mode):
        info.type, info.linkname = SYMTYPE, os.readlink(path)
        yield info.tobuf()
    elif stat.S_ISREG(found.st_mode):
        info.size = found.st_size
        yield from _file(path, info.size, info.tobuf())
    # Sockets, pipes and devices have no place in an image.


def _file(path: str, size: int, head: bytes) -> Iterator[bytes]:
    """Exactly as many bytes as the head promises, whatever happens to the file meanwhile."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0) as file:
        yield head
        left = size
        while left:
            piece = file.read(min(left, PIECE))
            if not piece:
                raise OSError(0, "it became shorter while it was read")
            left -= len(piece)
            yield piece
    yield b"\0" * (-size % BLOCK)
