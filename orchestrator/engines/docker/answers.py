"""An engine's answers: whole, as a stream, or as a raw connection, and its refusals in this project's terms.

A head that has been read and its connection come in from the client; content, pieces, lines or JSON come out. Separate
from the client because an answer outlives the call: whoever holds a stream needs nothing else.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from orchestrator.engines.docker.wire import Body, Connection, Head, WireError, body_of
from orchestrator.errors import Conflict, EngineError, EngineUnreachable, NotFound
from orchestrator.records import dataclass, field

LINE_LIMIT = 16 * 1024 * 1024
DAEMON = "Error response from daemon: "


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The content as JSON; None where the engine answered without content (204, 304)."""
        if not self.content.strip():
            return None
        try:
            return json.loads(self.content)
        except ValueError as problem:
            raise EngineError(f"the engine's answer is not JSON: {problem}", status=self.status) from problem


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes | Iterable[bytes] | None
    timeout: float | None
    activity: float | None = None

    def __str__(self) -> str:
        """For messages: without the query, where build arguments and other people's secrets may stand."""
        return f"{self.method} {self.path}"


@dataclass(slots=True)
class Exchange:
    """An answer whose head has been read."""

    call: Call
    connection: Connection
    head: Head
    body: Body = field(init=False)

    def __post_init__(self) -> None:
        self.body = body_of(self.head, self.call.method)

    def pieces(self) -> Iterator[bytes]:
        while not self.body.done:
            data = self.connection.receive()
            if not data:
                self.body.end()
                return
            content = self.body.feed(data)
            if content:
                yield content

    def reusable(self) -> bool:
        return self.head.keep_alive and self.body.done and not self.body.rest


class Stream:
    """The content of an answer as it arrives. Iterate once; ``close`` may be called from any thread and ends it."""

    def __init__(self, exchange: Exchange, release: Callable[[Exchange], None]) -> None:
        self._exchange = exchange
        self._release = release
        self._lock = threading.RLock()  # re-entrant: a signal handler may close what its own thread is reading
        self._reading = False
        self._closed = False
        self._over = False  # the connection is somebody else's now: kept for the next call, handed over, or closed
        self.headers = exchange.head.headers
        self.status = exchange.head.status

    def __iter__(self) -> Iterator[bytes]:
        pieces = self._exchange.pieces()
        try:
            while (piece := self._next(pieces)) is not None:
                yield piece
        finally:
            self._finish()

    def lines(self) -> Iterator[bytes]:
        """Lines without their ends; a last one without an end counts too."""
        buffer = bytearray()
        for piece in self:
            start = len(buffer)
            buffer += piece
            while (end := buffer.find(b"\n", start)) >= 0:
                yield bytes(buffer[:end]).rstrip(b"\r")
                del buffer[: end + 1]
                start = 0
            if len(buffer) > LINE_LIMIT:
                raise EngineError(f"the engine sent a line longer than {LINE_LIMIT >> 20} MiB: {self._exchange.call}")
        if buffer:
            yield bytes(buffer)

    def json(self) -> Iterator[Any]:
        """One JSON value a line; empty lines are dropped."""
        for line in self.lines():
            if line:
                try:
                    yield json.loads(line)
                except ValueError as problem:
                    if self._closed:
                        return
                    raise EngineError(f"the engine sent broken JSON: {self._exchange.call}: {problem}") from problem

    def take_connection(self) -> tuple[Connection, Body]:
        """Hand everything over to a caller that reads without blocking, and closes the connection itself."""
        self._over = True
        return self._exchange.connection, self._exchange.body

    def close(self) -> None:
        with self._lock:
            if self._over:
                return
            self._closed = True
            if self._reading:
                # The reader closes it: a descriptor closed under a blocked read may already be someone else's.
                self._exchange.connection.interrupt()
                return
            self._over = True
        self._exchange.connection.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self, pieces: Iterator[bytes]) -> bytes | None:
        """The next piece, None at the end. Only while this waits is the connection the reader's to close."""
        with self._lock:
            if self._closed or self._over:
                return None
            self._reading = True
        try:
            piece = next(pieces, None)
        except (OSError, WireError) as problem:
            if self._is_closed():
                return None
            raise lost(str(self._exchange.call), problem, self._exchange.call.activity) from problem
        finally:
            with self._lock:
                self._reading = False
        return None if self._is_closed() else piece

    def _is_closed(self) -> bool:
        return self._closed

    def _finish(self) -> None:
        with self._lock:
            if self._over:
                return
            self._over = True
        if self._closed or not self._exchange.reusable():
            self._exchange.connection.close()
        else:
            self._release(self._exchange)


class Duplex:
    """A raw connection: ``receive`` and ``send``, half-closed by ``finish_sending``. ``close`` from any thread."""

    def __init__(self, connection: Connection, head: Head) -> None:
        self._connection = connection
        kind = head.headers.get("content-type", "")
        self.multiplexed: bool | None = True if "multiplexed" in kind else None

    def fileno(self) -> int:
        return self._connection.sock.fileno()

    def receive(self) -> bytes:
        """At least one byte, or empty at the end."""
        self._connection.limit()
        try:
            return self._connection.receive()
        except ConnectionError:
            return b""

    def receive_now(self) -> bytes | None:
        """What is there without waiting: None if nothing yet, empty at the end."""
        try:
            return self._connection.receive_now()
        except ConnectionError:
            return b""

    def holds_more(self) -> bool:
        return self._connection.holds_more()

    def send(self, data: bytes, timeout: float | None = None) -> None:
        self._connection.send(data, timeout)

    def send_now(self, data: bytes) -> int:
        """How many bytes went out without waiting."""
        return self._connection.send_now(data)

    def finish_sending(self) -> None:
        self._connection.finish_sending()

    def interrupt(self) -> None:
        """Wake a blocked ``receive`` of another thread; it reads the end."""
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Duplex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def refusal(call: str, head: Head, content: bytes) -> EngineError:
    """The engine's no, as the error it means here; its own words begin as Docker's client begins them."""
    said = message_of(content)
    message = f"{DAEMON}{said}" if said else f"the engine answered {head.status} {head.reason} to {call}"
    if head.status == 404:
        return NotFound(message, status=404)
    if head.status == 409:
        return Conflict(message, status=409)
    return EngineError(message, status=head.status)


def message_of(content: bytes) -> str:
    """The text of an engine's error: ``{"message": ...}``, or plain text from what stands in between."""
    text = content[: 64 * 1024].decode("utf-8", "replace").strip()
    try:
        said = json.loads(text)
    except ValueError:
        return text[:2000]
    message = said.get("message") if isinstance(said, dict) else None
    return message.strip() if isinstance(message, str) else text[:2000]


def lost(call: str, problem: Exception, seconds: float | None) -> EngineUnreachable:
    """No answer, or half of one. For a call that changes something: read the state before trying again."""
    if isinstance(problem, TimeoutError):
        bound = f" within {seconds:g} s" if seconds else " in time"
        return EngineUnreachable(
            f"the engine did not answer {call}{bound}",
            hint="it may be hung or overloaded; look at its log (`journalctl -u docker`)",
            reference="engine-timeout",
        )
    if isinstance(problem, OSError):
        text = (problem.strerror or str(problem)).lower()
    else:
        text = str(problem)
    return EngineUnreachable(
        f"the connection to the engine broke during {call}: {text}",
        hint="the engine may have restarted; run the same command again",
        reference="engine-reply-lost",
    )
