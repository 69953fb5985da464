"""Unpacking an archive that came out of a container, which may be hostile, into a folder of the user's.

The bytes of a tar come in pieces, files come out beneath one folder and nowhere else. Every folder is opened from the
one above it without following links, files are always new ones, devices are refused, and links are made only where
they cannot lead out. Python's own extraction filters have been bypassed too often to be the only fence.
``tar_entries`` reads the format.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable

from orchestrator.engines.docker.tar_entries import Entry, Kind, read_entries
from orchestrator.errors import EngineError
from orchestrator.records import dataclass

Skipped = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Limits:
    entries: int = 1_000_000
    content: int = 1 << 40


def unpack(
    pieces: Iterable[bytes],
    folder: str,
    *,
    rename: tuple[str, str] | None = None,
    keep_owners: bool = False,
    on_skipped_link: Skipped | None = None,
    limits: Limits | None = None,
) -> int:
    """Unpack beneath ``folder``, which exists; returns the number of entries made.

    ``rename`` gives the archive's topmost name another one. A link that would lead out is refused, or reported to
    ``on_skipped_link`` and left out where that is given. Everything else that does not belong is refused.
    """
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return _Unpacking(root, folder, rename, keep_owners, on_skipped_link, limits or Limits()).run(pieces)
    finally:
        os.close(root)


class _Unpacking:
    def __init__(
        self,
        root: int,
        folder: str,
        rename: tuple[str, str] | None,
        keep_owners: bool,
        on_skipped_link: Skipped | None,
        limits: Limits,
    ) -> None:
        self._root = root
        self._folder = folder
        self._rename = rename
        self._keep_owners = keep_owners
        self._on_skipped_link = on_skipped_link
        self._limits = limits
        self._content = 0
        self._files: set[tuple[str, ...]] = set()
        self._folders: dict[tuple[str, ...], Entry] = {}

    def run(self, pieces: Iterable[bytes]) -> int:
        made = 0
        for count, entry in enumerate(read_entries(pieces), start=1):
            if count > self._limits.entries:
                raise _refused(entry.name, f"the archive has more than {self._limits.entries} entries")
            made += self._make(entry)
        self._finish_folders()
        return made

    def _make(self, entry: Entry) -> bool:
        parts = self._place(entry.name)
        if not parts:
            return False  # the folder itself
        if entry.kind is Kind.OTHER:
            raise _refused(entry.name, "it is a device, a pipe or something unknown")
        if entry.kind is Kind.FOLDER:
            os.close(self._enter(parts, entry.name))
            self._folders[parts] = entry
            return True
        parent = self._enter(parts[:-1], entry.name)
        try:
            return self._make_in(parent, parts, entry)
        except OSError as problem:
            raise _refused(entry.name, (problem.strerror or str(problem)).lower()) from problem
        finally:
            os.close(parent)

    def _make_in(self, parent: int, parts: tuple[str, ...], entry: Entry) -> bool:
        if entry.kind is not Kind.FILE and (trouble := self._link_trouble(parts, entry)):
            if self._on_skipped_link is None:
                raise _refused(entry.name, trouble)
            self._on_skipped_link(entry.name, trouble)
            return False
        _remove_old(parent, parts[-1])
        if entry.kind is Kind.FILE:
            self._write(parent, parts[-1], entry)
            self._files.add(parts)
        elif entry.kind is Kind.SYMLINK:
            os.symlink(entry.target, parts[-1], dir_fd=parent)
            self._files.discard(parts)
        else:
            self._link(parent, parts, entry)
        return True

    def _write(self, parent: int, name: str, entry: Entry) -> None:
        self._content += entry.size
        if self._content > self._limits.content:
            raise _refused(entry.name, f"the archive holds more than {self._limits.content} bytes")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        file = os.open(name, flags, 0o600, dir_fd=parent)
        try:
            for piece in entry.pieces():
                _write_all(file, piece)
            self._dress(file, entry)
        finally:
            os.close(file)

    def _link(self, parent: int, parts: tuple[str, ...], entry: Entry) -> None:
        target = self._place(entry.target)
        source = self._enter(target[:-1], entry.name)
        try:
            os.link(target[-1], parts[-1], src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
            self._files.add(parts)
        finally:
            os.close(source)

    def _link_trouble(self, parts: tuple[str, ...], entry: Entry) -> str:
        if entry.kind is Kind.HARD_LINK:
            known = self._place(entry.target) in self._files
            return "" if known else f"it is a link to {entry.target!r}, which is no file of this archive"
        return "" if _stays_inside(entry.target, len(parts) - 1) else f"it is a link that leads out: {entry.target!r}"

    def _place(self, name: str) -> tuple[str, ...]:
        """Where an entry goes, below the folder. Raises for names that try to get out."""
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if name.startswith("/") or ".." in parts or "\0" in name:
            raise _refused(name, "its name leads out of the folder")
        if self._rename and parts[:1] == (self._rename[0],):
            return (self._rename[1], *parts[1:])
        return parts

    def _enter(self, parts: tuple[str, ...], name: str) -> int:
        """A descriptor of a folder below the root, made where missing, no link followed on the way."""
        current = os.dup(self._root)
        for part in parts:
            try:
                below = _open_folder(current, part)
            except OSError as problem:
                what = (problem.strerror or str(problem)).lower()
                raise _refused(name, f"{part!r} on the way to it is no folder ({what})") from problem
            finally:
                os.close(current)
            current = below
        return current

    def _finish_folders(self) -> None:
        """Modes and times of folders, the deepest first: earlier, a read-only one could not have been filled."""
        for parts in sorted(self._folders, key=len, reverse=True):
            folder = self._enter(parts, self._folders[parts].name)
            try:
                self._dress(folder, self._folders[parts])
            finally:
                os.close(folder)

    def _dress(self, file: int, entry: Entry) -> None:
        if self._keep_owners:
            os.fchown(file, entry.uid, entry.gid)
        os.fchmod(file, entry.mode & 0o777)
        os.utime(file, (entry.modified, entry.modified))


def _stays_inside(target: str, depth: int) -> bool:
    """Whether a link at ``depth`` folders below the root stays below it, whatever other links its target passes.

    Steps up are allowed only in front: behind a name they would start from wherever a link of that name leads.
    """
    parts = [part for part in target.split("/") if part not in ("", ".")]
    up = 0
    while up < len(parts) and parts[up] == "..":
        up += 1
    out_of_place = target.startswith("/") or "\0" in target or ".." in parts[up:]
    return bool(target) and not out_of_place and up <= depth


def _open_folder(parent: int, name: str) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        return os.open(name, flags, dir_fd=parent)
    except FileNotFoundError:
        os.mkdir(name, 0o755, dir_fd=parent)
        return os.open(name, flags, dir_fd=parent)


def _remove_old(parent: int, name: str) -> None:
    """Never write through what is there: a link or a hard-linked file would carry the bytes elsewhere."""
    try:
        if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        pass


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _refused(name: str, why: str) -> EngineError:
    return EngineError(f"the archive's entry {name!r} is refused: {why}", reference="unsafe-archive")
