"""Lanes for passes that may take as long as a stranger likes: those whose stack has to be read anew from somewhere else.

Who finds its lane full lets others go first. So whatever a repository's specs do to those who read them, some threads stay for
the stacks of the host itself, and some of the rest for those of other repositories.
"""

from __future__ import annotations

import threading
from collections import Counter


class Lanes:
    """Of ``threads``: half of them are for one source at most, three quarters for all together; never less than one."""

    def __init__(self, threads: int) -> None:
        self._each, self._all = max(1, threads // 2), max(1, threads * 3 // 4)
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, source: str) -> bool:
        """Whether there is room for one more of ``source``, which ends with ``leave``."""
        with self._lock:
            if self._taken[source] >= self._each or self._taken.total() >= self._all:
                return False
            self._taken[source] += 1
            return True

    def leave(self, source: str) -> None:
        with self._lock:
            self._taken[source] -= 1
