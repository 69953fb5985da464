"""A proxy on a Unix socket between a client and a real engine: it records every request, and can make one go wrong.

Requests are numbered as they come; those that change something carry a second number, which faults are aimed at.
Streams (events, logs, pulls) and upgraded connections (attach, exec, build sessions) pass through. For every DELETE the
labels of what is about to be removed are read first, so that a test can prove that nothing foreign was touched.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import socket
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from scripts.machine.engine_api import EngineApi, EngineRefused

from . import wire
from .faults import Fault

_VERSION = re.compile(r"^/v\d+\.\d+(?=/)")
# Asking, waiting, looking on and building sessions are POSTs too, and change nothing by themselves.
_HARMLESS = re.compile(r"^/(auth|session|grpc)$|^/containers/[^/]+/(wait|attach|resize)$|^/exec/[^/]+/resize$")
_REMOVABLE = re.compile(r"^/(containers|networks|volumes)/([^/]+)$")
_PRUNE = re.compile(r"^/(containers|networks|volumes|images)/prune$")


@dataclass(slots=True)
class Request:
    """One request. ``mutation`` counts those that change something, from 1; it is 0 for the others."""

    number: int
    mutation: int
    method: str
    path: str
    query: str
    body: bytes
    status: int = 0
    labels: dict[str, str] | None = field(default=None)

    @property
    def mutating(self) -> bool:
        return self.mutation > 0

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Proxy:
    """``with Proxy(engine.address, fault=kill_before(3)) as proxy:`` and give ``proxy.address`` to the client."""

    def __init__(self, upstream: str, *, fault: Fault | None = None, inspect_deletes: bool = True) -> None:
        self._upstream = upstream.removeprefix("unix://")
        self._fault = fault
        self._left = fault.times if fault else 0
        self._inspect = inspect_deletes
        self._folder = tempfile.mkdtemp(prefix="stack-proxy-")
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._victim = 0
        self._victim_known = threading.Event()
        self._closing = False
        self._going = threading.Event()
        self._going.set()
        self._forgets = False
        self._injected: deque[bytes] = deque()
        self._dead = False
        self.fired = threading.Event()
        self.requests: list[Request] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    @property
    def address(self) -> str:
        return f"unix://{self._folder}/engine.sock"

    @property
    def mutations(self) -> list[Request]:
        with self._lock:
            return [request for request in self.requests if request.mutating]

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        with self._lock:
            return len(self._sockets) // 2

    def foreign_removals(self, label: str, value: str = "") -> list[str]:
        """DELETEs of containers, networks and volumes without our label, and prunes, which ask for no label at all."""
        return [str(request) for request in list(self.requests) if _is_foreign(request, label, value)]

    def aim_at(self, process_group: int) -> None:
        """The process group that a kill ends. A request to be killed waits until this is known."""
        self._victim = process_group
        self._victim_known.set()

    def fail_from_now_on(self, fault: Fault) -> None:
        """Another fault in the place of the one before; connections that are open are cut, so that it can strike."""
        with self._lock:
            self._fault, self._left = fault, fault.times
            open_sockets = list(self._sockets)
        for one in open_sockets:
            _shut(one)

    def hang(self) -> None:
        """From now on connections are taken, and nothing is answered, not even what was asked before."""
        self._forgets = False
        self._going.clear()

    def go_on(self, *, forgetful: bool = False) -> None:
        """Answer again; ``forgetful``: but never what was asked meanwhile."""
        self._forgets = forgetful
        self._going.set()

    def inject(self, events: Iterable[Mapping[str, object]]) -> None:
        """Put events into the stream of a client that listens to what happens to objects, as if the engine had told of them."""
        for event in events:
            line = json.dumps(event).encode() + b"\n"
            self._injected.append(b"%x\r\n%b\r\n" % (len(line), line))

    @property
    def injecting(self) -> int:
        """How many of these have not been told yet."""
        return len(self._injected)

    def __enter__(self) -> Proxy:
        self._listener.bind(f"{self._folder}/engine.sock")
        self._listener.listen(128)
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._victim_known.set()
        self._going.set()
        _shut(self._listener)
        with self._lock:
            open_sockets = list(self._sockets)
        for one in open_sockets:
            _shut(one)
        for thread in list(self._threads):
            thread.join(10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._spawn(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        upstream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._keep(client, upstream)
            upstream.connect(self._upstream)
            readers = (wire.Reader(client), wire.Reader(upstream))
            while self._exchange(*readers):
                pass
        except (wire.Gone, OSError, ValueError):
            pass  # ValueError: of a socket that was closed under a wait for it
        finally:
            self._drop(client, upstream)

    def _exchange(self, client: wire.Reader, upstream: wire.Reader) -> bool:
        """One request and its answer; whether the connection can carry another."""
        head = client.head()
        raw_body = client.body(head)
        request = self._note(head, raw_body)
        if self._dead:
            return False
        fault = self._fault_for(request)
        self._hold(client)
        if self._inspect and request.method == "DELETE":
            request.labels = self._labels_of(request.path)
        if fault and fault.when == "before" and fault.kind != "mute":
            return self._misbehave(fault, client)
        wire.send(upstream.socket, head.raw + raw_body)
        return self._answer(request, head, fault, client, upstream)

    def _answer(
        self, request: Request, head: wire.Head, fault: Fault | None, client: wire.Reader, upstream: wire.Reader
    ) -> bool:
        reply = upstream.head()
        self._hold(client)
        request.status = int(reply.words[1])
        if fault and fault.when == "after":
            wire.relay(upstream, None, _reply_end(request, reply), client.socket)
            return self._misbehave(fault, client)
        wire.send(client.socket, reply.raw)
        if request.status == 100:
            return self._answer(request, head, fault, client, upstream)
        if request.status == 101 or _is_unframed(request, head, reply):
            wire.tunnel(client, upstream)
            return False
        if fault and fault.kind == "mute":
            self.fired.set()
            wire.relay(upstream, None, _reply_end(request, reply), client.socket)
            return False
        if request.path == "/events" and "type" in request.query:
            self._relay_events(upstream, client)
            return False
        wire.relay(upstream, client.socket, _reply_end(request, reply), client.socket)
        return reply.headers.get("connection", "").lower() != "close"

    def _relay_events(self, upstream: wire.Reader, client: wire.Reader) -> None:
        """What the engine tells, and what was injected, between two chunks of it."""
        ended = wire.ChunkedEnd()
        while not self._closing:
            if upstream.pending:
                ready = [upstream.socket]
            else:
                ready, _, _ = select.select([upstream.socket, client.socket], [], [], 0.01)
            if client.socket in ready and not client.socket.recv(1, socket.MSG_PEEK):
                raise wire.Gone
            if upstream.socket in ready:
                data = upstream.take()
                over = ended(data)
                wire.send(client.socket, data)
                if over:
                    return
            while self._injected and ended.between:
                wire.send(client.socket, self._injected.popleft())

    def _hold(self, client: wire.Reader) -> None:
        """While the engine is to hang, nothing goes on."""
        if self._going.is_set():
            return
        self._going.wait()
        while self._forgets:
            client.take()  # raises Gone once the client gives up

    def _misbehave(self, fault: Fault, client: wire.Reader) -> bool:
        if fault.kind == "kill":
            self._kill()
        self.fired.set()
        if fault.kind == "stall":
            # Until the client gives up or the test ends.
            client.take()
        if fault.kind == "answer":
            wire.send(client.socket, _error(fault))
            return True
        return False

    def _kill(self) -> None:
        # From now on nothing more of this client reaches the engine, whatever its threads had on the way.
        self._dead = True
        self._victim_known.wait(30)
        if self._victim:
            os.killpg(self._victim, signal.SIGKILL)

    def _note(self, head: wire.Head, raw_body: bytes) -> Request:
        method, target, _ = head.words
        path, _, query = _VERSION.sub("", target).partition("?")
        body = _unchunked(raw_body) if head.chunked else raw_body
        mutating = method not in ("GET", "HEAD") and not _HARMLESS.match(path)
        with self._lock:
            mutation = 1 + sum(request.mutating for request in self.requests) if mutating else 0
            request = Request(len(self.requests) + 1, mutation, method, path, query, body)
            if not self._dead:
                self.requests.append(request)
        return request

    def _fault_for(self, request: Request) -> Fault | None:
        fault = self._fault
        with self._lock:
            if fault is None or self._left <= 0 or not fault.hits(request.mutation, str(request)):
                return None
            self._left -= 1
            if fault.kind == "kill" and fault.when == "before":
                self._dead = True
        return fault

    def _labels_of(self, path: str) -> dict[str, str] | None:
        """The labels of what a DELETE is about to remove; None when there is nothing there or it carries none."""
        if not (match := _REMOVABLE.match(path)):
            return None
        kind, name = match.groups()
        try:
            found = EngineApi(self._upstream).get(f"/{kind}/{name}" + ("/json" if kind == "containers" else ""))
        except (EngineRefused, OSError):
            return {}
        return dict((found["Config"] if kind == "containers" else found).get("Labels") or {"": "none"})

    def _spawn(self, work: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._sockets.update(sockets)

    def _drop(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._sockets.difference_update(sockets)
        for one in sockets:
            _shut(one)


def _is_foreign(request: Request, label: str, value: str) -> bool:
    if _PRUNE.match(request.path):
        return True
    # Empty: it was gone when the proxy looked, so nothing foreign can have been removed.
    if request.method != "DELETE" or not _REMOVABLE.match(request.path) or request.labels == {}:
        return False
    found = (request.labels or {}).get(label)
    return found is None or bool(value and found != value)


def _reply_end(request: Request, reply: wire.Head) -> Any:
    if request.method == "HEAD" or request.status in (204, 304):
        return wire.CountedEnd(0)
    return wire.end_of(reply)


def _is_unframed(request: Request, head: wire.Head, reply: wire.Head) -> bool:
    """An answer that ends when the connection does: a hijacked stream without the 101."""
    if request.method == "HEAD" or request.status in (204, 304):
        return False
    return not reply.chunked and "content-length" not in reply.headers


def _unchunked(raw: bytes) -> bytes:
    out = b""
    while raw:
        line, _, rest = raw.partition(b"\r\n")
        length = int(line.split(b";")[0] or b"0", 16)
        out, raw = out + rest[:length], rest[length + 2 :]
        if length == 0:
            break
    return out


def _error(fault: Fault) -> bytes:
    body = json.dumps({"message": fault.message}).encode()
    first = f"HTTP/1.1 {fault.status} Told To Fail\r\nContent-Type: application/json\r\n"
    return f"{first}Api-Version: 1.41\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _shut(one: socket.socket) -> None:
    """Shutting down first wakes a thread that waits on it; closing alone would not."""
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    one.close()
