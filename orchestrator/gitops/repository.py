"""A repository on this host: a bare mirror that is fetched into, and whole, read-only checkouts of commits made from it.

``fetch`` brings the wanted reference, ``checkout`` lays a commit out beside others: into a temporary folder first, moved
into place whole, so that what exists is complete. What is damaged is thrown away and made anew; a folder is trusted because
of the mark that was put into it last, never for being there.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterable

from orchestrator.gitops.git import Access, Git, GitFailed
from orchestrator.records import dataclass

MOST_FILES = 20_000
MOST_BYTES = 200 * 1024 * 1024
LARGEST_FILE = 16 * 1024 * 1024
KEPT = 5  # checkouts that nobody uses any more
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FETCH = ("--quiet", "--no-tags", "--depth=1", "--force")
_MARK = ".stack-complete"


@dataclass(frozen=True, slots=True)
class Ref:
    """What to follow: a branch, a tag, a range of versions among the tags (``semver``), or one commit."""

    branch: str = ""
    tag: str = ""
    semver: str = ""
    commit: str = ""

    def __str__(self) -> str:
        return self.commit or self.tag or self.semver or self.branch or "the default branch"


class RepositoryRefused(GitFailed):
    """What the repository holds is more, or other, than is taken."""

    reference = "repository-refused"
    retryable = False


class RefMissing(GitFailed):
    """The repository has no such branch, tag or version."""

    reference = "git-no-such-ref"
    exit_code = 2


class Repository:
    """The mirror and the checkouts of one URL, below ``directory``."""

    def __init__(self, url: str, directory: str, access: Access | None = None) -> None:
        self.git = Git(url, access or Access())
        digest = hashlib.sha256(url.encode()).hexdigest()[:16]
        self.directory = os.path.join(directory, digest)
        self._mirror = os.path.join(self.directory, "mirror.git")
        self._checkouts = os.path.join(self.directory, "checkouts")

    @property
    def mirror(self) -> str:
        return self._mirror

    def fetch(self, ref: Ref) -> str:
        """The commit that ``ref`` names now, brought here. Raises GitFailed; the mirror is then as it was, or made anew."""
        self._have_mirror()
        try:
            return self._fetched(ref)
        except GitFailed:
            if self._is_sound():
                raise
            shutil.rmtree(self._mirror, ignore_errors=True)
            self._have_mirror()
            return self._fetched(ref)

    def _have_mirror(self) -> None:
        if os.path.exists(os.path.join(self._mirror, "HEAD")):
            return
        os.makedirs(os.path.dirname(self._mirror), mode=0o700, exist_ok=True)
        temporary = tempfile.mkdtemp(dir=os.path.dirname(self._mirror), prefix=".incoming-")
        try:
            self.git.run("init", "--quiet", "--bare", temporary)
            shutil.rmtree(self._mirror, ignore_errors=True)
            os.rename(temporary, self._mirror)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _fetched(self, ref: Ref) -> str:
        source = self._remote_name(ref)
        try:
            self._run("fetch", *_FETCH, "--", self.git.url, f"+{source}:refs/stack/head")
        except GitFailed as problem:
            if "couldn't find remote ref" in problem.message or "not our ref" in problem.message:
                raise self._missing(str(ref), *self._heads_and_tags()) from None
            raise
        if ref.tag or ref.semver:
            self._run("update-ref", source, "refs/stack/head")
        return self.git.text("rev-parse", "--verify", "refs/stack/head^{commit}", directory=self._mirror)

    def _remote_name(self, ref: Ref) -> str:
        if ref.commit:
            if not _HASH.fullmatch(ref.commit):
                raise RefMissing(f"{ref.commit!r} is no commit", hint="write its whole hash")
            return ref.commit
        if ref.tag:
            return f"refs/tags/{ref.tag}"
        if ref.semver:
            return f"refs/tags/{self._newest(ref.semver)}"
        return f"refs/heads/{ref.branch}" if ref.branch else "HEAD"

    def find(self, name: str) -> Ref:
        """What ``name`` is: a whole commit hash, a branch, a tag or a range of versions. Raises RefMissing."""
        if _HASH.fullmatch(name):
            return Ref(commit=name)
        branches, tags = self._heads_and_tags()
        if name in branches and name in tags:
            raise RefMissing(f"{name} is a branch and a tag", hint="say which with --branch or --tag")
        if name in branches:
            return Ref(branch=name)
        if name in tags:
            return Ref(tag=name)
        try:
            if newest_version(tags, name) is not None:
                return Ref(semver=name)
        except RepositoryRefused:
            pass
        raise self._missing(name, branches, tags)

    def _heads_and_tags(self) -> tuple[list[str], list[str]]:
        listed = self._talk("ls-remote", "--heads", "--tags", "--refs", "--", self.git.url).decode(errors="replace")
        refs = [line.partition("\t")[2] for line in listed.splitlines()]
        return (
            [ref.removeprefix("refs/heads/") for ref in refs if ref.startswith("refs/heads/")],
            [ref.removeprefix("refs/tags/") for ref in refs if ref.startswith("refs/tags/")],
        )

    def _missing(self, name: str, branches: Iterable[str], tags: Iterable[str]) -> RefMissing:
        there = [*branches, *tags]
        more = ", ..." if len(there) > 20 else ""
        return RefMissing(
            f"{self.git.url} has no {name}",
            hint=f"there are: {', '.join(there[:20])}{more}" if there else "it is empty",
        )

    def _talk(self, *words: str) -> bytes:
        """Ask the other side; no mirror is needed for that."""
        return self.git.run(*words)

    def _newest(self, wanted: str) -> str:
        newest = newest_version(self._heads_and_tags()[1], wanted)
        if newest is None:
            raise RefMissing(f"{self.git.url} has no tag in {wanted}")
        return newest

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether ``older`` lies behind ``newer``; as far as this shallow mirror can tell."""
        try:
            self._run("merge-base", "--is-ancestor", older, newer)
        except GitFailed:
            return False
        return True

    def checkout(self, commit: str) -> str:
        """The folder with the files of ``commit``. Raises RepositoryRefused for what is not laid out."""
        found = self.complete(commit)
        if found is not None:
            return found
        place = os.path.join(self._checkouts, commit)
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(self._checkouts, mode=0o755, exist_ok=True)
        temporary = tempfile.mkdtemp(dir=self._checkouts, prefix=".incoming-")
        try:
            os.chmod(temporary, 0o755)
            if self._run("ls-tree", commit):  # a commit without files has no archive that could be read
                _unpacked(self._run("archive", "--format=tar", commit), temporary)
            with open(os.path.join(temporary, _MARK), "x", encoding="ascii") as mark:
                mark.write(commit + "\n")
            os.rename(temporary, place)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return place

    def complete(self, commit: str) -> str | None:
        """The folder of a commit that is laid out already, whole."""
        place = os.path.join(self._checkouts, commit)
        if not _HASH.fullmatch(commit) or not os.path.exists(os.path.join(place, _MARK)):
            return None
        os.utime(place)
        return place

    def forget(self, used: Iterable[str]) -> None:
        """Remove checkouts that are not ``used`` (commits), but for the last few."""
        keep = set(used)
        try:
            found = [entry for entry in os.scandir(self._checkouts) if entry.name not in keep]
        except FileNotFoundError:
            return
        for entry in sorted(found, key=lambda entry: entry.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(entry.path, ignore_errors=True)

    def _run(self, *words: str) -> bytes:
        return self.git.run(*words, directory=self._mirror)

    def _is_sound(self) -> bool:
        try:
            self._run("fsck", "--connectivity-only", "--no-dangling")
        except GitFailed:
            return False
        return True


def newest_version(tags: Iterable[str], wanted: str) -> str | None:
    """The tag with the highest version in a range: ``1.x``, ``^1.2``, ``~1.2.3``, ``>=1.2 <2``; pre-releases if asked for."""
    bounds = _bounds(wanted)
    found = [(version, tag) for tag in tags if (version := _version(tag)) is not None]
    fitting = [
        (version, tag) for version, tag in found if all(_holds(version[:3], how, bound) for how, bound in bounds)
    ]
    stable = [one for one in fitting if not one[0][3]] if "-" not in wanted else fitting
    return max(stable)[1] if stable else None


_Version = tuple[int, int, int, str]
_NUMBERS = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?")
_BOUND = re.compile(r"(>=|<=|>|<|=|\^|~)?v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-[0-9A-Za-z.-]+)?")


def _version(tag: str) -> _Version | None:
    found = _NUMBERS.fullmatch(tag)
    return (int(found[1]), int(found[2]), int(found[3]), found[4] or "") if found else None


def _bounds(wanted: str) -> list[tuple[str, tuple[int, int, int]]]:
    bounds: list[tuple[str, tuple[int, int, int]]] = []
    for part in re.sub(r"(>=|<=|>|<|=|\^|~)\s+", r"\1", wanted).replace(",", " ").split():
        found = _BOUND.fullmatch(part)
        if found is None:
            raise RepositoryRefused(
                f"{part!r} is no range of versions", hint="for instance ^1.2, ~1.2.3, >=1.2 <2, 1.x"
            )
        bounds += _bound(found[1] or "", [number for number in found.groups()[1:] if number])
    return bounds


def _bound(how: str, numbers: list[str]) -> list[tuple[str, tuple[int, int, int]]]:
    given = [int(number) for number in numbers if number.isdigit()]
    major, minor, patch = (*given, 0, 0, 0)[:3]
    least = (major, minor, patch)
    if not given:
        return []
    if how == "^":
        first = next((index for index, number in enumerate(least) if number), 0)
        return [(">=", least), ("<", _raised(least, first))]
    if how == "~":
        return [(">=", least), ("<", _raised(least, min(len(given) - 1, 1)))]
    if how in ("", "=") and len(given) < 3:
        return [(">=", least), ("<", _raised(least, len(given) - 1))]
    return [(how or "=", least)]


def _raised(version: tuple[int, int, int], index: int) -> tuple[int, int, int]:
    numbers = [number if place <= index else 0 for place, number in enumerate(version)]
    numbers[index] += 1
    return numbers[0], numbers[1], numbers[2]


def _holds(version: tuple[int, ...], how: str, bound: tuple[int, int, int]) -> bool:
    return {
        ">=": version >= bound,
        "<=": version <= bound,
        ">": version > bound,
        "<": version < bound,
        "=": version == bound,
    }[how]


def _unpacked(archive: bytes, target: str) -> None:
    """Files and folders, and links that stay inside; nothing else, and not more than the caps allow."""
    count, total = 0, 0
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
        for member in tar:
            if member.name in ("pax_global_header", "."):
                continue
            count, total = count + 1, total + member.size
            if count > MOST_FILES or total > MOST_BYTES or member.size > LARGEST_FILE:
                raise RepositoryRefused(
                    f"the repository is larger than is taken ({MOST_FILES} files, {MOST_BYTES >> 20} MiB, "
                    f"{LARGEST_FILE >> 20} MiB a file)"
                )
            _laid_out(tar, member, target)


def _laid_out(tar: tarfile.TarFile, member: tarfile.TarInfo, target: str) -> None:
    path = os.path.normpath(os.path.join(target, member.name))
    if not path.startswith(target + os.sep) or _MARK in member.name.split("/"):
        raise RepositoryRefused(f"{member.name!r} points outside of the repository")
    parent = os.path.dirname(path)
    if os.path.realpath(parent) != parent and not os.path.realpath(parent).startswith(os.path.realpath(target)):
        raise RepositoryRefused(f"{member.name!r} lies behind a link that leaves the repository")
    if member.isdir():
        os.makedirs(path, mode=0o755, exist_ok=True)
    elif member.isreg():
        os.makedirs(parent, mode=0o755, exist_ok=True)
        content = tar.extractfile(member)
        assert content is not None
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o755 if member.mode & 0o100 else 0o644), "wb") as file:
            shutil.copyfileobj(content, file)
    elif member.issym():
        _link(member, path, target)
    else:
        raise RepositoryRefused(f"{member.name!r} is neither a file, a folder nor a link")


def _link(member: tarfile.TarInfo, path: str, target: str) -> None:
    leads_to = os.path.normpath(os.path.join(os.path.dirname(path), member.linkname))
    if os.path.isabs(member.linkname) or not (leads_to + os.sep).startswith(target + os.sep):
        raise RepositoryRefused(f"the link {member.name!r} leads out of the repository ({member.linkname})")
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    os.symlink(member.linkname, path)
