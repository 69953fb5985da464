"""The one door to the engine's HTTP API: calls, streams and raw connections, with errors in this project's terms.

An ``Endpoint`` comes in; JSON values, byte streams and duplex connections go out. Connections are kept and shared
by many threads. The API version is learnt from the header every answer carries, so that a command pays no extra
round trip: the first request hopes for the newest version we know, and an older engine refuses it before doing
anything.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.engines.docker import dial
from orchestrator.engines.docker import endpoint as endpoints
from orchestrator.engines.docker.endpoint import NEWEST_API, OLDEST_API, ApiVersion, Endpoint
from orchestrator.engines.docker.wire import (
    Body,
    Connection,
    Head,
    WireError,
    as_chunks,
    body_of,
    quote,
    request_head,
)
from orchestrator.errors import Conflict, EngineError, EngineUnreachable, NotFound

CALL_SECONDS = 60.0
IDLE_CONNECTIONS = 32
CONTENT_LIMIT = 256 * 1024 * 1024
LINE_LIMIT = 16 * 1024 * 1024

Query = Mapping[str, object]
Payload = Mapping[str, Any] | list[Any] | bytes | Iterable[bytes] | None


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
class _Call:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes | Iterable[bytes] | None
    timeout: float | None = CALL_SECONDS
    activity: float | None = None

    def __str__(self) -> str:
        """For messages: without the query, where build arguments and other people's secrets may stand."""
        return f"{self.method} {self.path}"


@dataclass(slots=True)
class _Exchange:
    """An answer whose head has been read."""

    call: _Call
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


class Client:
    """Calls to one engine. Safe to share between threads; ``close`` drops the kept connections."""

    def __init__(self, endpoint: Endpoint, environment: Mapping[str, str] | None = None) -> None:
        self.endpoint = endpoint
        self.environment: Mapping[str, str] = os.environ if environment is None else environment
        self._version = endpoint.api_version
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._host = endpoint.address if endpoint.scheme == "tcp" else "docker"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, host: str = "", context: str = "") -> Client:
        return cls(endpoints.resolve(environment, host=host, context=context), environment)

    @property
    def api_version(self) -> ApiVersion:
        """The version in use: the lower of the engine's newest and ours, or what ``DOCKER_API_VERSION`` pins."""
        if self._version is None:
            self.head("/_ping")
        return self._version or NEWEST_API

    def get_json(self, path: str, query: Query | None = None, *, timeout: float | None = CALL_SECONDS) -> Any:
        return self.request("GET", path, query, timeout=timeout).json()

    def post_json(
        self,
        path: str,
        query: Query | None = None,
        body: Payload = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = CALL_SECONDS,
    ) -> Any:
        return self.request("POST", path, query, body, headers=headers, timeout=timeout).json()

    def put(
        self, path: str, query: Query | None = None, body: Payload = None, *, timeout: float | None = CALL_SECONDS
    ) -> Response:
        return self.request("PUT", path, query, body, timeout=timeout)

    def delete(self, path: str, query: Query | None = None, *, timeout: float | None = CALL_SECONDS) -> Any:
        return self.request("DELETE", path, query, timeout=timeout).json()

    def head(self, path: str, query: Query | None = None) -> Mapping[str, str]:
        """The headers of an answer without content, names in lower case."""
        return self.request("HEAD", path, query).headers

    def request(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Payload = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = CALL_SECONDS,
    ) -> Response:
        """One call with its whole answer. ``timeout`` bounds the wait for it (None: no bound).

        A body may be JSON, bytes, or an iterable of bytes that is sent as it comes (a tar stream).
        """
        call = self._call(method, path, query, body, headers, timeout, None)
        exchange = self._open(call)
        content = self._content(exchange)
        if exchange.head.status >= 400:
            raise refusal(str(call), exchange.head, content)
        return Response(exchange.head.status, exchange.head.headers, content)

    def stream(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Payload = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = CALL_SECONDS,
        activity: float | None = None,
    ) -> Stream:
        """An answer read piece by piece; ``timeout`` bounds the wait for its head, ``activity`` the silences after."""
        call = self._call(method, path, query, body, headers, timeout, activity)
        exchange = self._open(call)
        if exchange.head.status >= 400:
            raise refusal(str(call), exchange.head, self._content(exchange))
        exchange.connection.limit(activity=activity)
        return Stream(exchange, self._release)

    def hijack(self, path: str, query: Query | None = None, body: Payload = None) -> Duplex:
        """A raw connection in both directions: attach and exec. The engine must agree to the upgrade."""
        headers = {"Connection": "Upgrade", "Upgrade": "tcp"}
        call = self._call("POST", path, query, body, headers, CALL_SECONDS, None)
        exchange = self._open(call)
        if exchange.head.status >= 400:
            raise refusal(str(call), exchange.head, self._content(exchange))
        if exchange.head.status != 101 and exchange.head.keep_alive and not _is_raw(exchange.head):
            exchange.connection.close()
            raise EngineError(
                f"the engine gave no raw connection for {call}",
                hint="a proxy between here and the engine may not pass upgrades on",
                status=exchange.head.status,
            )
        exchange.connection.limit()
        return Duplex(exchange.connection, exchange.head)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(
        self,
        method: str,
        path: str,
        query: Query | None,
        payload: Payload,
        headers: Mapping[str, str] | None,
        timeout: float | None,
        activity: float | None,
    ) -> _Call:
        body, length_headers = _encode(payload, method)
        return _Call(method, path, _query(query), {**length_headers, **(headers or {})}, body, timeout, activity)

    def _open(self, call: _Call) -> _Exchange:
        """Send the call and read the answer's head, learning the version on the way."""
        if call.body is not None and not isinstance(call.body, bytes):
            version = self.api_version  # a body that cannot be sent twice must not be the one that asks
        else:
            version = self._version or NEWEST_API
        exchange = self._send(call, version)
        try:
            refused = self._learn(exchange.head, version)
        except EngineError:
            exchange.connection.close()
            raise
        if refused:
            self._content(exchange)
            exchange = self._send(call, self._version or NEWEST_API)
        return exchange

    def _learn(self, head: Head, used: ApiVersion) -> bool:
        """Take the engine's version from its answer. True when the call was refused only because ours is newer."""
        if self.endpoint.api_version is not None or (self._version is not None and head.status != 400):
            return False
        served = _version_of(head)
        if served is None:
            return False
        if served < OLDEST_API:
            raise EngineError(
                f"the engine at {self.endpoint} speaks API {served[0]}.{served[1]}; at least "
                f"{OLDEST_API[0]}.{OLDEST_API[1]} is needed",
                hint="update it to Docker Engine 20.10 or newer",
                reference="engine-too-old",
            )
        self._version = min(served, NEWEST_API)
        return head.status == 400 and self._version < used

    def _send(self, call: _Call, version: ApiVersion) -> _Exchange:
        connection, fresh = self._acquire()
        try:
            return self._send_over(connection, call, version)
        except (OSError, WireError) as problem:
            connection.close()
            if fresh or call.method not in ("GET", "HEAD") or isinstance(problem, TimeoutError):
                raise self._lost(call, connection, problem) from problem
            if isinstance(problem, WireError) and problem.started:
                raise self._lost(call, connection, problem) from problem
        except BaseException:
            connection.close()
            raise
        # A kept connection may die unseen, for instance when the engine restarts; reading again is always safe.
        return self._send_afresh(call, version)

    def _send_afresh(self, call: _Call, version: ApiVersion) -> _Exchange:
        connection = dial.connect(self.endpoint, self.environment)
        try:
            return self._send_over(connection, call, version)
        except (OSError, WireError) as problem:
            connection.close()
            raise self._lost(call, connection, problem) from problem
        except BaseException:
            connection.close()
            raise

    def _send_over(self, connection: Connection, call: _Call, version: ApiVersion) -> _Exchange:
        prefix = f"{self.endpoint.path if self.endpoint.scheme == 'tcp' else ''}/v{version[0]}.{version[1]}"
        head = request_head(call.method, prefix + call.path + call.query, self._host, call.headers)
        refused_early = self._send_request(connection, call, head)
        connection.limit(total=call.timeout)
        try:
            return _Exchange(call, connection, connection.read_head())
        except (OSError, WireError):
            if refused_early is not None:
                raise refused_early from None
            raise

    @staticmethod
    def _send_request(connection: Connection, call: _Call, head: bytes) -> OSError | None:
        """Send it all. An engine may refuse in the middle of a body and close: its answer is worth reading then."""
        try:
            if call.body is None or isinstance(call.body, bytes):
                connection.send(head + (call.body or b""), call.timeout)
                return None
            connection.send(head, call.timeout)
            for chunk in as_chunks(call.body):
                connection.send(chunk, call.timeout)
        except (BrokenPipeError, ConnectionResetError) as problem:
            return problem
        return None

    def _content(self, exchange: _Exchange) -> bytes:
        """The rest of an answer; its connection goes back to the kept ones."""
        content = bytearray()
        try:
            for piece in exchange.pieces():
                content += piece
                if len(content) > CONTENT_LIMIT:
                    raise WireError("the answer is too large")
        except (OSError, WireError) as problem:
            exchange.connection.close()
            raise self._lost(exchange.call, exchange.connection, problem) from problem
        except BaseException:
            exchange.connection.close()
            raise
        self._release(exchange)
        return bytes(content)

    def _acquire(self) -> tuple[Connection, bool]:
        """A connection, and whether it is a fresh one."""
        while True:
            with self._lock:
                kept = self._idle.pop() if self._idle else None
            if kept is None:
                return dial.connect(self.endpoint, self.environment), True
            if kept.idle():
                return kept, False
            kept.close()

    def _release(self, exchange: _Exchange) -> None:
        with self._lock:
            if exchange.reusable() and not self._closed and len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(exchange.connection)
                return
        exchange.connection.close()

    def _lost(self, call: _Call, connection: Connection, problem: Exception) -> EngineUnreachable:
        told = connection.explanation
        if told:
            return EngineUnreachable(f"cannot reach the Docker engine at {self.endpoint}: {told}")
        return lost(str(call), problem, call.timeout)


class Stream:
    """The content of an answer as it arrives. Iterate once; ``close`` may be called from any thread and ends it."""

    def __init__(self, exchange: _Exchange, release: Callable[[_Exchange], None]) -> None:
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
    """The engine's no, as the error it means here."""
    message = message_of(content) or f"the engine answered {head.status} {head.reason} to {call}"
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


def _encode(payload: Payload, method: str) -> tuple[bytes | Iterable[bytes] | None, dict[str, str]]:
    if payload is None:
        return None, {} if method in ("GET", "HEAD", "DELETE") else {"Content-Length": "0"}
    if isinstance(payload, (Mapping, list)):
        data = json.dumps(payload, separators=(",", ":")).encode()
        return data, {"Content-Type": "application/json", "Content-Length": str(len(data))}
    kind = {"Content-Type": "application/x-tar"}
    if isinstance(payload, (bytes, bytearray)):
        return bytes(payload), {**kind, "Content-Length": str(len(payload))}
    return payload, {**kind, "Transfer-Encoding": "chunked"}


def _query(query: Query | None) -> str:
    pairs = [f"{quote(name)}={quote(value)}" for name, given in (query or {}).items() for value in _values(given)]
    return "?" + "&".join(pairs) if pairs else ""


def _values(given: object) -> list[str]:
    """How a value is written: a mapping as JSON (filters), a list as repetitions, None not at all."""
    if given is None:
        return []
    if isinstance(given, bool):
        return ["1" if given else "0"]
    if isinstance(given, Mapping):
        return [json.dumps(given, separators=(",", ":"))]
    if isinstance(given, (list, tuple)):
        return [value for one in given for value in _values(one)]
    return [str(given)]


def _version_of(head: Head) -> ApiVersion | None:
    major, _, minor = head.headers.get("api-version", "").partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def _is_raw(head: Head) -> bool:
    return "stream" in head.headers.get("content-type", "")
