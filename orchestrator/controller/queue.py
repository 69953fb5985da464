"""The work queue: which stack to look at next. Every trigger ends here, and all of them say the same: "look again".

A key is in the queue at most once, whatever the number of triggers; a key that is being worked on is handed out again
only when that work has ended, so there are never two passes of one stack at once. ``pace`` keeps a flood of triggers
from becoming a flood of passes: a key is handed out at most once in so many seconds, the first time at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class WorkQueue:
    """Safe from any thread. ``clock`` is monotonic, in seconds."""

    def __init__(self, *, pace: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace, self._clock = pace, clock
        self._due: dict[str, float] = {}
        self._busy: set[str] = set()
        self._handed_out: dict[str, float] = {}
        self._closed = False
        self._changed = threading.Condition()

    def add(self, key: str, delay: float = 0.0) -> None:
        """Look at ``key`` again in ``delay`` seconds; an earlier wish stands."""
        with self._changed:
            if self._closed:
                return
            due = max(self._clock() + delay, self._earliest(key))
            known = self._due.get(key)
            if known is None or due < known:
                self._due[key] = due
                self._changed.notify()

    def forget(self, key: str) -> None:
        """What was wished for ``key`` no longer matters."""
        with self._changed:
            self._due.pop(key, None)

    def take(self) -> str | None:
        """The next key that is due, waited for; ``None`` once the queue is closed. Ends with ``done(key)``."""
        with self._changed:
            while not self._closed:
                now = self._clock()
                ready = [(due, key) for key, due in self._due.items() if key not in self._busy]
                due, key = min(ready, default=(float("inf"), ""))
                if due <= now:
                    del self._due[key]
                    self._busy.add(key)
                    self._handed_out[key] = now
                    return key
                self._changed.wait(None if due == float("inf") else due - now)
            return None

    def done(self, key: str) -> None:
        """The work on ``key`` has ended."""
        with self._changed:
            self._busy.discard(key)
            self._changed.notify()

    def close(self) -> None:
        """Hand out nothing more; whoever waits is let go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        with self._changed:
            return len(self._due)

    def _earliest(self, key: str) -> float:
        return self._handed_out.get(key, float("-inf")) + self._pace
