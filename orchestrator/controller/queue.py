"""The work queue: which stack to look at next. Every trigger ends here, and all of them say the same: "look again".

A key is in the queue at most once, whatever the number of triggers; a key that is being worked on is handed out again
only when that work has ended, so there are never two passes of one stack at once. ``pace`` keeps a flood of triggers
from becoming a flood of passes: in the long run a key is handed out at most once in so many seconds, after a quiet time
``burst`` times at once. One event is seldom alone: what is removed is killed first, and only its last event tells the truth.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BURST = 3
BREATH = 0.05  # seconds between two passes of one stack


class WorkQueue:
    """Safe from any thread. ``clock`` is monotonic, in seconds."""

    def __init__(self, *, pace: float = 1.0, burst: int = BURST, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace, self._burst, self._clock = pace, burst, clock
        self._due: dict[str, float] = {}
        self._busy: set[str] = set()
        self._handed_out: dict[str, float] = {}
        self._paid_until: dict[str, float] = {}  # grows by a pace with each time that a key is handed out
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
                    self._paid_until[key] = max(now, self._paid_until.get(key, 0.0)) + self._pace
                    return key
                self._changed.wait(None if due == float("inf") else due - now)
            return None

    def is_due(self, key: str) -> bool:
        """Whether ``take`` would hand out ``key`` now."""
        with self._changed:
            return key not in self._busy and self._due.get(key, float("inf")) <= self._clock()

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
        if key not in self._handed_out:
            return float("-inf")
        breath = self._handed_out[key] + min(self._pace, BREATH)
        return max(breath, self._paid_until[key] - self._pace * (self._burst - 1))
