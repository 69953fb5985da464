"""What a keeper loads from when its stack lies in a repository.

A ``GitSource`` is one stack of what a ``Follower`` brings: it answers with the same stack as long as no file that the stack depends
on has changed, so that a commit touches only the stacks that it is about.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from orchestrator.admission.guard import Admitting
from orchestrator.controller.sources import Guard, Newer, Source, Wanted, Why, Withheld
from orchestrator.errors import NotFound, RuleViolation, SpecError, StackError, Where
from orchestrator.gitops import dependencies, loading, standing
from orchestrator.gitops.follower import Follower, Head
from orchestrator.gitops.gate import OPEN, WAITS_FOR_SYNC, Gate
from orchestrator.gitops.selection import env_files, spec_files
from orchestrator.gitops.standing import REMEMBERED, Held, Version
from orchestrator.model.host import HostStack
from orchestrator.model.stack import Stack
from orchestrator.records import dataclass, replace
from orchestrator.secrets.decrypting import loaded
from orchestrator.secrets.errors import OF_KEYS
from orchestrator.secrets.keys import Keys, of_host
from orchestrator.secrets.stores import NO_STORES, Granted
from orchestrator.spec import files
from orchestrator.spec.load import Canonical, LoadRequest

NEW_SECONDS = 3600.0  # for so long after it first ran well, a version may be what is to blame


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A commit's stack, and the version that it is."""

    wanted: Wanted
    version: Version


class GitSource(Source):
    """One stack in a repository: the folder ``path`` of the follower's head. Who only looks ``remembers`` nothing of it.

    What is kept is the last version that was taken; a commit that the stack has nothing of is the same version. A newer one
    is a candidate until somebody takes it, and what ``gate`` says may keep it waiting.
    """

    def __init__(
        self,
        entry: HostStack,
        follower: Follower,
        path: str,
        key: Callable[[], bytes],
        *,
        overlays: Iterable[str] = (),
        environment: str = "",
        remembers: bool = True,
        gate: Gate = OPEN,
        now: Callable[[], float] = time.time,
        keys: Callable[[], Keys] | None = None,
        stores: Granted = NO_STORES,
        admitting: Admitting | None = None,
    ) -> None:
        self._remembers, self._gate, self._now = remembers, gate, now
        self._admitting = admitting
        self._keys, self._stores = keys or partial(of_host, entry.decryption), stores
        self._seen: dict[str, int] = {}
        self._entry, self._follower, self._path, self._key = entry, follower, path, key
        self._overlays, self._environment = tuple(overlays), environment
        self._note = os.path.join(follower.repository.directory, f"stack-{entry.name}")
        self._lock = threading.RLock()
        self._standing = standing.read(self._note)
        self._head: Head | None = None
        self._kept: Wanted | None = None
        self._newest: Found | None = None
        self._invalid: SpecError | None = None
        self._forced = False

    def load(self) -> Wanted:
        with self._lock:
            self._look()
            if self._kept is None:
                raise self._invalid or self._nothing_kept()
            return self._kept

    def newest(self) -> Wanted:
        """What the newest commit has, taken without a question."""
        with self._lock:
            self._look()
            if self._newest is None:
                raise self._invalid or self._nothing_kept()
            self.take(self._newest.wanted)
            assert self._kept is not None
            return self._kept

    def candidate(self) -> Wanted | None:
        with self._lock:
            self._look()
            found = self._candidate()
            return found.wanted if found is not None else None

    def newer(self) -> Newer | None:
        with self._lock:
            if self._head is None:
                return None
            if self._invalid is not None:
                problem = self._invalid
                return Newer(
                    version=self._head.commit,
                    why=Why.INVALID,
                    message=problem.message,
                    reference=problem.ref,
                    where=problem.where,
                )
            if self._is_held(self._newest):
                return self._failure()
            found = self._candidate()
            return self._waits(found) if found is not None else None

    @property
    def commits(self) -> set[str]:
        """The commits whose checkouts are used, or needed for the way back."""
        with self._lock:
            return self._standing.commits()

    def take(self, candidate: Wanted) -> None:
        with self._lock:
            found = self._newest
            if found is None or found.wanted is not candidate:
                return  # there is a newer one by now
            self._kept, self._forced = candidate, False
            self._remember(kept=found.version, held=None, approved="")

    def proven(self) -> None:
        with self._lock:
            kept, well = self._standing.kept, self._standing.well
            if kept is None or (well and well[0].digest == kept.digest):
                return
            others = tuple(version for version in well if version.digest != kept.digest)
            self._remember(well=(replace(kept, proven=self._now()), *others)[:REMEMBERED])

    def failed(self, message: str, services: Iterable[str] = (), *, unproven: bool = False) -> bool:
        with self._lock:
            bad, well = self._standing.kept, self._standing.well
            if bad is None:
                return False
            if well and well[0].digest == bad.digest:
                if unproven or self._now() - well[0].proven > NEW_SECONDS:
                    return False
                well = well[1:]
            back = next((one for one in well if self._is_there(one)), None)
            if back is None or not _differs(back, bad, services):
                return False
            self._go_back(bad, back, well, message)
            return True

    def _go_back(self, bad: Version, back: Version, well: tuple[Version, ...], message: str) -> None:
        gone = tuple(sorted(bad.services.keys() - back.services.keys()))
        held = Held(commit=bad.commit, digest=bad.digest, message=message, since=self._now(), gone=gone)
        self._remember(kept=back, held=held, well=well)
        self._head = self._kept = None
        self._look()

    def approve(self, version: str = "") -> str:
        with self._lock:
            self._look()
            found, newer = self._candidate(), self.newer()
            if found is None or newer is None or not newer.approvable:
                raise NotFound(
                    f"nothing of {self._entry.name} waits for approval: {newer.message if newer else 'it is at its newest'}",
                    reference="nothing-waits",
                )
            commit = found.version.commit
            if not commit.startswith(version):
                raise NotFound(
                    f"commit {version[:12]} is not what waits, {commit[:12]} is",
                    hint="look at its plan, and approve that",
                    reference="nothing-waits",
                )
            self._remember(approved=found.version.digest)
            return commit

    def ask_for(self) -> None:
        """Somebody asks for the newest version: that is enough where it waits for nothing else."""
        with self._lock:
            self._look()
            found, newer = self._candidate(), self.newer()
            if found is not None and newer is not None and newer.reference == WAITS_FOR_SYNC:
                self._remember(approved=found.version.digest)

    def force(self) -> None:
        with self._lock:
            self._look()
            self._remember(held=None)
            self._forced = self._candidate() is not None

    def places(self) -> tuple[str, ...]:
        return ()  # commits are told by the follower

    def _look(self) -> None:
        """Find out what the head has, and what is kept, where either may have changed."""
        head = self._follower.head
        anew = self._stores.versions(self._seen) != self._seen
        if head is None or (head == self._head and not anew and not self._may_pass_now()):
            return
        self._head = head
        self._kept = None if anew else self._kept
        try:
            self._newest, self._invalid = self._found(head, self._standing.kept), None
        except SpecError as problem:
            self._newest, self._invalid = None, problem
        kept = self._standing.kept
        if kept is None:
            return
        if self._newest is not None and self._newest.version.digest == kept.digest:
            self._kept = self._newest.wanted
            self._remember(kept=self._newest.version, held=None)
        elif self._kept is None or self._kept.version != kept.commit:
            self._kept = self._again(kept)

    def _may_pass_now(self) -> bool:
        """Whether what was wrong with the head is for the operator to put right, rather than for a commit."""
        return self._invalid is not None and self._invalid.ref in OF_KEYS

    def _again(self, kept: Version) -> Wanted | None:
        """What is kept, from its own checkout; None where that has gone, so that the newest has to do."""
        place = self._follower.repository.complete(kept.commit)
        if place is None:
            self._remember(kept=None)
            return None
        held = self._standing.held
        try:
            wanted = self._found(Head(commit=kept.commit, place=place), kept).wanted
        except SpecError as problem:  # what the host gives it has changed
            self._invalid = self._invalid or problem
            return None
        return replace(wanted, gone=frozenset(held.gone)) if held is not None else wanted

    def _candidate(self) -> Found | None:
        found, kept = self._newest, self._standing.kept
        if found is None or self._is_held(found) or (kept is not None and kept.digest == found.version.digest):
            return None
        return found

    def _is_held(self, found: Found | None) -> bool:
        held = self._standing.held
        return found is not None and held is not None and held.digest == found.version.digest

    def _failure(self) -> Newer:
        held, kept = self._standing.held, self._standing.kept
        assert held is not None
        assert kept is not None
        return Newer(
            version=held.commit,
            why=Why.FAILED,
            message=f"commit {held.commit[:12]} failed ({held.message}); {kept.commit[:12]} serves; "
            "a newer commit is waited for",
            reference="commit-held",
        )

    def _waits(self, found: Found) -> Newer | None:
        """Why a candidate may not be taken yet, if it may not."""
        if self._forced:
            return None
        return self._gate.waits(
            self._entry.name,
            found.version.commit,
            agreed=self._standing.approved == found.version.digest,
            lost=self._lost(found),
            of=len(self._standing_services()),
        )

    def _lost(self, found: Found) -> list[str]:
        """The services that a commit would remove, where these are more than half."""
        before = self._standing_services()
        lost = sorted(before - found.version.services.keys())
        return lost if len(lost) * 2 > len(before) else []

    def _standing_services(self) -> set[str]:
        return set(self._standing.kept.services) if self._standing.kept is not None else set()

    def _is_there(self, version: Version) -> bool:
        return all(self._follower.repository.complete(commit) for commit in version.commits())

    def _nothing_kept(self) -> StackError:
        if self._follower.head is None:
            return self._follower.trouble or _NOT_FETCHED
        newer = self.newer()
        return Withheld(
            newer.message if newer else "no commit was taken yet", reference=newer.reference if newer else ""
        )

    def _remember(self, **changes: Any) -> None:
        self._standing = replace(self._standing, **changes)
        if self._remembers:
            standing.write(self._note, self._standing)

    def _found(self, head: Head, before: Version | None) -> Found:
        """The stack of a commit, with its mounts where their content lay ``before``."""
        canonical = self._canonical(head)
        key = self._key()
        version = dependencies.version(canonical, head.place, head.commit, key, before.anchors if before else {})
        folders = {
            path: place
            for path, anchor in version.anchors.items()
            if (place := self._follower.repository.complete(anchor.commit)) is not None
        }
        dependencies.anchor(canonical, head.place, folders)
        return Found(wanted=self._wanted(canonical, head), version=version)

    def _canonical(self, head: Head) -> Canonical:
        folder = os.path.join(head.place, self._path)
        request = LoadRequest(
            files=self._files(folder, head),
            environment=dict(self._entry.variables),
            current_directory=folder,
            project_name=self._entry.name,
            env_files=(*env_files(folder, self._environment), *self._entry.env_files),
            profiles=self._entry.profiles,
            disk=loading.files_below(head.place, self._entry.env_files),
        )
        load = partial(loading.canonical, place=head.place, commit=head.commit)
        return loaded(request, self._keys, load)

    def _wanted(self, canonical: Canonical, head: Head) -> Wanted:
        files_of_stack = LoadRequest(
            disk=loading.files_of(canonical, head.place), secret_values=canonical.secret_values
        )
        stack = loaded(files_of_stack, self._keys, partial(self._stack, canonical), self._stores)
        self._seen |= self._stores.versions(stack.stored)
        stack, guard = self._admitted(stack, canonical, head)
        return Wanted(
            stack=stack,
            guard=guard,
            canonical=canonical,
            version=head.commit,
            origin={
                "commit": head.commit,
                "repository": self._follower.repository.git.url,
                "ref": str(self._follower.ref),
            },
        )

    def _stack(self, canonical: Canonical, request: LoadRequest) -> Stack:
        known = replace(canonical, secret_values=request.secret_values)
        return loading.stack(known, key=self._key(), disk=request.disk)

    def _admitted(self, stack: Stack, canonical: Canonical, head: Head) -> tuple[Stack, Guard | None]:
        """The stack as this host's policy takes it. Raises Refused: then nothing of it is touched."""
        if self._admitting is None:
            return stack, None
        about = f"commit {head.commit[:12]}"
        return self._admitting.admitted(
            stack, canonical.model, place=head.place, lent=self._entry.env_files, about=about
        )

    def _files(self, folder: str, head: Head) -> tuple[str, ...]:
        """The spec of the folder with its overlays. Without one nothing is wanted, which never means "remove everything"."""
        found = spec_files(folder, self._environment, self._overlays)
        if not found:
            raise RuleViolation(
                f"commit {head.commit[:12]} has no spec in {self._path}",
                where=Where(self._path),
                hint=f"{files.NAMES[0]} or app.yml; what runs goes on",
                reference="git-no-spec",
            )
        return found


def _differs(back: Version, bad: Version, services: Iterable[str]) -> bool:
    """Whether going back changes any of these services; without any, whether it changes anything."""
    named = list(services)
    if not named:
        return back.digest != bad.digest
    return any(back.services.get(name) != bad.services.get(name) for name in named)


_NOT_FETCHED = StackError("the repository was not fetched yet", reference="git-not-fetched")
