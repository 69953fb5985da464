"""What the sources of a running daemon would become with other commits as their heads, one question at a time.

A question costs a fetch and as many loads as the source has stacks, so whoever may ask cannot have many answered at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.daemon.keeping import Daemon
from orchestrator.errors import LockHeld, UsageError
from orchestrator.gitops import hosted
from orchestrator.gitops.proposal import About, Fixed, Means, Proposal, of_source
from orchestrator.gitops.selection import Chosen
from orchestrator.gitops.source import GitSource

WAIT_SECONDS = 120.0  # for the question before
MOST_WAITING = 4  # each takes up one of the API's threads
LONGEST_REF = 255


class Proposing:
    """``propose`` is for any thread."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._one = threading.Lock()
        self._here = threading.BoundedSemaphore(1 + MOST_WAITING)

    def propose(self, source: str, ref: str) -> Proposal:
        """Raises NotFound for an unknown source, and what keeps the commit from being had."""
        daemon = self._daemon
        about = daemon.repositories.about(source)
        if len(ref) > LONGEST_REF:
            raise UsageError(f"a reference has at most {LONGEST_REF} characters")
        with self._turn():
            visit = hosted.visit(about.source, os.path.join(daemon.parts.state, "git"))
            return of_source(about, self._means(about), visit, ref)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One at a time; a few may wait for theirs."""
        if not self._here.acquire(blocking=False):
            raise _busy()
        try:
            if not self._one.acquire(timeout=WAIT_SECONDS):
                raise _busy()
            try:
                yield
            finally:
                self._one.release()
        finally:
            self._here.release()

    def _means(self, about: About) -> Means:
        daemon = self._daemon

        def source(chosen: Chosen, fixed: Fixed) -> GitSource:
            return hosted.git_source(
                chosen, fixed, daemon.parts.key, stores=daemon.stores, admitting=daemon.admitting(about.source)
            )

        return Means(engine=daemon.parts.engine, source=source, stopped=daemon.intents.of)


def _busy() -> LockHeld:
    return LockHeld("other plans of commits are being made", hint="ask again in a minute")
