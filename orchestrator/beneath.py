"""Files below a folder, and nothing else: whatever names a path, what is opened lies in the folder at that moment.

``Beneath`` holds a descriptor of the folder and walks a path part by part, each opened from the one before and never through a
link: where a part is a link, what it says is walked in its place, from where it stands. So there is no moment between looking and
opening in which somebody could put a link there, and a path that leads out is refused with the part that does. ``..`` goes back to
the folder that was walked through, wherever it may have been moved since.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader

from orchestrator.errors import RuleViolation, Where

MOST_LINKS = 40  # as many as Linux follows
_PLACE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class Outside(RuleViolation):
    """A path that leads out of where files may be taken from, or to something that is no file."""

    reference = "outside-repository"

    def __init__(self, message: str, *, where: Where | None = None, hint: str = "") -> None:
        super().__init__(message, where=where, hint=hint or "only files of the repository itself can be used")


class Beneath:
    """The files below ``folder``. ``descriptor``, if given, is one of that folder, whose path then need not be reachable."""

    def __init__(self, folder: str, descriptor: int | None = None) -> None:
        self.folder = os.path.normpath(folder)
        self._given = descriptor

    def has(self, path: str) -> bool:
        """Whether the absolute ``path`` is one below the folder, by its words alone."""
        return path == self.folder or path.startswith(self.folder.rstrip("/") + "/")

    def read(self, path: str, most: int) -> bytes:
        """Up to ``most`` bytes of the file at the absolute ``path``. Raises Outside, else OSError as ``open`` does."""
        with self.opened(path) as file:
            return file.read(most)

    @contextmanager
    def opened(self, path: str) -> Iterator[BufferedReader]:
        """The file at the absolute ``path``, open for reading. Raises as ``read`` does."""
        with self._walked(path) as (folder, name):
            if name == ".":
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            _check_kind(os.stat(name, dir_fd=folder, follow_symlinks=False), path)
            with _reading(name, folder, path) as file:
                yield file

    def kind(self, path: str) -> int:
        """What is at the absolute ``path``, all links followed: ``stat.S_IFREG`` and so on, 0 for nothing. Raises Outside."""
        try:
            with self._walked(path) as (folder, name):
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
                _check_names(found, path)
                return stat.S_IFMT(found.st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return 0

    @contextmanager
    def _walked(self, path: str) -> Iterator[tuple[int, str]]:
        """The folder in which ``path`` ends, open, and the name it has there, which was no link when looked at."""
        relative = self._relative(path)
        walk = _Walk(self._opened(), relative, path)
        try:
            yield walk.to_the_end()
        finally:
            walk.close()

    def _opened(self) -> int:
        if self._given is not None:
            return os.dup(self._given)
        return os.open(self.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def _relative(self, path: str) -> str:
        cleaned = os.path.normpath(path)
        if "\0" in path or not self.has(cleaned):
            raise Outside(f"{shown(path)} lies outside of the repository")
        return os.path.relpath(cleaned, self.folder)


class _Walk:
    """One walk from an open folder. All folders on the way stay open, so that ``..`` needs no look at the disk."""

    def __init__(self, root: int, relative: str, path: str) -> None:
        self._open = [root]
        self._rest = relative.split("/")
        self._path, self._links, self._via = path, 0, ""

    def to_the_end(self) -> tuple[int, str]:
        while self._rest:
            name = self._rest.pop(0)
            if name == "..":
                self._back()
            elif name in ("", "."):
                continue
            elif (link := self._link(name)) is not None:
                self._follow(name, link)
            elif self._rest:
                self._enter(name)
            else:
                return self._open[-1], name
        return self._open[-1], "."

    def close(self) -> None:
        for descriptor in self._open:
            with suppress(OSError):
                os.close(descriptor)

    def _back(self) -> None:
        if len(self._open) == 1:
            raise self._leads_out()
        os.close(self._open.pop())

    def _link(self, name: str) -> str | None:
        try:
            return os.readlink(name, dir_fd=self._open[-1])
        except OSError as problem:
            if problem.errno == errno.EINVAL:  # it is there, and no link
                return None
            raise

    def _follow(self, name: str, link: str) -> None:
        self._links += 1
        if self._links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self._path)
        self._via = f": {shown(name)} is a link to {shown(link)}"
        if link.startswith("/"):
            raise self._leads_out()
        self._rest[:0] = link.split("/")

    def _leads_out(self) -> Outside:
        return Outside(f"{shown(self._path)} leads out of the repository{self._via}")

    def _enter(self, name: str) -> None:
        if len(self._open) > 200:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), self._path)
        descriptor = os.open(name, _PLACE, dir_fd=self._open[-1])
        self._open.append(descriptor)
        found = os.fstat(descriptor).st_mode
        if stat.S_ISLNK(found):
            raise _swapped(self._path)
        if not stat.S_ISDIR(found):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self._path)


@contextmanager
def opened(path: str) -> Iterator[BufferedReader]:
    """The file at ``path`` itself, for whoever walks a folder in which strangers write: no link is followed at its end, and nothing
    is waited for. Raises as ``Beneath.read`` does.
    """
    _check_kind(os.lstat(path), path)
    with _reading(path, None, path) as file:
        yield file


@contextmanager
def _reading(name: str, folder: int | None, path: str) -> Iterator[BufferedReader]:
    descriptor = _open(name, folder, path)
    try:
        _check_kind(os.fstat(descriptor), path)
        with open(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def _open(name: str, folder: int | None, path: str) -> int:
    try:
        return os.open(name, _READ, dir_fd=folder)
    except OSError as problem:
        if problem.errno == errno.ELOOP:  # O_NOFOLLOW met a link
            raise _swapped(path) from None
        raise


def _swapped(path: str) -> Outside:
    """Somebody put a link there since the walk looked."""
    return Outside(f"{shown(path)} became a link while it was read")


def _check_kind(found: os.stat_result, path: str) -> None:
    kind = stat.S_IFMT(found.st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if kind == stat.S_IFLNK:
        raise _swapped(path)
    if kind != stat.S_IFREG:
        raise Outside(f"{shown(path)} is {_KINDS.get(kind, 'no file')}")
    _check_names(found, path)


def _check_names(found: os.stat_result, path: str) -> None:
    """A hard link looks like any other file; where its other names are nobody can say."""
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        raise Outside(f"{shown(path)} has another name somewhere (a hard link)")


def shown(path: str) -> str:
    """A path as messages name it: control characters escaped."""
    return path if path.isprintable() else ascii(path)[1:-1]
