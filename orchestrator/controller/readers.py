"""Readings of what strangers wrote, beside the passes: they may take as long as a stranger likes, and no pass waits for them.

Until a reading has ended the passes of its stack go on with what was read before. One source has so many readings at a time, all
together twice that: whoever's specs hang keeps only itself from being read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from orchestrator.controller.keeper import Keeper


class Readers:
    """``each`` source has so many readings at once. ``read`` is what one does; it has a thread of its own."""

    def __init__(self, each: int, read: Callable[[Keeper], None]) -> None:
        self._each, self._read = each, read
        self._waiting: list[Keeper] = []
        self._under_way: dict[Keeper, threading.Thread] = {}
        self._closed = False
        self._lock = threading.Lock()

    def ask(self, keeper: Keeper) -> None:
        """Have a stack read, unless it is being read or will be."""
        with self._lock:
            if keeper not in self._under_way and keeper not in self._waiting:
                self._waiting.append(keeper)
            self._begin()

    def stop(self, timeout: float) -> None:
        """No further reading begins; those under way get ``timeout`` seconds to end, together."""
        with self._lock:
            self._closed = True
            threads = list(self._under_way.values())
        deadline = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _begin(self) -> None:
        for keeper in sorted(self._waiting, key=lambda one: one.source.ready):  # first what cannot be mended before
            if self._closed or len(self._under_way) >= 2 * self._each:
                return
            if sum(other.entry.source == keeper.entry.source for other in self._under_way) < self._each:
                self._waiting.remove(keeper)
                name = f"reading {keeper.entry.name}"
                self._under_way[keeper] = threading.Thread(target=self._work, args=(keeper,), name=name, daemon=True)
                self._under_way[keeper].start()

    def _work(self, keeper: Keeper) -> None:
        try:
            self._read(keeper)
        finally:
            with self._lock:
                del self._under_way[keeper]
                self._begin()
