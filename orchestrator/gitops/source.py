"""What a keeper loads from when its stack lies in a repository.

A ``GitSource`` is one stack of what a ``Follower`` brings: it answers with the same stack as long as no file that the stack depends
on has changed, so that a commit touches only the stacks that it is about. Reading a commit may take as long as whoever wrote it
likes: who calls ``read`` for it is never kept waiting by another question.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from orchestrator.controller.sources import Newer, Source, Wanted, Why, Withheld
from orchestrator.errors import NotFound, SpecError, StackError, UsageError
from orchestrator.gitops import standing
from orchestrator.gitops.folder import Folder, Found
from orchestrator.gitops.follower import Head
from orchestrator.gitops.gate import OPEN, WAITS_FOR_SYNC, Gate
from orchestrator.gitops.retries import Retries
from orchestrator.gitops.standing import REMEMBERED, Standing, Version
from orchestrator.records import replace
from orchestrator.secrets.errors import OF_KEYS

NEW_SECONDS = 3600.0  # for so long after it first ran well, a version may be what is to blame


class GitSource(Source):
    """One stack in a repository: the ``folder`` of the follower's head. Who only looks ``remembers`` nothing of it.

    What is kept is the last version that was taken; a commit that the stack has nothing of is the same version. A newer one
    is a candidate until somebody takes it, and what ``gate`` says may keep it waiting. Once the repository no longer has the stack,
    ``leaving`` says how it stands with that, and ``agree`` is how somebody agrees to it: there is nothing newer then.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        remembers: bool = True,
        gate: Gate = OPEN,
        leaving: Callable[[], Newer | None] = lambda: None,
        agree: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._follower = folder, folder.follower
        self._remembers, self._gate, self._now = remembers, gate, now
        self._leaving, self._agree, self._left = leaving, agree, False
        self._note = os.path.join(self._follower.repository.directory, f"stack-{folder.name}")
        self._lock = threading.RLock()
        self._reading = threading.Lock()  # never waited for by who has the other one
        self._aside = False  # somebody calls ``read``
        self._stale = False  # the last reading came to nothing
        self._standing = standing.read(self._note)
        self._head: Head | None = None
        self._kept: Wanted | None = None
        self._newest: Found | None = None
        self._invalid: StackError | None = None
        self._retries = Retries(monotonic)
        self._forced = False

    def load(self) -> Wanted:
        self._look()
        with self._lock:
            if self._kept is None:
                raise self._invalid or self._nothing_kept()
            return self._kept

    def newest(self) -> Wanted:
        """What the newest commit has, taken without a question."""
        self._look()
        with self._lock:
            if self._newest is None:
                raise self._invalid or self._nothing_kept()
            self.take(self._newest.wanted)
            assert self._kept is not None
            return self._kept

    @property
    def outdated(self) -> bool:
        head, left = self._follower.head, self._leaving() is not None
        return head is not None and (head, left) != (self._head, self._left)

    @property
    def doubtful(self) -> bool:
        return self._follower.head is not None and (self._stale or self._folder.stored_anew or self._may_pass_now())

    @property
    def ready(self) -> bool:
        return self._kept is not None

    def candidate(self) -> Wanted | None:
        self._look()
        with self._lock:
            found = self._candidate()
            return found.wanted if found is not None else None

    def newer(self) -> Newer | None:
        with self._lock:
            leaving = self._leaving()
            if leaving is not None or self._head is None:
                return leaving
            if self._invalid is not None:
                problem = self._invalid
                return Newer(
                    version=self._head.commit,
                    why=Why.INVALID,
                    message=problem.message,
                    reference=problem.ref,
                    where=problem.where,
                    retry_in=self._retries.next_in,
                )
            if self._is_held(self._newest):
                return self._failure()
            found = self._candidate()
            return self._waits(found) if found is not None else None

    def last(self) -> Wanted | None:
        """What is kept, None where nothing was ever taken. Raises SpecError where it cannot be had."""
        return self.load() if self._standing.kept is not None else None

    def forget(self) -> None:
        """The stack is gone: if it ever comes back, it is a new one."""
        with self._lock:
            self._standing = Standing()
            standing.forget(self._note)

    @property
    def commits(self) -> set[str]:
        """The commits whose checkouts are used, or needed for the way back; not waited for while a spec is read."""
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
            if back is None or not standing.differs(back, bad, services):
                return False
            self._go_back(bad, back, well, message)
            return True

    def _go_back(self, bad: Version, back: Version, well: tuple[Version, ...], message: str) -> None:
        self._remember(kept=back, held=standing.held(bad, back, message, self._now()), well=well)
        try:
            self._kept = self._again(back)
        except SpecError as problem:  # what the host gives it has changed
            self._kept, self._invalid = None, problem

    def approve(self, version: str = "") -> str:
        self._read_all()
        with self._lock:
            newer = self.newer()
            if newer is None or not newer.approvable:
                raise NotFound(
                    f"nothing of {self._folder.name} waits for approval: {newer.message if newer else 'it is at its newest'}",
                    reference="nothing-waits",
                )
            if not newer.version.startswith(version):
                raise NotFound(
                    f"commit {version[:12]} is not what waits, {newer.version[:12]} is",
                    hint="look at its plan, and approve that",
                    reference="nothing-waits",
                )
            self._agreed()
            return newer.version

    def ask_for(self) -> None:
        """Somebody asks for the newest version: that is enough where it waits for nothing else."""
        self._read_all()
        with self._lock:
            newer = self.newer()
            if newer is not None and newer.reference == WAITS_FOR_SYNC:
                self._agreed()

    def _agreed(self) -> None:
        found = self._candidate()
        if found is None:
            self._agree()
        else:
            self._remember(approved=found.version.digest)

    def force(self) -> None:
        with self._lock:
            if self._invalid is not None:
                self._stale = True  # what could not be read may be read by now
                self._retries.over()
        self._look()
        with self._lock:
            self._remember(held=None)
            self._forced = self._stale or self.outdated or self._candidate() is not None

    def places(self) -> tuple[str, ...]:
        return ()  # commits are told by the follower

    def read(self) -> None:
        self._aside = True
        self._read()

    def _look(self) -> None:
        """Who asks reads what is new, unless somebody else does and there is an answer already."""
        if not self._aside or (self._head is None and self._kept is None):
            self._read_all()

    def _read_all(self) -> None:
        self._read()
        if self.outdated:  # by what is kept alone
            self._read()

    def _read(self) -> None:
        """Find out what the head has, and what is kept, where either may have changed."""
        with self._reading:
            head, left = self._follower.head, self._leaving() is not None
            if head is None or not (self.outdated or self.doubtful):
                return
            try:
                self._read_head(head, left)
            except BaseException:  # it was not the commit: it is worth another reading
                with self._lock:
                    self._head, self._left, self._newest, self._invalid, self._stale = head, left, None, None, True
                raise

    def _read_head(self, head: Head, left: bool) -> None:
        """What is kept comes first and alone, where it is not known: it is to be mended whatever reading the head takes."""
        with self._lock:
            kept, missing = self._standing.kept, self._is_missing()
        again, trouble = None, None
        if kept is not None and missing and kept.commit != head.commit:
            again, trouble, kept = self._known_again(kept)
            if again is not None and self.outdated:
                return
        newest, problem = (None, None) if left else self._found(head, kept)
        is_kept = newest is not None and kept is not None and newest.version.digest == kept.digest
        if kept is not None and missing and kept.commit == head.commit and not is_kept:
            again, trouble, kept = self._known_again(kept)
        with self._lock:
            if self._standing.kept is not kept:
                return  # it was taken, or given up, meanwhile: what was found may be out of date
            self._head, self._left, self._stale = head, left, False
            self._newest = newest
            self._invalid = trouble if trouble is not None and (trouble.retryable or problem is None) else problem
            if newest is not None and is_kept:
                self._kept = newest.wanted
                self._remember(kept=newest.version, held=None)
            elif kept is not None and missing:
                self._kept = again
            self._forced = self._forced and newest is not None
            self._retries.judged(self._invalid, head.commit, needed=self._kept is None and kept is not None)

    def _is_missing(self) -> bool:
        """Whether what is kept has to be read once more."""
        kept = self._standing.kept
        known = self._kept is not None and kept is not None and self._kept.version == kept.commit
        return kept is not None and (not known or self._folder.stored_anew)

    def _known_again(self, kept: Version) -> tuple[Wanted | None, SpecError | None, Version | None]:
        """What is kept, or why it cannot be had; and what is to be kept after that."""
        try:
            wanted = self._again(kept)
        except SpecError as problem:  # what the host gives it has changed
            return None, problem, kept
        with self._lock:
            if wanted is not None and self._standing.kept is kept:
                self._kept = wanted
            return wanted, None, kept if wanted is not None else self._standing.kept

    def _found(self, head: Head, kept: Version | None) -> tuple[Found | None, StackError | None]:
        try:
            return self._folder.at(head, kept), None
        except (SpecError, UsageError) as problem:
            return None, problem

    def _may_pass_now(self) -> bool:
        """Whether what was wrong with the head is for the operator to put right, or for time, rather than for a commit."""
        problem = self._invalid
        return problem is not None and (problem.ref in OF_KEYS or self._retries.due)

    def _again(self, kept: Version) -> Wanted | None:
        """What is kept, from its own checkout; None where that has gone, so that the newest has to do."""
        place = self._follower.repository.complete(kept.commit)
        if place is None:
            self._remember(kept=None)
            return None
        held = self._standing.held
        wanted = self._folder.at(Head(commit=kept.commit, place=place), kept).wanted
        if held is None:
            return wanted
        return replace(wanted, gone=frozenset(held.gone), gone_networks=frozenset(held.gone_networks))

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
            self._folder.name,
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


_NOT_FETCHED = StackError("the repository was not fetched yet", reference="git-not-fetched")
