"""Following the logs of many containers at once, with one thread and flat memory.

Container ids go in (also while it runs), ``LogLine`` and ``LogEnd`` come out of one iterator in the order of arrival.
One selector watches all connections; a slow reader slows the reading, and what the engine has to say waits in the
engine.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator, Mapping

from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.streams import STDERR, Line, LineReader
from orchestrator.engines.docker.wire import Body, Connection, WireError
from orchestrator.records import dataclass, field


@dataclass(frozen=True, slots=True)
class LogRequest:
    """What to read of one container. ``since`` and ``until`` are in the engine's form (seconds, or RFC 3339)."""

    container: str
    tty: bool = False
    follow: bool = True
    tail: str = "all"
    since: str = ""
    until: str = ""
    timestamps: bool = False


@dataclass(frozen=True, slots=True)
class LogLine:
    """Lines that came together, as ``streams.Line`` says."""

    container: str
    content: bytes
    error: bool
    whole: bool = True


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The engine has no more to say of this container: it stopped, or the connection broke (``problem``)."""

    container: str
    problem: str = ""


@dataclass(slots=True)
class _Source:
    container: str
    connection: Connection
    body: Body
    reader: LineReader
    ahead: bool = field(default=True)


def read(client: Client, request: LogRequest) -> Iterator[LogLine]:
    """The lines of one container, then the end."""
    reader = LineReader(tty=request.tty)
    with client.stream("GET", f"/containers/{request.container}/logs", _query(request)) as stream:
        for data in stream:
            for line in reader.feed(data):
                yield _log_line(request.container, line)
        for line in reader.flush():
            yield _log_line(request.container, line)


class LogFollower:
    """Many logs, one iterator. ``add``, ``remove`` and ``close`` may be called from any thread."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._lock = threading.Lock()
        self._arriving: list[_Source] = []
        self._leaving: set[str] = set()
        self._sources: dict[str, _Source] = {}
        self._no_more = False
        self._closed = False
        self._running = False

    def add(self, request: LogRequest) -> None:
        """Follow one more. Raises what the engine refuses: no such container, or a log driver that cannot be read."""
        stream = self._client.stream("GET", f"/containers/{request.container}/logs", _query(request))
        connection, body = stream.take_connection()
        source = _Source(request.container, connection, body, LineReader(tty=request.tty))
        with self._lock:
            if self._closed:
                connection.close()
                return
            self._arriving.append(source)
            self._leaving.discard(request.container)
        self._nudge()

    def remove(self, container: str) -> None:
        with self._lock:
            self._leaving.add(container)
        self._nudge()

    def finish_adding(self) -> None:
        """The iterator ends when all logs have ended, instead of waiting for new ones."""
        with self._lock:
            self._no_more = True
        self._nudge()

    def close(self) -> None:
        """The iterator ends now."""
        with self._lock:
            self._closed = True
            abandoned = not self._running
        self._nudge()
        if abandoned:
            self._release()

    def __enter__(self) -> LogFollower:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[LogLine | LogEnd]:
        with self._lock:
            self._running = True
        try:
            while self._settle():
                yield from self._round()
        finally:
            self._release()

    def _settle(self) -> bool:
        """Take up what other threads asked for; False when there is nothing more to wait for."""
        with self._lock:
            if self._closed:
                return False
            arriving, self._arriving = self._arriving, []
            leaving, self._leaving = self._leaving, set()
            no_more = self._no_more
        for container in leaving:
            self._drop(container)
        for source in arriving:
            self._drop(source.container)
            self._sources[source.container] = source
            self._selector.register(source.connection.sock, selectors.EVENT_READ, source)
        return bool(self._sources) or not no_more

    def _round(self) -> Iterator[LogLine | LogEnd]:
        urgent = [source for source in self._sources.values() if source.ahead]
        ready = [key.data for key, _ in self._selector.select(0 if urgent else None)]
        if None in ready:
            self._drain_wake()
        for source in {id(source): source for source in [*urgent, *ready] if source is not None}.values():
            yield from self._read_some(source)

    def _read_some(self, source: _Source) -> Iterator[LogLine | LogEnd]:
        problem = ""
        ended = source.body.done
        try:
            data = None if ended else source.connection.receive_now()
            if data == b"":
                source.body.end()
                ended = True
            elif data:
                for line in source.reader.feed(source.body.feed(data)):
                    yield _log_line(source.container, line)
                ended = source.body.done
            source.ahead = source.connection.holds_more()
        except (OSError, WireError) as failure:
            problem = (failure.strerror if isinstance(failure, OSError) else None) or str(failure)
            ended = True
        if ended:
            for line in source.reader.flush():
                yield _log_line(source.container, line)
            self._drop(source.container)
            yield LogEnd(source.container, problem)

    def _drop(self, container: str) -> None:
        source = self._sources.pop(container, None)
        if source is not None:
            self._selector.unregister(source.connection.sock)
            source.connection.close()

    def _release(self) -> None:
        for container in list(self._sources):
            self._drop(container)
        with self._lock:
            self._closed, self._running = True, False
            arriving, self._arriving = self._arriving, []
            self._selector.close()
            self._wake.close()
            self._waker.close()
        for source in arriving:
            source.connection.close()

    def _nudge(self) -> None:
        try:
            self._waker.send(b"!")
        except OSError:
            pass  # full: it wakes anyway; closed: nobody waits

    def _drain_wake(self) -> None:
        try:
            while self._wake.recv(4096):
                pass
        except BlockingIOError:
            pass


def _query(request: LogRequest) -> Mapping[str, object]:
    return {
        "stdout": True,
        "stderr": True,
        "follow": request.follow,
        "tail": request.tail,
        "since": request.since or None,
        "until": request.until or None,
        "timestamps": request.timestamps,
    }


def _log_line(container: str, line: Line) -> LogLine:
    return LogLine(container, line.content, line.stream == STDERR, line.whole)
