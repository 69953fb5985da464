"""HTTP/1.1 as bytes on two sockets, for the proxy: heads, bodies, streams that end and tunnels that do not.

Bytes are passed on as they came. What is parsed is only what tells where a message ends, so that the proxy knows when
an answer is complete and the connection is free for the next request.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from dataclasses import dataclass

SIZE = 65536


class Gone(Exception):
    """The other side closed the connection."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first line's words and the headers, with the bytes they came as."""

    raw: bytes
    words: tuple[str, str, str]
    headers: dict[str, str]

    @property
    def upgrades(self) -> bool:
        return "upgrade" in self.headers

    @property
    def chunked(self) -> bool:
        return self.headers.get("transfer-encoding", "").lower() == "chunked"


class Reader:
    """One socket's incoming bytes, of which more may have arrived than was asked for."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.pending = b""

    def head(self) -> Head:
        while b"\r\n\r\n" not in self.pending:
            self.pending += self._more()
        raw, _, self.pending = self.pending.partition(b"\r\n\r\n")
        first, *rest = raw.decode("latin-1").split("\r\n")
        words = [*first.split(" ", 2), "", ""]
        pairs = (line.partition(":") for line in rest)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        return Head(raw + b"\r\n\r\n", (words[0], words[1], words[2]), headers)

    def body(self, head: Head) -> bytes:
        """A request's whole body, in the bytes it came as."""
        done = end_of(head)
        out = b""
        while not done(b""):
            chunk = self.take()
            out += chunk
            if done(chunk):
                break
        return out

    def take(self) -> bytes:
        """What has arrived, or the next that arrives."""
        if self.pending:
            out, self.pending = self.pending, b""
            return out
        return self._more()

    def _more(self) -> bytes:
        try:
            data = self.socket.recv(SIZE)
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        return data


def end_of(head: Head) -> Callable[[bytes], bool]:
    """A function that is fed the body's bytes and says when the message is complete."""
    if head.chunked:
        return ChunkedEnd()
    return CountedEnd(int(head.headers.get("content-length", "0") or 0))


class CountedEnd:
    def __init__(self, length: int) -> None:
        self._left = length

    def __call__(self, data: bytes) -> bool:
        self._left -= len(data)
        return self._left <= 0


class ChunkedEnd:
    """Follows the chunks' lengths through arbitrarily cut pieces."""

    def __init__(self) -> None:
        self._held = b""
        self._skip = 0
        self._ended = False

    @property
    def between(self) -> bool:
        """Whether what came so far ends with a chunk."""
        return not self._held and not self._skip and not self._ended

    def __call__(self, data: bytes) -> bool:
        self._held += data
        while not self._ended:
            step = min(self._skip, len(self._held))
            self._held, self._skip = self._held[step:], self._skip - step
            if self._skip or b"\r\n" not in self._held:
                break
            line, _, rest = self._held.partition(b"\r\n")
            length = int(line.split(b";")[0], 16)
            if length == 0:
                self._ended = rest.startswith(b"\r\n")
                break
            self._held, self._skip = rest, length + 2
        return self._ended


def relay(source: Reader, target: socket.socket | None, ended: Callable[[bytes], bool], watch: socket.socket) -> bytes:
    """Pass an answer's body on until it is complete. Without a target it is swallowed, and returned in the end.

    ``watch`` is the client: when it leaves in the middle of a stream, the stream is over for the engine too.
    """
    kept = b""
    while not ended(b""):
        if not source.pending:
            ready, _, _ = select.select([source.socket, watch], [], [])
            if watch in ready and not watch.recv(1, socket.MSG_PEEK):
                raise Gone
            if source.socket not in ready:
                continue
        data = source.take()
        done = ended(data)
        if target is None:
            kept += data
        else:
            send(target, data)
        if done:
            break
    return kept


def tunnel(client: Reader, upstream: Reader) -> None:
    """Both directions until both are closed; one side may close its half long before the other."""
    other = {client.socket: upstream.socket, upstream.socket: client.socket}
    for reader in (client, upstream):
        if reader.pending:
            send(other[reader.socket], reader.pending)
            reader.pending = b""
    open_sides = [client.socket, upstream.socket]
    while open_sides:
        ready, _, _ = select.select(open_sides, [], [])
        for side in ready:
            try:
                data = side.recv(SIZE)
            except OSError:
                data = b""
            if data:
                send(other[side], data)
                continue
            open_sides.remove(side)
            if side is upstream.socket:
                return
            _finish_writing(other[side])


def send(target: socket.socket, data: bytes) -> None:
    try:
        target.sendall(data)
    except OSError as error:
        raise Gone from error


def _finish_writing(side: socket.socket) -> None:
    try:
        side.shutdown(socket.SHUT_WR)
    except OSError:
        pass
