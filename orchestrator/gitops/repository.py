"""A repository on this host: a bare mirror that is fetched into, and whole, read-only checkouts of commits made from it.

``fetch`` brings the wanted reference, ``checkout`` lays a commit out beside others: into a temporary folder first, moved
into place whole, so that what exists is complete. What is damaged is thrown away and made anew; a folder is trusted because
of the mark that was put beside it last, never for being there. One process at a time works on a mirror; what a killed one has
left is cleared away by the next.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from orchestrator.gitops import largefiles, layout, mirrors, submodules
from orchestrator.gitops.ancestry import Ancestry
from orchestrator.gitops.checkouts import Checkouts
from orchestrator.gitops.git import Access, Caps, Git
from orchestrator.gitops.layout import Room
from orchestrator.gitops.names import Names, Ref
from orchestrator.gitops.notes import read_note
from orchestrator.gitops.submodules import Module
from orchestrator.gitops.troubles import CutShort, GitFailed, RefMissing, RepositoryRefused, TooLarge, Unreachable
from orchestrator.records import dataclass

__all__ = ["Ref", "RefMissing", "Repository", "RepositoryRefused"]

_INCOMING = ".incoming-"  # begins the names of what is not whole yet
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")

_COMMITS = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b")


@dataclass(frozen=True, slots=True)
class Extent:
    """What of a repository is wanted: its submodules and large files too, or only some folders (``sparse``)."""

    submodules: bool = False
    lfs: bool = False
    sparse: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """What tells a checkout of this extent from others of the same commit."""
        if self == Extent():
            return ""
        return "-" + hashlib.sha256(repr((self.submodules, self.lfs, self.sparse)).encode()).hexdigest()[:8]


class Repository:
    """The mirror and the checkouts of one URL, below ``directory``."""

    def __init__(
        self,
        url: str,
        directory: str,
        access: Access | None = None,
        *,
        caps: Caps | None = None,
        extent: Extent | None = None,
    ) -> None:
        self.extent, self.caps = extent or Extent(), caps or Caps()
        digest = hashlib.sha256((url + ("\nsparse" if self.extent.sparse else "")).encode()).hexdigest()[:16]
        self._home, self.directory = directory, os.path.join(directory, digest)
        self.git = Git(url, access or Access(), folder=self.directory, caps=self.caps)
        self._names = Names(self.git)
        self._mirror = os.path.join(self.directory, "mirror.git")
        self._checkouts = Checkouts(os.path.join(self.directory, "checkouts"), self.extent.suffix)
        self._tips: dict[str, str] = {}
        self._peeled = ("", "")  # an object that a reference of ours names, and the commit that it leads to
        self._lock, self._turn = -1, threading.RLock()
        self.tag = ""  # the tag that was fetched last, where it was one

    @property
    def mirror(self) -> str:
        return self._mirror

    # Fetching

    def fetch(self, ref: Ref) -> str:
        """The commit that ``ref`` names now, brought here. Raises GitFailed; the mirror is then as it was, or made anew."""
        with self._alone():
            self._have_mirror()
            mirrors.tidy(self._mirror)
            try:
                return self._fetched(ref)
            except GitFailed as problem:
                if type(problem) not in (GitFailed, CutShort) or self._is_sound():
                    raise
                self._discard()
                self._have_mirror()
                return self._fetched(ref)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread at a time, and one process; for as long as all of it may take."""
        with self._turn, self.git.within(self.caps.seconds), self.held():
            yield

    @contextmanager
    def held(self) -> Iterator[None]:
        """One process at a time. What git starts holds the lock as well, so that a child of a killed process is waited for."""
        if self._lock >= 0:
            yield
            return
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        self._lock = os.open(os.path.join(self.directory, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _locked(self._lock):
                self.git.remaining()
                time.sleep(0.02)
            yield
        finally:
            os.close(self._lock)
            self._lock = -1

    def _have_mirror(self) -> None:
        """Make an empty mirror where there is none."""
        for name in os.listdir(self.directory):
            if name.startswith(_INCOMING):  # of somebody who was killed: nobody else works here meanwhile
                shutil.rmtree(os.path.join(self.directory, name), ignore_errors=True)
        if os.path.exists(os.path.join(self._mirror, "HEAD")):
            return
        temporary = tempfile.mkdtemp(dir=self.directory, prefix=_INCOMING)
        try:
            self.git.run("init", "--quiet", "--bare", temporary)
            if self.extent.sparse:
                mirrors.make_partial(self.git, temporary)
            self._discard()
            os.rename(temporary, self._mirror)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _discard(self) -> None:
        shutil.rmtree(self._mirror, ignore_errors=True)

    def _fetched(self, ref: Ref) -> str:
        name, tip = self._names.wanted(ref)
        kept = self._kept_at(ref)
        if mirrors.tip(self._mirror, kept) != tip:
            self._bring(name, kept, ref)
            mirrors.compact(self.git, self._mirror)
        if name.startswith("refs/tags/"):
            self._call(name, kept)
            self.tag = name.removeprefix("refs/tags/")
        here = mirrors.tip(self._mirror, kept)  # something newer than ``tip``, where that came between
        if not here or self._peeled[0] != here:
            self._peeled = here, self._run("rev-parse", "--verify", f"{kept}^{{commit}}").decode().strip()
        self._tips[self._peeled[1]] = name
        return self._peeled[1]

    def _kept_at(self, ref: Ref) -> str:
        """The reference of ours that keeps what was fetched last."""
        return f"refs/stack/{hashlib.sha256(str(ref).encode()).hexdigest()[:16]}"

    def _call(self, tag: str, kept: str) -> None:
        """Let the mirror call it what the other side does: a signed tag says its own name."""
        self._run("update-ref", tag, kept)

    def _bring(self, name: str, kept: str, ref: Ref) -> None:
        wanted = ("--force", "--", self._remote, f"+{name}:{kept}")
        try:
            self._shallow(*wanted, again=bool(mirrors.tip(self._mirror, kept)))
        except GitFailed as problem:
            if "couldn't find remote ref" in problem.message or "not our ref" in problem.message:
                raise self._names.missing(ref) from None
            if not ref.commit or "unadvertised" not in problem.message:
                raise
            # An old server gives what has a name, and the commits behind it.
            self._away(
                "--force", "--", self._remote, "+refs/heads/*:refs/stack-all/*", "+refs/tags/*:refs/stack-tags/*"
            )
            if not self._has(ref.commit):
                raise self._names.missing(ref) from None
            self._run("update-ref", kept, ref.commit)

    def _shallow(self, *wanted: str, again: bool) -> None:
        """Fetch one commit. What was fetched before is mostly its parent, which then need not be looked for afterwards."""
        if again:
            try:
                self._away("--depth=2", *wanted)
            except TooLarge:
                pass
            else:
                return
        self._away("--depth=1", *wanted)

    @property
    def _remote(self) -> str:
        return mirrors.REMOTE if self.extent.sparse else self.git.url

    def _away(self, *words: str, stdin: bytes = b"") -> bytes:
        """Fetch, in the mirror. One whose files git complains about is thrown away."""
        partial = mirrors.partial(self.git.url) if self.extent.sparse else ()
        filtered = ("--filter=blob:none",) if self.extent.sparse else ()
        try:
            return self.git.run(
                *_FETCH,
                *filtered,
                *words,
                directory=self._mirror,
                config=partial,
                stdin=stdin,
                away=True,
                keep=(self._lock,) if self._lock >= 0 else (),
            )
        except GitFailed as problem:
            if not any("./objects/" in line for line in problem.said):
                raise
            self._discard()
            raise self._damaged() from None

    def _damaged(self) -> GitFailed:
        return GitFailed(f"{self.git.url}: its mirror was damaged; it is fetched anew")

    # Names and history

    def find(self, name: str) -> Ref:
        """What ``name`` is: a whole commit hash, a branch, a tag or a range of versions. Raises RefMissing."""
        with self.git.within(self.caps.seconds):
            return self._names.find(name)

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether ``older``, which was fetched last, lies behind ``newer``."""

        def bring(depth: str, name: str) -> None:
            self._away(depth, "--", self._remote, name)

        with self._alone():
            return Ancestry(self.git, self._mirror, bring).lies_behind(older, newer, self._tips.get(older, older))

    # Checkouts

    def checkout(self, commit: str) -> str:
        """The folder with the files of ``commit``. Raises RepositoryRefused for what is not laid out."""
        with self._alone():
            found = self._checkouts.sound(commit)
            if found is not None:
                return found
            with self._checkouts.incoming() as temporary:
                try:
                    self._fill(commit, temporary)
                    return self._checkouts.settle(commit, temporary)
                except OSError as problem:
                    raise RepositoryRefused(f"{self.git.url} cannot be laid out: {problem.strerror}") from None

    def _fill(self, commit: str, target: str) -> None:
        try:
            self.lay_out(commit, target, Room(self.caps))
        except GitFailed as problem:
            if type(problem) is not GitFailed or self._is_sound():
                raise
            self._discard()
            raise self._damaged() from None

    def lay_out(self, commit: str, target: str, room: Room, depth: int = 0) -> None:
        """Write the files of ``commit`` into an empty folder; ``room`` is what may be written. Raises GitFailed."""
        git, mirror, folders = self.git, self._mirror, self.extent.sparse
        if folders:
            wanted = layout.entries(git, mirror, commit, Room(self.caps), folders, sizes=False)
            mirrors.bring_contents(self._away, git, mirror, [one.object for one in wanted if not one.is_module])
        found = layout.entries(git, mirror, commit, room, folders)
        layout.lay_out(git, mirror, found, target)
        if self.extent.lfs:
            largefiles.replace_pointers(git, mirror, commit, found, target, room)
        if self.extent.submodules:
            for module in submodules.modules(git, mirror, found, depth):
                self._lay_out_module(module, os.path.join(target, module.folder), room, depth + 1)

    def _lay_out_module(self, module: Module, target: str, room: Room, depth: int) -> None:
        extent = Extent(submodules=True, lfs=self.extent.lfs)
        other = Repository(module.url, self._home, module.access, caps=self.caps, extent=extent)
        if other.directory == self.directory:
            raise RepositoryRefused(f"the submodule {module.folder} is the repository itself")
        with other.git.within(self.git.remaining()), other.held():
            other.fetch(Ref(commit=module.commit))
            other.lay_out(module.commit, target, room, depth)

    def remembered(self, commit: str) -> str | None:
        """The checkout of a commit of a former run, mended if it was damaged; nothing is fetched for it."""
        sound = self._checkouts.sound(commit)  # which needs no waiting for somebody who fetches
        try:
            return sound or self.checkout(commit)
        except GitFailed:
            return None

    def complete(self, commit: str) -> str | None:
        """The folder of a commit that is laid out already, whole."""
        return self._checkouts.complete(commit)

    def forget(self, used: Iterable[str]) -> None:
        """Remove checkouts that are not ``used`` (commits), but for the last few, and those that stacks or heads are noted at."""
        with self._alone():
            self._checkouts.forget({*used, *self._noted()})

    def _noted(self) -> Iterator[str]:
        """The commits in the notes beside the mirror: what is head, and what stacks are kept as, mount from and may go back to."""
        for name in os.listdir(self.directory):
            if name.startswith(("head-", "stack-")):
                yield from _COMMITS.findall(read_note(os.path.join(self.directory, name)))

    def readable(self, name: str) -> bytes:
        """A commit or annotated tag as it stands in the mirror; a damaged mirror is thrown away. Raises GitFailed."""
        try:
            kind = self._run("cat-file", "-t", name).decode().strip()
            return self._run("cat-file", kind, name)
        except GitFailed:
            if self._is_sound():
                raise
            self._discard()
            raise self._damaged() from None

    def _run(self, *words: str) -> bytes:
        return self.git.run(*words, directory=self._mirror)

    def _has(self, commit: str) -> bool:
        try:
            self._run("cat-file", "-e", f"{commit}^{{commit}}")
        except GitFailed:
            return False
        return True

    def _is_sound(self) -> bool:
        """Whether all in the mirror is as it should be. Of an index that cannot be read fsck complains, and succeeds."""
        words = ("fsck", "--full", "--no-dangling", "--no-progress")
        try:
            with self.git.call(*words, directory=self._mirror) as call:
                call.read(1 << 20)
        except Unreachable:  # no time is left to find out
            return True
        except GitFailed:
            return False
        return not any(line.startswith(("error", "fatal", "missing", "broken")) for line in call.said)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
