"""Who brings new commits of a repository.

A ``Follower`` fetches one reference again and again, verifies what it finds and lays it out; its ``head`` is the newest commit that
passed, also over restarts and while git is away. What the commits mean for each stack is not its business (``source``).
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

from orchestrator.controller.backoff import Backoff
from orchestrator.errors import StackError
from orchestrator.gitops.git import GitFailed
from orchestrator.gitops.notes import read_note, write_note
from orchestrator.gitops.repository import Ref, Repository
from orchestrator.gitops.signatures import SignatureRefused, Verify, verify
from orchestrator.records import dataclass

AWAY = Backoff(first=5.0, longest=300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A commit that was fetched, verified and laid out at ``place``."""

    commit: str
    place: str


def head_note(repository: Repository, ref: Ref, how: Verify, keys: str) -> str:
    """The path of the note of the last good head. What passed under other demands, or by hand, is no head of this one."""
    demands = f"{ref}\n{how}\n{keys}".encode()
    return os.path.join(repository.directory, f"head-{hashlib.sha256(demands).hexdigest()[:12]}")


class Followed(Protocol):
    """A reference, and the commit of it that counts."""

    @property
    def repository(self) -> Repository: ...

    @property
    def ref(self) -> Ref: ...

    @property
    def head(self) -> Head | None: ...

    @property
    def trouble(self) -> StackError | None: ...


class Follower:
    """Follows one reference of a repository. ``changed`` is called, in its thread, for each new head and each new trouble;
    ``looked`` after each fetch, whatever came of it.
    """

    def __init__(
        self,
        repository: Repository,
        ref: Ref,
        *,
        interval: float,
        changed: Callable[[], None],
        chance: Callable[[], float],
        looked: Callable[[], None] = lambda: None,
        how: Verify = Verify.OFF,
        keys: str = "",
        allow_rollback: bool = False,
    ) -> None:
        self.repository, self.ref = repository, ref
        self._interval, self._changed, self._chance, self._looked = interval, changed, chance, looked
        self._how, self._keys, self._allow_rollback = how, keys, allow_rollback
        self._note = head_note(repository, ref, how, keys)
        self.head: Head | None = self._remembered()
        self.trouble: StackError | None = None
        self.failures = 0
        self._wake = threading.Event()
        self._ended = False
        self._fetching = threading.Lock()
        self.fetched_at = 0.0  # when it was last found out what there is; seconds since 1970
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
        with self._fetching:  # until it is known here as well: who fetches next has something newer
            news = self._has_news()
        if news:
            self._changed()
        self._looked()

    def _has_news(self) -> bool:
        try:
            head = self._fetched()
            write_note(self._note, head.commit)
        except (StackError, OSError, ValueError) as error:
            problem = error if isinstance(error, StackError) else GitFailed(f"{self.repository.git.url}: {error}")
            self.failures += 1
            news = self.trouble is None or self.trouble.message != problem.message
            self.trouble = problem
        else:
            news = self.trouble is not None or head != self.head
            self.failures, self.trouble, self.head, self.fetched_at = 0, None, head, time.time()
        return news

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
        """The last good head of a former run: verified then, and still as it was laid out."""
        commit = read_note(self._note)
        place = self.repository.remembered(commit) if commit else None
        return Head(commit=commit, place=place) if place else None

    def _work(self) -> None:
        while not self._ended:
            self._wake.clear()
            self.fetch()
            pause = AWAY.delay(self.failures, self._chance()) if self.failures else self._interval
            self._wake.wait(pause * (0.9 + 0.2 * self._chance()))
