"""Readings of a spec that were ended before they came to an answer, for their time or memory: a few more, after growing pauses.

The machine may have been short of something for a moment; a good commit is not held because of that. What goes on being ended
counts as invalid until there is a newer commit.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.controller.backoff import Backoff
from orchestrator.errors import StackError

MOST = 4  # after the first
PAUSES = Backoff(first=5.0, longest=300.0, factor=4.0)


class Retries:
    """Of one stack. ``clock`` tells monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.over()

    def over(self) -> None:
        """It was read, or cannot be for another reason."""
        self._commit, self._ended, self._at = "", 0, float("inf")

    def judged(self, problem: StackError | None, commit: str, *, needed: bool) -> None:
        """What became of a reading; where another one follows, the problem says so."""
        if problem is not None and problem.retryable:
            self.ended(commit, needed=needed)
            problem.message += self.words
        else:
            self.over()

    def ended(self, commit: str, *, needed: bool) -> None:
        """A reading was ended. What is ``needed``, because nothing else can be kept, is tried for as long as it takes."""
        self._ended = self._ended + 1 if commit == self._commit else 1
        self._commit = commit
        more = needed or self._ended <= MOST
        self._at = self._clock() + PAUSES.delay(self._ended) if more else float("inf")

    @property
    def due(self) -> bool:
        return self._clock() >= self._at

    @property
    def next_in(self) -> float:
        """Seconds until the next one; infinity where there is none."""
        return max(0.05, self._at - self._clock())

    @property
    def words(self) -> str:
        """What to add to why it was ended."""
        if not self._ended:
            return ""
        if self._at == float("inf"):
            return f"; it was read {self._ended} times, a newer commit is waited for"
        return f"; it is read again ({self._ended} of {MOST})" if self._ended <= MOST else "; it is read again"
