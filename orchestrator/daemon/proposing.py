"""What the sources of a running daemon would become with other commits as their heads, one question at a time.

A question costs a fetch and as many loads as the source has stacks, so whoever may ask cannot have many answered at once.
"""

from __future__ import annotations

import os
import threading

from orchestrator.daemon.keeping import Daemon
from orchestrator.errors import LockHeld, UsageError
from orchestrator.gitops import hosted
from orchestrator.gitops.proposal import About, Fixed, Means, Proposal, of_source
from orchestrator.gitops.selection import Chosen
from orchestrator.gitops.source import GitSource

WAIT_SECONDS = 120.0  # for the question before
LONGEST_REF = 255


class Proposing:
    """``propose`` is for any thread."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._one = threading.Lock()

    def propose(self, source: str, ref: str) -> Proposal:
        """Raises NotFound for an unknown source, and what keeps the commit from being had."""
        daemon = self._daemon
        about = daemon.repositories.about(source)
        if len(ref) > LONGEST_REF:
            raise UsageError(f"a reference has at most {LONGEST_REF} characters")
        if not self._one.acquire(timeout=WAIT_SECONDS):
            raise LockHeld("other plans of commits are being made", hint="ask again in a minute")
        try:
            visit = hosted.visit(about.source, os.path.join(daemon.parts.state, "git"))
            return of_source(about, self._means(about), visit, ref)
        finally:
            self._one.release()

    def _means(self, about: About) -> Means:
        daemon = self._daemon

        def source(chosen: Chosen, fixed: Fixed) -> GitSource:
            return hosted.git_source(
                chosen, fixed, daemon.parts.key, stores=daemon.stores, admitting=daemon.admitting(about.source)
            )

        return Means(engine=daemon.parts.engine, source=source, stopped=daemon.intents.of)
