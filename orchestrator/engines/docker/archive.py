"""Tar archives for the engine: small files to be put into a container, with their owners and modes.

``PackedFile`` values go in, the bytes of a plain tar come out (uncompressed: an image's own decompressor must never be
run on our behalf). The way out of a container, where the bytes are not to be trusted, is ``unpack``.
"""

from __future__ import annotations

import io
from collections.abc import Iterable

from orchestrator.records import dataclass, field


@dataclass(frozen=True, slots=True)
class PackedFile:
    """``path`` is absolute in the container, or relative to where the archive is put."""

    path: str
    content: bytes = field(repr=False)
    mode: int = 0o444
    uid: int = 0
    gid: int = 0
    modified: int = 0


def pack(files: Iterable[PackedFile]) -> bytes:
    """A tar to PUT to ``/containers/ID/archive?path=/``.

    Folders are left to the engine, which makes those that are missing: an entry for one would change one that is there.
    """
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in files:
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size = len(file.content)
            entry.mode, entry.uid, entry.gid = file.mode & 0o7777, file.uid, file.gid
            entry.mtime = file.modified
            archive.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()
