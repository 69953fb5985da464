"""HTTP/1.1 as engines speak it, over any connected socket: a request goes out, a head and body bytes come in.

It knows three body shapes (counted, chunked, until close), survives any tearing of the bytes, bounds what it
buffers and holds deadlines even when the peer drips. It exists because the standard library's client takes longer
to import than a command without changes takes to run. It knows nothing of engines: see ``client`` for that.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from time import monotonic
from typing import Protocol

from orchestrator.records import dataclass

HEAD_LIMIT = 64 * 1024
CHUNK_LINE_LIMIT = 4 * 1024
RECEIVE = 64 * 1024

_NOT_YET = ("SSLWantReadError", "SSLWantWriteError")  # by name: ssl is not imported for a Unix socket


class WireError(Exception):
    """The bytes are not an HTTP/1.1 answer, or they ended too early. ``started`` tells whether any of it had come."""

    def __init__(self, message: str, *, started: bool = True) -> None:
        super().__init__(message)
        self.started = started


@dataclass(frozen=True, slots=True)
class Head:
    status: int
    reason: str
    headers: Mapping[str, str]
    keep_alive: bool


class Body(Protocol):
    """Turns the bytes after a head into the content, whatever pieces they come in."""

    done: bool
    rest: bytes

    def feed(self, data: bytes) -> bytes:
        """The content in ``data``. What lies behind the end of the body stays in ``rest``."""
        ...

    def end(self) -> None:
        """The peer closed: fine for a body until close, an error for the others."""
        ...


class CountedBody:
    def __init__(self, length: int) -> None:
        self.left = length
        self.done = length == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        content, self.rest = data[: self.left], data[self.left :]
        self.left -= len(content)
        self.done = self.left == 0
        return content

    def end(self) -> None:
        if not self.done:
            raise WireError(f"the answer ended {self.left} bytes early")


class BodyUntilClose:
    def __init__(self) -> None:
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> None:
        self.done = True


class ChunkedBody:
    """``size CRLF content CRLF``, again and again, then a zero size and trailers, which are read and dropped."""

    def __init__(self) -> None:
        self.done = False
        self.rest = b""
        self._buffer = bytearray()
        self._left = 0
        self._state = "size"
        self._trailers = 0

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        content: list[bytes] = []
        while not self.done and (self._take_whole(content) or self._advance(content)):
            pass
        if self.done:
            self.rest = bytes(self._buffer)
            self._buffer.clear()
        return b"".join(content)

    def end(self) -> None:
        if not self.done:
            raise WireError("the answer ended inside a chunk")

    def _take_whole(self, content: list[bytes]) -> bool:
        """Every chunk that is all here, at once: an engine sends each line of a log as a chunk of its own."""
        if self._state != "size":
            return False
        data, position = bytes(self._buffer), 0
        while (end := data.find(b"\r\n", position, position + CHUNK_LINE_LIMIT)) > position:
            size = _chunk_size(data[position:end])
            stop = end + 2 + size
            if not size or data[stop : stop + 2] != b"\r\n":
                break  # the last, one that is not all here, or a broken one
            content.append(data[end + 2 : stop])
            position = stop + 2
        del self._buffer[:position]
        return position > 0

    def _advance(self, content: list[bytes]) -> bool:
        """One move of the state machine; False when it needs more bytes."""
        if self._state == "content":
            return self._take(content)
        line = self._line()
        if line is None:
            return False
        if self._state == "gap":
            self._expect(not line, "a chunk is longer than its size")
            self._state = "size"
        elif self._state == "size":
            self._left = _chunk_size(line)
            self._state = "content" if self._left else "trailers"
        else:
            self._trailers += len(line)
            self._expect(self._trailers <= HEAD_LIMIT, "the trailers are too long")
            self.done = not line
        return True

    def _take(self, content: list[bytes]) -> bool:
        if not self._buffer:
            return False
        piece = bytes(self._buffer[: self._left])
        del self._buffer[: self._left]
        content.append(piece)
        self._left -= len(piece)
        if not self._left:
            self._state = "gap"
        return True

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        self._expect((end if end >= 0 else len(self._buffer)) <= CHUNK_LINE_LIMIT, "a chunk's size line is too long")
        if end < 0:
            return None
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line

    @staticmethod
    def _expect(truth: bool, otherwise: str) -> None:
        if not truth:
            raise WireError(otherwise)


@lru_cache(maxsize=1024)
def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not 0 < len(digits) <= 15 or digits.strip(b"0123456789abcdefABCDEF"):
        raise WireError("a chunk has no size")
    return int(digits, 16)


class Connection:
    """One connected socket with what has been read ahead. Used by one thread at a time; ``interrupt`` from any.

    ``deadline`` (monotonic seconds) bounds a whole call, ``activity`` the silence between two pieces; None is no bound.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        on_close: Callable[[], None] | None = None,
        explain: Callable[[], str] | None = None,
    ) -> None:
        self.sock = sock
        self.deadline: float | None = None
        self.activity: float | None = None
        self.explanation = ""
        self._explain = explain
        self._on_close = on_close
        self._ahead = b""

    def limit(self, *, total: float | None = None, activity: float | None = None) -> None:
        self.deadline = None if total is None else monotonic() + total
        self.activity = activity

    def send(self, data: bytes, timeout: float | None) -> None:
        self.sock.settimeout(timeout)
        self.sock.sendall(data)

    def receive(self) -> bytes:
        """Some bytes, at least one; empty when the peer has closed. Raises TimeoutError when a limit is reached."""
        if self._ahead:
            data, self._ahead = self._ahead, b""
            return data
        self.sock.settimeout(self._patience())
        try:
            return self.sock.recv(RECEIVE)
        except OSError as problem:
            return _end_of_tls(problem)

    def receive_now(self) -> bytes | None:
        """What can be had without waiting: None if nothing yet, empty when the peer has closed."""
        if self._ahead:
            return self.receive()
        self.sock.settimeout(0)
        try:
            return self.sock.recv(RECEIVE)
        except BlockingIOError:
            return None
        except OSError as problem:
            if type(problem).__name__ in _NOT_YET:
                return None
            return _end_of_tls(problem)

    def send_now(self, data: bytes) -> int:
        """How many bytes could be sent without waiting; 0 when the peer has to read first."""
        self.sock.settimeout(0)
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0
        except OSError as problem:
            if type(problem).__name__ in _NOT_YET:
                return 0
            raise

    def holds_more(self) -> bool:
        """Whether bytes wait above the socket, where a selector cannot see them."""
        pending = getattr(self.sock, "pending", None)
        return bool(self._ahead) or bool(pending is not None and pending())

    def finish_sending(self) -> None:
        """Tell the peer that no more comes, and keep receiving."""
        unwrap = getattr(self.sock, "unwrap", None)
        try:
            if unwrap is None:
                self.sock.shutdown(socket.SHUT_WR)
            else:
                # TLS: our half is closed by an alert; waiting for the peer's would lose what it still sends.
                self.sock.settimeout(0)
                unwrap()
        except OSError:
            pass  # the peer is gone, or (TLS) its half is still open: both are fine

    def put_back(self, data: bytes) -> None:
        self._ahead = data + self._ahead

    def read_head(self) -> Head:
        """The head of the final answer; interim ones (100 to 199 except 101) are skipped."""
        while True:
            head = self._read_one_head()
            if head.status >= 200 or head.status == 101:
                return head

    def idle(self) -> bool:
        """Whether an unused connection is still good: nothing to read, neither data nor the end."""
        if self._ahead:
            return False
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)

    def interrupt(self) -> None:
        """Wake whoever is blocked on this connection; it reads the end. Safe from any thread."""
        try:
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        except OSError:
            pass  # not connected any more: nobody can be blocked on it

    def close(self) -> None:
        """Close it; what the program in between said, if there is one, stays in ``explanation``."""
        self.sock.close()
        if self._explain is not None:
            self.explanation, self._explain = self._explain(), None
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()

    def _patience(self) -> float | None:
        if self.deadline is None:
            return self.activity
        left = self.deadline - monotonic()
        if left <= 0:
            raise TimeoutError
        return left if self.activity is None else min(left, self.activity)

    def _read_one_head(self) -> Head:
        buffer = bytearray()
        searched = 0
        while (end := buffer.find(b"\r\n\r\n", searched)) < 0:
            if len(buffer) > HEAD_LIMIT:
                raise WireError("the answer's headers are too long")
            searched = max(0, len(buffer) - 3)
            data = self.receive()
            if not data:
                raise WireError("the connection was closed before the answer", started=bool(buffer))
            buffer += data
        self.put_back(bytes(buffer[end + 4 :]))
        return parse_head(bytes(buffer[:end]))


def _end_of_tls(problem: OSError) -> bytes:
    """Where we have closed our half, TLS calls the peer's end an error; any other error is one."""
    if type(problem).__name__ == "SSLZeroReturnError":
        return b""
    raise problem


def parse_head(raw: bytes) -> Head:
    lines = raw.decode("latin-1").split("\r\n")
    protocol, _, rest = lines[0].partition(" ")
    code, _, reason = rest.partition(" ")
    if not protocol.startswith("HTTP/1.") or not (len(code) == 3 and code.isdigit()):
        raise WireError("the answer is not HTTP")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise WireError("the answer has a broken header")
        headers[name.lower()] = value.strip()
    connection = headers.get("connection", "").lower()
    keep_alive = "close" not in connection and (protocol != "HTTP/1.0" or "keep-alive" in connection)
    return Head(int(code), reason, headers, keep_alive)


def body_of(head: Head, method: str) -> Body:
    """The shape of the body that follows ``head``."""
    if method == "HEAD" or head.status in (204, 304) or head.status < 200:
        return CountedBody(0)
    if "chunked" in head.headers.get("transfer-encoding", "").lower():
        return ChunkedBody()
    length = head.headers.get("content-length")
    if length is None:
        return BodyUntilClose()
    if not length.isdigit():
        raise WireError("the answer's length is no number")
    return CountedBody(int(length))


def request_head(method: str, target: str, host: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise ValueError("a line break inside a request's head")
    return text.encode("latin-1") + b"\r\n\r\n"


def as_chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A body of unknown length as the chunks of a request."""
    for piece in pieces:
        if piece:
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def quote(text: str) -> str:
    """Percent-encoding of one path segment or query value."""
    data = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in data)
