"""What a keeper loads from when its stack lies in a repository, and who brings new commits.

A ``Follower`` fetches one repository's reference again and again, verifies what it finds and lays it out; its ``head`` is the
newest commit that passed, also over restarts and while git is away. A ``GitSource`` is one stack of it: it answers with the same
stack as long as no file that the stack depends on has changed, so that a commit touches only the stacks that it is about.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from orchestrator.controller.backoff import Backoff
from orchestrator.controller.sources import Wanted
from orchestrator.errors import RuleViolation, StackError, Where
from orchestrator.gitops.git import GitFailed
from orchestrator.gitops.repository import Ref, Repository
from orchestrator.gitops.signatures import SignatureRefused, Verify, verify
from orchestrator.model.host import HostStack
from orchestrator.model.stack import Stack
from orchestrator.model.values import MountType
from orchestrator.records import dataclass, replace
from orchestrator.spec import files
from orchestrator.spec.load import LoadRequest, load_canonical, stack_of

AWAY = Backoff(first=5.0, longest=300.0)
MOST_HASHED = 20_000  # files of a folder that a stack mounts or builds from


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A commit that was fetched, verified and laid out at ``place``."""

    commit: str
    place: str


class Follower:
    """Follows one reference of a repository. ``changed`` is called, in its thread, for each new head and each new trouble."""

    def __init__(
        self,
        repository: Repository,
        ref: Ref,
        *,
        interval: float,
        changed: Callable[[], None],
        chance: Callable[[], float],
        how: Verify = Verify.OFF,
        keys: str = "",
        allow_rollback: bool = False,
    ) -> None:
        self.repository, self.ref = repository, ref
        self._interval, self._changed, self._chance = interval, changed, chance
        self._how, self._keys, self._allow_rollback = how, keys, allow_rollback
        self._note = os.path.join(repository.directory, f"head-{hashlib.sha256(str(ref).encode()).hexdigest()[:12]}")
        self.head: Head | None = self._remembered()
        self.trouble: StackError | None = None
        self.failures = 0
        self._wake = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="git", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def poke(self) -> None:
        """Fetch now: somebody says that there is something new. Where from and what is not for them to say."""
        self._wake.set()

    def stop(self) -> None:
        self._ended = True
        self._wake.set()

    def fetch(self) -> None:
        """Once; trouble is kept and told, never raised."""
        try:
            head = self._fetched()
        except (StackError, OSError, tarfile.TarError) as error:
            problem = error if isinstance(error, StackError) else GitFailed(f"{self.repository.git.url}: {error}")
            self.failures += 1
            news = self.trouble is None or self.trouble.message != problem.message
            self.trouble = problem
        else:
            news = self.trouble is not None or head != self.head
            self.failures, self.trouble, self.head = 0, None, head
            write_note(self._note, head.commit)
        if news:
            self._changed()

    def _fetched(self) -> Head:
        commit = self.repository.fetch(self.ref)
        if self.head is not None and commit == self.head.commit:
            return self.head
        verify(self.repository, commit, self.ref.tag, self._how, self._keys)
        if self.head is not None and not self._allow_rollback and self.repository.is_ancestor(commit, self.head.commit):
            raise SignatureRefused(
                f"{commit[:12]} lies before {self.head.commit[:12]}, which was applied",
                hint="`allow_rollback: true` on the source permits to go back",
                reference="git-went-back",
            )
        return Head(commit=commit, place=self.repository.checkout(commit))

    def _remembered(self) -> Head | None:
        """The last good head of a former run: verified then, and whole."""
        commit = read_note(self._note)
        place = self.repository.complete(commit) if commit else None
        return Head(commit=commit, place=place) if place else None

    def _work(self) -> None:
        while not self._ended:
            self._wake.clear()
            self.fetch()
            pause = AWAY.delay(self.failures, self._chance()) if self.failures else self._interval
            self._wake.wait(pause * (0.9 + 0.2 * self._chance()))


class GitSource:
    """One stack in a repository: the folder ``path`` of the follower's head. Who only looks ``remembers`` nothing of it."""

    def __init__(
        self,
        entry: HostStack,
        follower: Follower,
        path: str,
        key: Callable[[], bytes],
        *,
        overlays: Iterable[str] = (),
        remembers: bool = True,
    ) -> None:
        self._remembers = remembers
        self._entry, self._follower, self._path, self._key = entry, follower, path, key
        self._overlays = tuple(overlays)
        self._head: Head | None = None
        self._wanted: Wanted | None = None
        self._approved = ""
        self._note = os.path.join(follower.repository.directory, f"stack-{entry.name}")

    def load(self) -> Wanted:
        head = self._follower.head
        if head is None:
            raise self._follower.trouble or _NOT_FETCHED
        if head != self._head:
            self._wanted = self._settled(head)
            self._head = head
        assert self._wanted is not None
        return self._wanted

    def _check_loss(self, wanted: Wanted, head: Head) -> None:
        """A commit that would remove more than half of the services is held until somebody agrees."""
        before = self._wanted.stack.services.keys() if self._wanted else set()
        lost = before - wanted.stack.services.keys()
        if len(lost) * 2 > len(before) and self._approved != head.commit:
            raise RuleViolation(
                f"commit {head.commit[:12]} would remove {len(lost)} of {len(before)} services: {', '.join(sorted(lost))}",
                where=Where(self._path),
                hint=f"if that is meant, `stack daemon apply {self._entry.name}`; until then what runs goes on",
                reference="git-much-removed",
            )

    @property
    def commit(self) -> str:
        """The commit whose checkout is used: it must not be removed."""
        return read_note(self._note).partition(" ")[0]

    def _settled(self, head: Head) -> Wanted:
        """The stack of ``head``; laid out where it was before if nothing of it has changed since, so that no mount moves."""
        wanted = self._loaded(head)
        self._check_loss(wanted, head)
        digest = content_digest(wanted.stack, head.place)
        commit, _, known = read_note(self._note).partition(" ")
        place = self._follower.repository.complete(commit) if known == digest else None
        if place is not None and commit != head.commit:
            before = self._loaded(Head(commit=commit, place=place))
            return replace(before, version=wanted.version, origin=wanted.origin)
        if self._remembers:
            write_note(self._note, f"{head.commit} {digest}")
        return wanted

    def approve(self) -> None:
        """Take what the newest commit has, also where it removes much."""
        self._approved = self._follower.head.commit if self._follower.head else ""

    def places(self) -> tuple[str, ...]:
        return ()  # commits are told by the follower

    def _loaded(self, head: Head) -> Wanted:
        folder = os.path.join(head.place, self._path)
        canonical = load_canonical(
            LoadRequest(
                files=self._files(folder, head),
                environment=dict(self._entry.variables),
                current_directory=folder,
                project_name=self._entry.name,
                env_files=self._entry.env_files,
                profiles=self._entry.profiles,
            )
        )
        return Wanted(
            stack=stack_of(canonical, key=self._key()),
            canonical=canonical,
            version=head.commit,
            origin={
                "commit": head.commit,
                "repository": self._follower.repository.git.url,
                "ref": str(self._follower.ref),
            },
        )

    def _files(self, folder: str, head: Head) -> tuple[str, ...]:
        """The spec of the folder with its overlays. Without one nothing is wanted, which never means "remove everything"."""
        main = next((path for name in files.NAMES if os.path.isfile(path := os.path.join(folder, name))), None)
        if main is None:
            raise RuleViolation(
                f"commit {head.commit[:12]} has no spec in {self._path}",
                where=Where(self._path),
                hint=f"{files.NAMES[0]} or app.yml; what runs goes on",
                reference="git-no-spec",
            )
        overlays = (os.path.join(folder, name) for name in self._overlays)
        return (main, *(path for path in overlays if os.path.isfile(path)))


def read_note(path: str) -> str:
    """What was remembered at ``path``, "" for nothing."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""


def write_note(path: str, text: str) -> None:
    draft = f"{path}.{os.getpid()}.{threading.get_ident()}"
    with open(draft, "w", encoding="ascii") as file:
        file.write(text + "\n")
    os.replace(draft, path)


_NOT_FETCHED = StackError("the repository was not fetched yet", reference="git-not-fetched")


def discovered(place: str, path: str) -> dict[str, str]:
    """The stacks in a checkout: each folder of ``path`` with a spec, by its name, or ``path`` itself where it has one."""
    base = os.path.join(place, path)
    found: dict[str, str] = {}
    try:
        entries = sorted(entry.name for entry in os.scandir(base) if entry.is_dir())
    except OSError:
        return {}
    if _has_spec(base):
        return {os.path.basename(os.path.normpath(path)) or "stack": path}
    for name in entries:
        if _has_spec(os.path.join(base, name)):
            found[name] = os.path.join(path, name)
    return found


def _has_spec(folder: str) -> bool:
    return any(os.path.isfile(os.path.join(folder, name)) for name in files.NAMES)


def content_digest(stack: Stack, place: str) -> str:
    """A digest of every file of the checkout that the stack depends on: its spec, what it mounts, builds from and is granted."""
    digest = hashlib.sha256()
    for path in sorted(set(_depended_on(stack, place))):
        for name in _files_below(path):
            digest.update(os.path.relpath(name, place).encode() + b"\0")
            digest.update(_content(name))
    return digest.hexdigest()


def _depended_on(stack: Stack, place: str) -> Iterator[str]:
    candidates: list[str] = list(stack.sources)
    for service in stack.services.values():
        candidates += [mount.source for mount in service.container.mounts if mount.type is MountType.BIND]
        candidates += [grant.source for grant in service.container.files if grant.source]
        if service.build is not None:
            candidates.append(service.build.context)
            candidates += _local(service.build.additional_contexts)
    return (path for path in candidates if path == place or path.startswith(place + os.sep))


def _local(contexts: Mapping[str, str]) -> list[str]:
    return [context for context in contexts.values() if os.path.isabs(context)]


def _files_below(path: str) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
        return
    count = 0
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > MOST_HASHED:
                return
            yield os.path.join(folder, name)


def _content(path: str) -> bytes:
    try:
        if os.path.islink(path):
            return b"link " + os.readlink(path).encode()
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest() + bytes([os.stat(path).st_mode & 0o100 > 0])
    except OSError:
        return b"absent"
