"""A wish to stop, shared by everything that works on one command: set once, by a signal or a caller, asked for by long calls.

``set`` may be called from a signal handler as long as the interrupted thread itself is not inside ``wait``; threads that must
be woken subscribe a callback that is safe there (``queue.SimpleQueue.put`` is).
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class CancelToken:
    """``signal_number`` says which signal asked, 0 where none did."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._next = 0
        self.signal_number = 0

    def set(self, signal_number: int = 0) -> None:
        """Ask everything to stop; the first signal is the one remembered."""
        self.signal_number = self.signal_number or signal_number
        self._event.set()
        for callback in list(self._callbacks.values()):
            callback()

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until set or until ``timeout`` seconds have passed; says whether it is set."""
        return self._event.wait(timeout)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` when set (at once when it already is). Returns what ends the subscription."""
        key, self._next = self._next, self._next + 1
        self._callbacks[key] = callback
        if self._event.is_set():
            callback()
        return lambda: self._callbacks.pop(key, None) and None
