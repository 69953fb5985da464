"""Lines of several containers on one screen: ``web-1 | line``, each name in a colour of its own.

On a terminal the lines are made harmless; into a pipe their bytes go as they are. Standard output and error of the
containers stay apart.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO

from orchestrator.cli.render import progress, safe
from orchestrator.engines.console import STDERR, Said

if TYPE_CHECKING:
    from orchestrator.cli.wiring import Context

COLOURS = ("36", "33", "32", "35", "34", "36;1", "33;1", "32;1", "35;1", "34;1")


class LogPrinter:
    """``names`` maps container ids to the names shown. Safe to call from several threads."""

    def __init__(
        self,
        out: BinaryIO,
        err: BinaryIO,
        *,
        prefix: bool = True,
        colour: bool = False,
        raw: bool = False,
        flush: bool = True,
    ) -> None:
        self._streams = (out, err)
        self._raw = (raw or not out.isatty(), raw or not err.isatty())
        self._prefix, self._colour, self._flush = prefix, colour, flush
        self._names: dict[str, str] = {}
        self._prefixes: dict[str, bytes] = {}
        self._torn: set[tuple[str, int]] = set()
        self._footer = b""
        self._lock = threading.Lock()

    def know(self, names: Mapping[str, str]) -> None:
        """Show these containers by these names, with all bars below each other."""
        with self._lock:
            self._names.update(names)
            width = max(map(len, self._names.values()), default=0)
            shown = dict.fromkeys(self._names.values())
            colours = {name: COLOURS[at % len(COLOURS)] for at, name in enumerate(shown)}
            self._prefixes = {
                container: self._painted(name, width, colours[name]) for container, name in self._names.items()
            }

    def name(self, container: str) -> str:
        return self._names.get(container, container[:12])

    def line(self, said: Said) -> None:
        """Print lines that came together, or a piece of a very long one."""
        at = said.stream == STDERR
        key = (said.container, said.stream)
        content = said.content if self._raw[at] else b"\n".join(map(_harmless, said.content.split(b"\n")))
        with self._lock:
            self._make_room()
            name = self._prefixes.get(said.container, b"") if self._prefix else b""
            begin = b"" if key in self._torn else name
            ended = b"\n" if said.whole else b""
            self._streams[at].write(b"%b%b%b" % (begin, content.replace(b"\n", b"\n" + name), ended))
            if said.whole:
                self._torn.discard(key)
            else:
                self._torn.add(key)
            if self._flush:
                self._streams[at].flush()
            self._put_footer()

    def silent(self, container: str) -> None:
        """End a line that its container left open."""
        with self._lock:
            for stream in (0, 1):
                if (container, stream + 1) in self._torn:
                    self._torn.discard((container, stream + 1))
                    self._streams[stream].write(b"\n")

    def remark(self, container: str, text: str) -> None:
        """A line of our own about a container, on standard output as Compose has it."""
        with self._lock:
            self._make_room()
            self._streams[0].write(safe.one_line(f"{self.name(container)} {text}").encode(errors="replace") + b"\n")
            self._streams[0].flush()
            self._put_footer()

    def hook(self, name: str, text: str) -> None:
        """A line that a hook of a container printed."""
        with self._lock:
            self._make_room()
            begin = f"{name} -> " if self._prefix else ""
            self._streams[0].write((begin + safe.one_line(text)).encode(errors="replace") + b"\n")
            self._streams[0].flush()
            self._put_footer()

    def aside(self, text: str) -> None:
        """A line of our own about none of them, marked and below the names."""
        with self._lock:
            self._make_room()
            width = max(map(len, self._names.values()), default=0) + 1
            mark = " " * width + " \N{CIRCLED BULLET} "
            begin = (f"\x1b[92m{mark}\x1b[0m" if self._colour else mark) if self._prefix else ""
            for line in text.splitlines():
                self._streams[0].write((begin + safe.one_line(line)).encode(errors="replace") + b"\n")
            self._streams[0].flush()
            self._put_footer()

    def blank(self) -> None:
        """An empty line."""
        with self._lock:
            self._make_room()
            self._streams[0].write(b"\n")
            self._streams[0].flush()
            self._put_footer()

    def footer(self, text: str) -> None:
        """A line that stays below all others, on a terminal; "" takes it away."""
        with self._lock:
            self._make_room()
            self._footer = text.encode(errors="replace")
            self._put_footer()

    def _make_room(self) -> None:
        if self._footer and not self._torn:
            self._streams[0].write(b"\r\x1b[K")
            self._streams[0].flush()

    def _put_footer(self) -> None:
        if self._footer and not self._torn:
            self._streams[0].write(self._footer)
            self._streams[0].flush()

    def flush(self) -> None:
        for stream in self._streams:
            stream.flush()

    def _painted(self, name: str, width: int, colour: str) -> bytes:
        text = safe.one_line(name).ljust(width) + "  | "
        return (f"\x1b[{colour}m{text}\x1b[0m" if self._colour else text).encode(errors="replace")


def _harmless(content: bytes) -> bytes:
    text = content.decode(errors="replace")
    return content if text.isprintable() else safe.harmless(text.rstrip("\r")).encode(errors="replace")


def printer(
    context: Context, *, prefix: bool = True, colour: bool = True, raw: bool = False, flush: bool = True
) -> LogPrinter:
    """The printer for a command's own standard output and error."""
    context.out.flush()
    painted = colour and progress.colours(context.ansi(), context.out, context.environment)
    return LogPrinter(context.out.buffer, context.err.buffer, prefix=prefix, colour=painted, raw=raw, flush=flush)
