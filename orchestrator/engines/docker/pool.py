"""Connections to one engine that are kept for the next call, and those on which an answer is waited for, so that it can be cut."""

from __future__ import annotations

import threading
from time import monotonic
from weakref import WeakKeyDictionary, WeakSet

from orchestrator.engines.docker.answers import Stream
from orchestrator.engines.docker.wire import Connection

IDLE_CONNECTIONS = 32


class Pool:
    """Connections that are kept for the next call, until it is closed."""

    def __init__(self) -> None:
        self._idle: list[Connection] = []
        self._waiting: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()  # since when, in monotonic seconds
        self._events: WeakSet[Stream] = WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    def take(self) -> Connection | None:
        """One that is still good; ``None`` where a fresh one is needed."""
        while True:
            with self._lock:
                kept = self._idle.pop() if self._idle else None
            if kept is None or kept.idle():
                return kept
            kept.close()

    def keep(self, connection: Connection) -> bool:
        """Whether it is kept; who is told no closes it."""
        with self._lock:
            room = not self._closed and len(self._idle) < IDLE_CONNECTIONS
            if room:
                self._idle.append(connection)
        return room

    def waits(self, connection: Connection) -> None:
        """From now on, for an answer."""
        with self._lock:
            self._waiting[connection] = monotonic()

    def answered(self, connection: Connection) -> None:
        with self._lock:
            self._waiting.pop(connection, None)

    def follow(self, stream: Stream) -> None:
        """A stream of events, which ends with the calls that are cut."""
        with self._lock:
            self._events.add(stream)

    def cut(self, before: float) -> None:
        """End every call that has waited since before then, and every stream of events."""
        with self._lock:
            waiting = [connection for connection, since in self._waiting.items() if since < before]
            streams = list(self._events)
        for connection in waiting:
            connection.interrupt()
        for stream in streams:
            stream.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
