"""Reading a tar stream entry by entry, with bounded memory: ustar, pax and GNU long names, which is what engines write.

Pieces of bytes come in, ``Entry`` values go out; an entry's content is read from the stream while the entry is the
current one, and skipped if nobody asks. Only a header's fields are left to the standard library; what it would read
into memory at an archive's word is read here with limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from orchestrator.errors import EngineError
from orchestrator.records import dataclass, field

BLOCK = 512
EXTENDED_LIMIT = 1024 * 1024
PIECE = 256 * 1024
NO_ID = 2**32 - 1
LATEST = 2.0**34


class Kind(Enum):
    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symlink"
    HARD_LINK = "hard link"
    OTHER = "other"


_KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,
    b"1": Kind.HARD_LINK,
    b"2": Kind.SYMLINK,
    b"5": Kind.FOLDER,
}


@dataclass(slots=True)
class Entry:
    kind: Kind
    name: str
    target: str
    size: int
    mode: int
    uid: int
    gid: int
    modified: float
    _source: _Source = field(repr=False)
    _left: int = 0

    def pieces(self) -> Iterator[bytes]:
        while self._left:
            piece = self._source.some(min(self._left, PIECE))
            self._left -= len(piece)
            yield piece

    def skip(self) -> None:
        for _ in self.pieces():
            pass
        self._source.exactly(-self.size % BLOCK)


class _Source:
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._ahead = b""

    def some(self, limit: int) -> bytes:
        """At least one byte and at most ``limit``. Raises at the end."""
        while not self._ahead:
            piece = next(self._pieces, None)
            if piece is None:
                raise _broken("it ends in the middle")
            self._ahead = piece
        taken, self._ahead = self._ahead[:limit], self._ahead[limit:]
        return taken

    def exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            data += self.some(count - len(data))
        return bytes(data)

    def ended(self) -> bool:
        while not self._ahead:
            piece = next(self._pieces, None)
            if piece is None:
                return True
            self._ahead = piece
        return False


def read_entries(pieces: Iterable[bytes]) -> Iterator[Entry]:
    """The entries of a tar. Raises EngineError where the bytes are no tar."""
    source = _Source(pieces)
    told: dict[str, str] = {}
    while not source.ended():
        block = source.exactly(BLOCK)
        if not block.strip(b"\0"):
            for _ in iter(source.ended, True):
                source.some(PIECE)  # padding behind the end
            return
        letter = block[156:157]
        if letter in b"xgLK":
            told |= _extended(source, block, letter)
            continue
        entry = _entry(source, block, letter, told)
        told = {}
        yield entry
        entry.skip()


def _entry(source: _Source, block: bytes, letter: bytes, told: dict[str, str]) -> Entry:
    from tarfile import HeaderError, TarInfo

    try:
        info = TarInfo.frombuf(block, "utf-8", "surrogateescape")
        size = int(told.get("size", info.size))
        uid, gid = int(told.get("uid", info.uid)), int(told.get("gid", info.gid))
        modified = float(told.get("mtime", info.mtime))
    except (HeaderError, ValueError) as problem:
        raise _broken(str(problem)) from problem
    kind = _KINDS.get(letter, Kind.OTHER)
    name = told.get("path", info.name)
    if kind is Kind.FILE and name.endswith("/"):
        kind = Kind.FOLDER  # the way of the oldest tars
    if any(key.startswith("GNU.sparse") for key in told):
        kind = Kind.OTHER
    if size < 0 or not (0 <= uid < NO_ID and 0 <= gid < NO_ID):
        raise _broken("an entry's numbers make no sense")
    if not -LATEST < modified < LATEST:
        modified = 0.0  # nan, or a year no file system knows
    held = size if kind in (Kind.FILE, Kind.OTHER) else 0
    target = told.get("linkpath", info.linkname)
    return Entry(kind, name, target, held, info.mode, uid, gid, modified, source, held)


def _extended(source: _Source, block: bytes, letter: bytes) -> dict[str, str]:
    """What a pax header or a GNU long name says of the entry that follows; global pax headers say nothing we need."""
    from tarfile import HeaderError, TarInfo

    try:
        size = TarInfo.frombuf(block, "utf-8", "surrogateescape").size
    except HeaderError as problem:
        raise _broken(str(problem)) from problem
    if not 0 <= size <= EXTENDED_LIMIT:
        raise _broken("an extended header is too long")
    data = source.exactly(size)
    source.exactly(-size % BLOCK)
    if letter == b"L":
        return {"path": _text(data.rstrip(b"\0"))}
    if letter == b"K":
        return {"linkpath": _text(data.rstrip(b"\0"))}
    return _pax(data) if letter == b"x" else {}


def _pax(data: bytes) -> dict[str, str]:
    """Records of the form ``LENGTH KEY=VALUE LF``, the length counting the whole record."""
    records: dict[str, str] = {}
    while data:
        digits, _, rest = data.partition(b" ")
        length = int(digits) if digits.isdigit() and len(digits) < 8 else 0
        record, data = data[len(digits) + 1 : length], data[length:]
        key, equals, value = record.removesuffix(b"\n").partition(b"=")
        if length <= len(digits) + 1 or not rest or not equals or not record.endswith(b"\n"):
            raise _broken("a pax record cannot be read")
        records[_text(key)] = _text(value)
    return records


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _broken(why: str) -> EngineError:
    return EngineError(f"the archive from the engine cannot be read: {why}", reference="broken-archive")
