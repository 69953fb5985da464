"""The one door to the engine's HTTP API: calls, streams and raw connections, with errors in this project's terms.

An ``Endpoint`` comes in; JSON values, byte streams and duplex connections go out. Connections are kept and shared
by many threads. The API version is learnt from the header every answer carries, so that a command pays no extra
round trip: the first request hopes for the newest version we know, and an older engine refuses it before doing
anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.engines.docker import dial
from orchestrator.engines.docker import endpoint as endpoints
from orchestrator.engines.docker.answers import Call, Duplex, Exchange, Response, Stream, lost, refusal
from orchestrator.engines.docker.endpoint import NEWEST_API, OLDEST_API, ApiVersion, Endpoint
from orchestrator.engines.docker.pool import Pool
from orchestrator.engines.docker.wire import Connection, Head, WireError, as_chunks, quote, request_head
from orchestrator.errors import EngineError, EngineUnreachable

TYPE_CHECKING = False  # see main
if TYPE_CHECKING:
    from orchestrator.engines.gate import Gate, Request, World

__all__ = ["CALL_SECONDS", "Client", "Duplex", "Payload", "Query", "Response", "Stream"]

CALL_SECONDS = 60.0
CONTENT_LIMIT = 256 * 1024 * 1024

Query = Mapping[str, object]
Payload = Mapping[str, Any] | list[Any] | bytes | Iterable[bytes] | None


class Client:
    """Calls to one engine. Safe to share between threads; ``close`` drops the kept connections."""

    def __init__(
        self, endpoint: Endpoint, environment: Mapping[str, str] | None = None, pool: Pool | None = None
    ) -> None:
        self.endpoint = endpoint
        self.environment: Mapping[str, str] = os.environ if environment is None else environment
        self._version = endpoint.api_version
        self._pool = pool or Pool()
        self.date = ""  # of the engine's last answer
        self._guard: tuple[Gate, World] | None = None
        self._host = endpoint.address if endpoint.scheme == "tcp" else "docker"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, host: str = "", context: str = "") -> Client:
        return cls(endpoints.resolve(environment, host=host, context=context), environment)

    def guarded(self, gate: Gate, world: World) -> Client:
        """The same engine over the same connections, but nothing is sent that ``gate`` does not admit."""
        made = Client(self.endpoint, self.environment, self._pool)
        made._version = self._version
        made._guard = (gate, world)
        return made

    def admit(self, request: Request) -> None:
        """Ask the gate, where there is one. For what changes something without a call of ours: builders, programs."""
        if self._guard is not None:
            gate, world = self._guard
            gate.admit(request, world)

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
        stream = Stream(exchange, self._release)
        self._pool.answered(exchange.connection)
        if path == "/events":
            self._pool.follow(stream)
        return stream

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
        self._pool.answered(exchange.connection)
        return Duplex(exchange.connection, exchange.head)

    def cut(self, before: float) -> None:
        """End every call with a time limit that has waited since before then, and every stream of events."""
        self._pool.cut(before)

    def close(self) -> None:
        self._pool.close()

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
    ) -> Call:
        body, length_headers = _encode(payload, method)
        if self._guard is not None:
            from orchestrator.engines.gate import Request  # few engines are guarded

            self.admit(Request(method, path, _query(query), body))
        return Call(method, path, _query(query), {**length_headers, **(headers or {})}, body, timeout, activity)

    def _open(self, call: Call) -> Exchange:
        """Send the call and read the answer's head, learning the version on the way."""
        if call.body is not None and not isinstance(call.body, bytes):
            version = self.api_version  # a body that cannot be sent twice must not be the one that asks
        else:
            version = self._version or NEWEST_API
        exchange = self._send(call, version)
        self.date = exchange.head.headers.get("date", "")
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

    def _send(self, call: Call, version: ApiVersion) -> Exchange:
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

    def _send_afresh(self, call: Call, version: ApiVersion) -> Exchange:
        connection = dial.connect(self.endpoint, self.environment)
        try:
            return self._send_over(connection, call, version)
        except (OSError, WireError) as problem:
            connection.close()
            raise self._lost(call, connection, problem) from problem
        except BaseException:
            connection.close()
            raise

    def _send_over(self, connection: Connection, call: Call, version: ApiVersion) -> Exchange:
        prefix = f"{self.endpoint.path if self.endpoint.scheme == 'tcp' else ''}/v{version[0]}.{version[1]}"
        head = request_head(call.method, prefix + call.path + call.query, self._host, call.headers)
        if call.timeout is not None:
            self._pool.waits(connection)
        refused_early = self._send_request(connection, call, head)
        connection.limit(total=call.timeout)
        try:
            return Exchange(call, connection, connection.read_head())
        except (OSError, WireError):
            if refused_early is not None:
                raise refused_early from None
            raise

    @staticmethod
    def _send_request(connection: Connection, call: Call, head: bytes) -> OSError | None:
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

    def _content(self, exchange: Exchange) -> bytes:
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
        kept = self._pool.take()
        return (dial.connect(self.endpoint, self.environment), True) if kept is None else (kept, False)

    def _release(self, exchange: Exchange) -> None:
        self._pool.answered(exchange.connection)
        if not (exchange.reusable() and self._pool.keep(exchange.connection)):
            exchange.connection.close()

    def _lost(self, call: Call, connection: Connection, problem: Exception) -> EngineUnreachable:
        told = connection.explanation
        if told:
            return EngineUnreachable(f"cannot reach the Docker engine at {self.endpoint}: {told}")
        return lost(str(call), problem, call.timeout)


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
