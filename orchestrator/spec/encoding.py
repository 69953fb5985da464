"""The bytes of a user's file as UTF-8 text, or an error that names the line and column of the first bad byte.

UTF-8 with or without a byte order mark, and UTF-16 with one, as YAML has it. ``place`` turns an offset that another
reader reports into a line and a column.
"""

from __future__ import annotations

from orchestrator.errors import SyntaxProblem, Where

_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def to_utf8(data: bytes, file: str) -> bytes:
    """``data`` in UTF-8 without its byte order mark."""
    encoding = _UTF16.get(data[:2])
    if encoding is not None:
        return _from_utf16(data[2:], encoding, file)
    return data[3:] if data.startswith(b"\xef\xbb\xbf") else data


def to_text(data: bytes, file: str) -> str:
    """``data`` as text."""
    try:
        return to_utf8(data, file).decode()
    except UnicodeDecodeError as error:
        line, column = place(error.object, error.start)
        raise not_utf8(file, line, column) from None


def place(data: bytes, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of the byte at ``offset``."""
    before = data[:offset]
    start = before.rfind(b"\n") + 1
    return before.count(b"\n") + 1, len(before[start:].decode("utf-8", "replace")) + 1


def not_utf8(file: str, line: int, column: int) -> SyntaxProblem:
    return SyntaxProblem(
        "the file is not valid UTF-8",
        where=Where(file, line, column),
        hint="save it in UTF-8",
        reference="bad-encoding",
    )


def _from_utf16(data: bytes, encoding: str, file: str) -> bytes:
    try:
        return data.decode(encoding).encode()
    except UnicodeError:
        raise SyntaxProblem(
            "the file is not valid UTF-16", where=Where(file, 1, 1), hint="save it in UTF-8", reference="bad-encoding"
        ) from None
