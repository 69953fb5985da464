"""Values that must not come to be seen, and a search that finds them in whatever they were turned into.

All canaries have the same stem, so one look for the stem's forms finds any of them: as it is, in JSON, in HTML, in a URL, in base64 at
each of its three alignments, and in hex. ``Search`` reads bytes, files, folders and running processes' arguments.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, quote_plus

STEM = "Cnry7Qx2"  # where quotes and the like cannot stand
ODD = 'Cnry"4/+<n&%9'  # is written in another way wherever something is escaped
LARGEST = 64 << 20


class Canaries:
    """Makes values, and remembers through which channel each goes in."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def make(self, channel: str, *, odd: bool = False) -> str:
        value = f"{ODD if odd else STEM}-{len(self.values):03d}-{channel}-{os.urandom(6).hex()}"
        self.values[value] = channel
        return value

    def many(self, channel: str, count: int, *, odd: bool = False) -> list[str]:
        return [self.make(channel, odd=odd) for _ in range(count)]


def forms(text: str) -> set[bytes]:
    """How a text may be written, in part at least."""
    found = {text, json.dumps(text)[1:-1], json.dumps(text)[1:-1].replace("/", "\\/"), html.escape(text)}
    found |= {quote(text), quote(text, safe=""), quote_plus(text), quote(text, safe="").lower(), repr(text)[1:-1]}
    raw = text.encode()
    found |= {raw.hex(), raw.hex().upper(), raw.hex(" "), "\\x".join(("", *(f"{one:02x}" for one in raw)))}
    written = {one.encode() for one in found}
    for shift in range(3):
        # what stands before and after decides the outer letters: those that depend on the text alone are looked for
        coded = base64.b64encode(b"\0" * shift + raw)
        inner = coded[(0, 2, 3)[shift] :][: (len(raw) + shift) // 3 * 4 - (0, 2, 3)[shift]]
        written |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return written


class Search:
    """``found`` are the places where a canary was seen, with what stands around it."""

    def __init__(self, *more: str) -> None:
        self.found: list[str] = []
        self.bytes = 0
        needles = {form for text in (STEM, ODD, *more) for form in forms(text)}
        self._needles = re.compile(b"|".join(re.escape(one) for one in sorted(needles, key=len, reverse=True)))

    def data(self, place: str, data: bytes | str) -> None:
        data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        self.bytes += len(data)
        for hit in list(self._needles.finditer(data))[:5]:
            self.found.append(f"{place}: ...{data[max(0, hit.start() - 60) : hit.end() + 60]!r}")

    def json(self, place: str, document: object) -> None:
        self.data(place, json.dumps(document, ensure_ascii=False))

    def folder(self, place: Path, skip: Iterable[Path] = ()) -> None:
        """Every file below, its name, where it links to, and what is in it; what git has packed is unpacked."""
        left_out = {str(one) for one in skip}
        for folder, folders, names in os.walk(place):
            folders[:] = [one for one in folders if os.path.join(folder, one) not in left_out]
            for name in names:
                path = os.path.join(folder, name)
                self.data(f"the name of {path}", path)
                if path not in left_out:
                    self.file(path)

    def file(self, path: str) -> None:
        try:
            if os.path.islink(path):
                self.data(f"the link {path}", os.readlink(path))
                return
            if not os.path.isfile(path):
                return
            with open(path, "rb") as file:
                data = file.read(LARGEST)
        except OSError:
            return
        self.data(path, data)
        if data[:2] in (b"\x78\x01", b"\x78\x9c", b"\x78\xda"):
            try:
                self.data(f"{path}, unpacked", zlib.decompress(data))
            except zlib.error:
                pass

    def without(self, *allowed: str) -> list[str]:
        """What was found, except at places that begin like one of these."""
        return [one for one in self.found if not one.startswith(allowed)]


class Arguments:
    """Looks at the arguments of every process of the machine again and again while the block lasts."""

    def __init__(self, search: Search) -> None:
        self._search, self._over = search, threading.Event()
        self._known: set[bytes] = set()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.seen = 0

    def _watch(self) -> None:
        while not self._over.is_set():
            for pid, words in _arguments():
                if words not in self._known:
                    self._known.add(words)
                    self.seen += 1
                    self._search.data(f"the arguments of {pid}", words)
            self._over.wait(0.01)

    def __enter__(self) -> Arguments:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


def _arguments() -> Iterator[tuple[str, bytes]]:
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    yield pid, file.read()
            except OSError:
                pass  # it has ended


def shown(found: Iterable[str], values: Mapping[str, str]) -> str:
    """For a failed test: the places, with how many canaries there were."""
    listed = list(dict.fromkeys(found))
    return f"{len(listed)} places of {len(values)} canaries:\n" + "\n".join(listed[:60])
