"""What containers write, from the engine's framed or raw bytes to whole lines.

Pieces of bytes go in, in whatever tearing they arrive; ``Piece`` and lines come out, still as bytes, because a
container's output has no promised encoding. Pure and bounded: nothing is kept but a frame's head and one unfinished
line per stream.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.records import dataclass

LINE_LIMIT = 64 * 1024
STDOUT = 1
STDERR = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of one of a container's outputs: ``STDOUT`` or ``STDERR``."""

    stream: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One or several lines that came together, without the last end. ``whole`` is False for the parts of one that was cut
    at the limit or never ended.
    """

    stream: int
    content: bytes
    whole: bool = True


class Demultiplexer:
    """The engine's framing for containers without a terminal: one byte stream number, three zero, four length."""

    def __init__(self) -> None:
        self._head = b""
        self._stream = STDOUT
        self._left = 0

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces in ``data``. A frame is not collected: its parts come out as they come in."""
        position = 0
        while position < len(data):
            if self._left == 0:
                position += self._take_head(data, position)
                continue
            content = data[position : position + self._left]
            position += len(content)
            self._left -= len(content)
            yield Piece(self._stream, content)

    def runs(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The same with neighbours of one stream joined: an engine frames every line."""
        stream, parts = self._stream, list[bytes]()
        position, end = 0, len(data)
        while position < end:
            if self._left:
                part = data[position : position + self._left]
                position += len(part)
                self._left -= len(part)
                parts.append(part)
                continue
            position += self._take_head(data, position)
            if self._stream != stream:
                if parts:
                    yield stream, b"".join(parts)
                stream, parts = self._stream, []
        if parts:
            yield stream, b"".join(parts)

    def _take_head(self, data: bytes, position: int) -> int:
        part = data[position : position + 8 - len(self._head)]
        self._head = self._head + part if self._head else part
        if len(self._head) == 8:
            # Stream 3 carries an error of the engine's own; to a person it is stderr. Stdin (0) is echoed as stdout.
            self._stream = STDERR if self._head[0] >= STDERR else STDOUT
            self._left = int.from_bytes(self._head[4:], "big")
            self._head = b""
        return len(part)


class RawStream:
    """A terminal's output has no frames: everything is stdout."""

    def feed(self, data: bytes) -> Iterator[Piece]:
        if data:
            yield Piece(STDOUT, data)

    def runs(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        if data:
            yield STDOUT, data


class LineSplitter:
    """Bytes into lines. A line longer than the limit comes in parts, so that memory stays flat."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._open = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """Pairs of a line's bytes and whether the line (or its last part) ended here."""
        position = 0
        while (end := data.find(b"\n", position)) >= 0:
            self._open += data[position:end]
            position = end + 1
            yield from self._cut()
            yield bytes(self._open), True
            self._open.clear()
        self._open += data[position:]
        yield from self._cut()

    def feed_joined(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """The same with all lines that end in ``data`` as one, unless one of them is too long for that."""
        last = data.rfind(b"\n")
        block = data[:last] if last >= 0 else b""
        if last < 0 or max(map(len, block.split(b"\n"))) + len(self._open) > self._limit:
            yield from self.feed(data)
            return
        yield bytes(self._open) + block, True
        self._open[:] = data[last + 1 :]
        yield from self._cut()

    def flush(self) -> Iterator[tuple[bytes, bool]]:
        """What is left at the end of a stream that did not end its last line."""
        if self._open:
            yield bytes(self._open), False
            self._open.clear()

    def _cut(self) -> Iterator[tuple[bytes, bool]]:
        while len(self._open) > self._limit:
            end = _between_characters(self._open, self._limit)
            yield bytes(self._open[:end]), False
            del self._open[:end]


class LineReader:
    """Both at once: the bytes of one container's log into ``Line`` values, stdout and stderr kept apart."""

    def __init__(self, *, tty: bool, limit: int = LINE_LIMIT) -> None:
        self._frames: Demultiplexer | RawStream = RawStream() if tty else Demultiplexer()
        self._splitters = {STDOUT: LineSplitter(limit), STDERR: LineSplitter(limit)}

    def feed(self, data: bytes) -> Iterator[Line]:
        for stream, run in self._frames.runs(data):
            for content, whole in self._splitters[stream].feed_joined(run):
                yield Line(stream, content.replace(b"\r\n", b"\n").removesuffix(b"\r") if whole else content, whole)

    def flush(self) -> Iterator[Line]:
        for stream, splitter in self._splitters.items():
            for content, whole in splitter.flush():
                yield Line(stream, content, whole)


def _between_characters(data: bytearray, limit: int) -> int:
    """The last place up to ``limit`` that tears no UTF-8 character; ``limit`` itself if this is no UTF-8."""
    for end in range(limit, max(0, limit - 4), -1):
        if data[end] & 0xC0 != 0x80:
            return end
    return limit
