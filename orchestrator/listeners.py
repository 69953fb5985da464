"""Who wants to hear of something: added from any thread, called by whoever has something to tell."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Told = TypeVar("Told")


class Listeners(Generic[Told]):
    """Iterating gives those who listen at that moment; no lock is held while they are called."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0
        self._listeners: dict[int, Callable[[Told], None]] = {}

    def add(self, listener: Callable[[Told], None]) -> Callable[[], None]:
        """Call ``listener`` with everything from now on; the answer ends that."""
        with self._lock:
            key, self._next = self._next, self._next + 1
            self._listeners[key] = listener

        def end() -> None:
            with self._lock:
                self._listeners.pop(key, None)

        return end

    def __iter__(self) -> Iterator[Callable[[Told], None]]:
        with self._lock:
            return iter(list(self._listeners.values()))
