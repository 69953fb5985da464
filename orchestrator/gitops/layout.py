"""From a commit in a mirror to files in a folder: exactly the bytes that were committed, and no more than is taken.

Trees are listed and contents read object by object, so no attribute, filter or substitution of the repository has a say. Sizes are
known, and capped, before anything is unpacked, and a tree without end is left after as many entries as are taken. Regular files
come first and links last, so that nothing is ever written through a link.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator

from orchestrator import beneath
from orchestrator.gitops.git import Caps, Git
from orchestrator.gitops.troubles import GitFailed, RepositoryRefused, TooLarge
from orchestrator.records import dataclass

FORMER_MARK = ".stack-complete"  # lay in the root of each checkout once; where it does, it is still believed
_REGULAR, _PROGRAM, _LINK, _MODULE = "100644", "100755", "120000", "160000"
_LONGEST_LINK = 4096
_LONGEST_ENTRY = 64 << 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree. ``size`` is that of the content in bytes, 0 where it is not known or not of use."""

    mode: str
    name: str
    object: str
    size: int = 0

    @property
    def is_module(self) -> bool:
        return self.mode == _MODULE


class Room:
    """What may still be laid out, of one checkout with all that belongs to it."""

    def __init__(self, caps: Caps) -> None:
        self._caps, self._files, self._content = caps, 0, 0

    def take(self, name: str, size: int) -> None:
        """Count one more file. Raises TooLarge, naming the file where it alone is too much."""
        caps = self._caps
        self._files, self._content = self._files + 1, self._content + size
        if size > caps.file:
            raise TooLarge(f"{name} is larger than is taken ({caps.file >> 20} MiB a file)")
        if self._files > caps.files:
            raise TooLarge(f"the repository has more files than are taken ({caps.files})")
        if self._content > caps.content:
            raise TooLarge(f"the repository is larger than is taken ({caps.content >> 20} MiB)")


def entries(
    git: Git, mirror: str, commit: str, room: Room, folders: Iterable[str] = (), *, sizes: bool = True
) -> list[Entry]:
    """What a commit has, below ``folders`` if any are named. Raises RepositoryRefused for what is not laid out."""
    found = []
    words = ["--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree", *(["--long"] if sizes else []), commit]
    with git.call(*words, *(["--", *folders] if folders else []), directory=mirror) as call:
        for text in _records(iter(lambda: call.read(_LONGEST_ENTRY), b"")):
            about, _, name = text.partition("\t")
            mode, _, object_name, *size = about.split()
            entry = Entry(mode, name, object_name, int(size[0]) if size and size[0].isdigit() else 0)
            _check(entry)
            room.take(name, entry.size)
            found.append(entry)
    return found


def _records(pieces: Iterator[bytes]) -> Iterator[str]:
    """What NUL ends, out of pieces of any size."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\0")
        for one in whole:
            yield os.fsdecode(one)
        if len(rest) > _LONGEST_ENTRY:
            raise RepositoryRefused("the repository has a path without end")


def _check(entry: Entry) -> None:
    parts = entry.name.split("/")
    if any(part in ("", ".", "..") or part.lower() in (".git", "git~1") for part in parts):
        raise RepositoryRefused(f"{entry.name!r} points outside of the repository")
    if FORMER_MARK in parts:
        raise RepositoryRefused(f"{entry.name!r} is a name that is not taken")
    if len(os.fsencode(entry.name)) > 2048 or any(len(os.fsencode(part)) > 255 for part in parts):
        raise RepositoryRefused(f"{entry.name[:60]!r}... is a longer path than is taken")
    if entry.mode not in (_REGULAR, _PROGRAM, _LINK, _MODULE, "100664"):
        raise RepositoryRefused(f"{entry.name!r} is neither a file, a folder nor a link")
    if entry.mode == _LINK and entry.size > _LONGEST_LINK:
        raise RepositoryRefused(f"the link {entry.name!r} is too long")


def lay_out(git: Git, mirror: str, found: list[Entry], target: str) -> None:
    """Write the entries into ``target``, an empty folder of ours; modules become empty folders."""
    links = []
    with git.call("cat-file", "--batch", directory=mirror, stdin=None) as call:
        for entry in found:
            path = os.path.join(target, entry.name)
            if entry.is_module:
                os.makedirs(path, mode=0o755, exist_ok=True)
                continue
            call.ask(entry.object.encode() + b"\n")
            content = _content(call.line(), call.read, entry)
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            if entry.mode == _LINK:
                links.append((entry.name, os.fsdecode(content)))
            else:
                write(path, content, executable=entry.mode == _PROGRAM)
        call.finish_asking()
    for name, leads_to in links:
        _link(target, name, leads_to)
    for name, leads_to in links:  # only now is it known where each of them ends
        _check_link(target, name, leads_to)


def _content(header: bytes, read, entry: Entry) -> bytes:  # type: ignore[no-untyped-def]
    """The content of an object out of the answer of ``cat-file --batch``."""
    parts = header.split()
    if len(parts) != 3 or parts[1] != b"blob" or int(parts[2]) != entry.size:
        raise GitFailed(f"{entry.name} cannot be read from the mirror")
    content: bytes = read(entry.size + 1)
    if len(content) != entry.size + 1:
        raise GitFailed(f"{entry.name} cannot be read from the mirror")
    return content[:-1]


def write(path: str, content: bytes, *, executable: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o755 if executable else 0o644), "wb") as file:
        os.fchmod(file.fileno(), 0o755 if executable else 0o644)
        file.write(content)


def _link(target: str, name: str, leads_to: str) -> None:
    path = os.path.join(target, name)
    inside = os.path.normpath(os.path.join(os.path.dirname(path), leads_to))
    if os.path.isabs(leads_to) or "\0" in leads_to or not (inside + os.sep).startswith(target + os.sep):
        raise _leads_out(name, leads_to)
    os.symlink(leads_to, path)


def _check_link(target: str, name: str, leads_to: str) -> None:
    """Where it ends when all links on the way are followed; words alone do not tell: ``a/../..`` depends on what ``a`` is."""
    if not (os.path.realpath(os.path.join(target, name)) + os.sep).startswith(target + os.sep):
        raise _leads_out(name, leads_to)


def _leads_out(name: str, leads_to: str) -> RepositoryRefused:
    return RepositoryRefused(f"the link {name!r} leads out of the repository ({leads_to})")


def digest(place: str) -> str:
    """A digest of all that lies in a folder: names, kinds, contents, and whether they can be run."""
    total = hashlib.sha256()
    for folder, folders, names in os.walk(place):
        folders.sort()
        for name in sorted([*names, *(one for one in folders if os.path.islink(os.path.join(folder, one)))]):
            path = os.path.join(folder, name)
            total.update(os.fsencode(os.path.relpath(path, place)) + b"\0" + _kind(path) + b"\0")
    return total.hexdigest()


def _kind(path: str) -> bytes:
    if os.path.islink(path):
        return b"link " + os.fsencode(os.readlink(path))
    try:
        with beneath.opened(path) as file:
            executable = os.fstat(file.fileno()).st_mode & 0o100 > 0
            return hashlib.file_digest(file, "sha256").digest() + bytes([executable])
    except beneath.Outside:
        return b"none of ours"


def mend(place: str, fresh: str) -> None:
    """Make ``place`` like ``fresh`` without taking away a folder that containers may have mounted."""
    wanted = set()
    for folder, folders, names in os.walk(fresh):
        base = os.path.relpath(folder, fresh)
        links = [one for one in folders if os.path.islink(os.path.join(folder, one))]
        for name in folders:
            wanted.add(os.path.normpath(os.path.join(base, name)))
        for name in [*names, *links]:
            relative = os.path.normpath(os.path.join(base, name))
            wanted.add(relative)
            _put(os.path.join(folder, name), os.path.join(place, relative))
    for folder, folders, names in os.walk(place, topdown=False):
        for name in [*names, *folders]:
            path = os.path.join(folder, name)
            if os.path.relpath(path, place) not in wanted:
                _remove(path)


def _put(source: str, target: str) -> None:
    parent = os.path.dirname(target)
    if os.path.lexists(parent) and (os.path.islink(parent) or not os.path.isdir(parent)):
        os.unlink(parent)
    os.makedirs(parent, mode=0o755, exist_ok=True)
    if os.path.isdir(target) and not os.path.islink(target):
        for folder, folders, names in os.walk(target, topdown=False):
            for name in [*names, *folders]:
                _remove(os.path.join(folder, name))
        os.rmdir(target)
    if not os.path.lexists(target) or _kind(source) != _kind(target):
        os.rename(source, target)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        try:
            os.rmdir(path)
        except OSError:
            pass  # what is left in it is wanted
    else:
        os.unlink(path)
