"""The archive of a whole stack: a plain tar with ``stack.json``, ``files.tar`` (the spec and what it refers to) and
``images.tar`` (as `docker save` writes it).

Both inner archives are of use without this program. What comes out of an archive is not trusted: its files are made by
``unpack``, beneath one folder and nowhere else.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO

from orchestrator.errors import StackError
from orchestrator.records import dataclass

FORMAT = 1
ABOUT, FILES, IMAGES = "stack.json", "files.tar", "images.tar"
LARGEST_ABOUT = 1 << 20
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class About:
    """What an archive says of itself. ``notes`` are for the person who unpacks it."""

    name: str
    spec: str
    images: tuple[str, ...]
    notes: tuple[str, ...] = ()


def write(file: IO[bytes], about: About, spec: str, files: Mapping[str, str], images: Iterable[bytes]) -> None:
    """The archive, into a file in which one can seek."""
    _member(file, ABOUT, [_encoded(about)])
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as inner:
            _add_text(inner, about.spec, spec)
            for place, path in files.items():
                inner.add(path, arcname=place, filter=_ordinary)
        packed.seek(0)
        _member(file, FILES, iter(lambda: packed.read(PIECE), b""))
    _member(file, IMAGES, images)
    file.write(bytes(2 * tarfile.BLOCKSIZE))


def about(content: bytes) -> About:
    """What ``stack.json`` says; an error that says so where it is not ours or too new."""
    try:
        told = json.loads(content)
        known = told["format"]
        result = About(str(told["name"]), str(told["spec"]), tuple(told["images"]), tuple(told.get("notes", ())))
    except (ValueError, KeyError, TypeError) as problem:
        raise not_ours() from problem
    if known != FORMAT:
        raise StackError(
            f"the archive has format {known}; this version of stack knows {FORMAT}",
            hint="use the version of stack that wrote it, or a newer one",
            reference="archive-format",
        )
    if result.name in ("", ".", "..") or "/" in result.name or result.spec != os.path.basename(result.spec):
        raise not_ours()
    return result


def not_ours() -> StackError:
    return StackError(
        "this is no archive of a stack",
        hint="`stack save` writes such; images alone are taken in by `stack image load`",
        reference="archive-format",
    )


def opened(file: io.BufferedReader) -> Iterator[bytes]:
    """The bytes of an archive, unpacked where somebody has packed it with gzip."""
    read = file.read
    if file.peek(2)[:2] == b"\x1f\x8b":
        import gzip

        read = gzip.GzipFile(fileobj=file).read
    while piece := read(PIECE):
        yield piece


def _encoded(about: About) -> bytes:
    record = {"format": FORMAT, "name": about.name, "spec": about.spec, "images": about.images, "notes": about.notes}
    return json.dumps(record, indent=2, ensure_ascii=False).encode() + b"\n"


def _member(file: IO[bytes], name: str, pieces: Iterable[bytes]) -> None:
    """One entry, whose size is known only once it is written."""
    info = tarfile.TarInfo(name)
    begin = file.tell()
    file.write(info.tobuf(tarfile.GNU_FORMAT))
    for piece in pieces:
        file.write(piece)
        info.size += len(piece)
    file.write(bytes(-info.size % tarfile.BLOCKSIZE))
    end = file.tell()
    file.seek(begin)
    file.write(info.tobuf(tarfile.GNU_FORMAT))
    file.seek(end)


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    content = text.encode("utf-8", "surrogateescape")
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600  # values of the environment stand in it
    archive.addfile(entry, io.BytesIO(content))


def _ordinary(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Files, folders and links; sockets, pipes and devices belong to this host."""
    return entry if entry.isfile() or entry.isdir() or entry.issym() or entry.islnk() else None
