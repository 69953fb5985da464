"""Large files (git LFS), for sources that ask for them: pointers become the files that they stand for.

They are fetched from the repository's own LFS endpoint, whatever ``.lfsconfig`` says, and count like any other file. Each is
compared with the digest in its pointer, which the commit vouches for.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable

from orchestrator.gitops.git import Git
from orchestrator.gitops.layout import Entry, Room, write
from orchestrator.gitops.troubles import GitFailed, Unreachable
from orchestrator.records import dataclass

_LARGEST_POINTER = 1024
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize (\d{1,15})\n"
)


@dataclass(frozen=True, slots=True)
class Pointer:
    """``path`` is the file that was laid out, ``name`` what the repository calls it; ``size`` in bytes."""

    path: str
    name: str
    digest: str
    size: int
    executable: bool


# A fetch that fails is tried again as a whole, after pauses of ours; by itself the program would use up the time that it has.
_PATIENCE = ("lfs.transfer.maxretries=2", "lfs.transfer.maxretrydelay=2")


def replace_pointers(git: Git, mirror: str, commit: str, entries: Iterable[Entry], target: str, room: Room) -> None:
    """Put the large files of ``commit`` in the place of their pointers below ``target``. Raises GitFailed."""
    found = [pointer for entry in entries if (pointer := _pointer(entry, target)) is not None]
    if not found:
        return
    for pointer in found:
        room.take(pointer.name, pointer.size)
    try:
        _fetch(git, mirror, commit, found)
    finally:
        for half in ("incomplete", "tmp"):
            shutil.rmtree(os.path.join(mirror, "lfs", half), ignore_errors=True)
    for pointer in found:
        content = _content(mirror, pointer)
        os.unlink(pointer.path)
        write(pointer.path, content, executable=pointer.executable)


def _pointer(entry: Entry, target: str) -> Pointer | None:
    if entry.is_module or entry.mode == "120000" or entry.size >= _LARGEST_POINTER:
        return None
    path = os.path.join(target, entry.name)
    with open(path, "rb") as file:
        said = _POINTER.fullmatch(file.read())
    return Pointer(path, entry.name, said[1].decode(), int(said[2]), entry.mode == "100755") if said else None


def _fetch(git: Git, mirror: str, commit: str, wanted: list[Pointer]) -> None:
    url = git.url.rstrip("/")
    endpoint = () if git.local or not url.startswith("https://") else (f"lfs.url={_with_suffix(url)}/info/lfs",)
    names = ",".join(sorted({pointer.name for pointer in wanted}))
    try:
        git.run(
            "lfs",
            "fetch",
            f"--include={names}" if len(names) < 4096 and not set(names) & set("*?[\\") else "--include=",
            "origin",
            commit,
            directory=mirror,
            config=(
                f"remote.origin.url={url}",
                "lfs.fetchexclude=",
                "lfs.concurrenttransfers=3",
                *_PATIENCE,
                *endpoint,
            ),
            away=True,
        )
    except GitFailed as problem:
        if "'lfs' is not a git command" in "\n".join(problem.said):
            raise GitFailed("git-lfs is not installed", hint="install git-lfs, or leave out `lfs: true`") from None
        raise Unreachable(f"{git.url}: its large files cannot be had: {problem.message}", hint=problem.hint) from None


def _with_suffix(url: str) -> str:
    return url if url.endswith(".git") else f"{url}.git"


def _content(mirror: str, pointer: Pointer) -> bytes:
    digest = pointer.digest
    try:
        with open(os.path.join(mirror, "lfs", "objects", digest[:2], digest[2:4], digest), "rb") as file:
            content = file.read(pointer.size + 1)
    except OSError:
        raise Unreachable(f"the large file {pointer.name} was not to be had") from None
    if len(content) != pointer.size or hashlib.sha256(content).hexdigest() != digest:
        raise Unreachable(f"the large file {pointer.name} is not what its pointer says")
    return content
