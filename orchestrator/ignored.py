"""The patterns of ``.dockerignore``, `ignore` and `include`: which paths below a directory they mean.

Lines go in, paths relative to the directory are asked about. A pattern that means a directory means all that is in it; a
later ``!pattern`` takes out again what an earlier one meant. ``**`` stands for any number of directories where a name begins, for
anything at the end, and is no more than ``*`` within a name. Pure.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from enum import Enum

# What editors and compilers write beside the files that people mean.
PASSING = (
    "**/.git",
    "**/.idea",
    "**/*___jb_old___",
    "**/*___jb_tmp___",
    "**/.#*",
    "**/#*#",
    "**/4913",
    "**/*~",
    "**/.*.swp",
    "**/.*.swx",
    "**/.*.swo",
    "**/.*.swn",
    "**/.*.kate-swp",
    "**/*-go-tmp-umask",
)


class Patterns:
    """An ordered list of patterns. Empty, it means nothing."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._patterns = tuple(
            (_compiled(line.removeprefix("!")), not line.startswith("!")) for line in _cleaned(lines)
        )

    def __len__(self) -> int:
        return len(self._patterns)

    def mean(self, path: str) -> bool:
        """Whether ``path`` (relative, with slashes) is meant, by itself or as part of a directory."""
        wanted = False
        candidates = _with_parents(path)
        for pattern, adds in self._patterns:
            if adds is not wanted and any(map(pattern.fullmatch, candidates)):
                wanted = adds
        return wanted


def beside(dockerfile: str) -> tuple[str, str]:
    """The ignore files that a builder looks for in a context; the first one there counts."""
    return f"{dockerfile}.dockerignore", ".dockerignore"


def read(path: str) -> tuple[str, ...] | None:
    """The lines of an ignore file; ``None`` where there is none."""
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            return tuple(file.read().splitlines())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def _cleaned(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        sign = "!" if text.startswith("!") else ""
        path = posixpath.normpath(text.removeprefix("!").strip() or ".").lstrip("/")
        if path not in ("", "."):
            yield sign + path


def _with_parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


class _Any(Enum):
    """What stands for several letters: within a name, across names, and any number of whole folders (or none)."""

    NAME = r"[^/]*"
    PATH = r".*"
    FOLDERS = r"(?:.*/)?"


_LEAST = {_Any.NAME: r"[^/]*?", _Any.PATH: r".*?", _Any.FOLDERS: r"(?:.*?/)??"}


def _compiled(pattern: str) -> re.Pattern[str]:
    """As an expression that never tries the same letters in many ways: of the letters before the next wildcard, which can be
    anything, the first place that fits will do, and is not left again (``(?>...)``). Patterns may be a stranger's.
    """
    text, closing = "", 0
    pieces = _pieces(pattern)
    for index, piece in enumerate(pieces):
        if not isinstance(piece, _Any):
            text += piece
            continue
        is_deep = piece is not _Any.NAME
        if is_deep:
            text, closing = text + ")" * closing, 0
        following = [one for one in pieces[index + 1 :] if isinstance(one, _Any)]
        if is_deep and any(one is not _Any.NAME for one in following):
            text, closing = f"{text}(?>{_LEAST[piece]}", 1
        elif not is_deep and following:
            fixed = pieces[index + 1]
            text += f"(?>{_LEAST[piece]}{fixed})"
            pieces[index + 1] = ""
        else:
            text += piece.value
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        return re.compile(re.escape(pattern))


def _pieces(pattern: str) -> list[str | _Any]:
    """Wildcards with an expression of what is fixed between each two of them, "" for nothing. A class never means a slash."""
    found: list[str | _Any] = [""]
    at = 0
    while at < len(pattern):
        letter, at = pattern[at], at + 1
        if letter == "*":
            piece, at = _wildcard(pattern, at, found)
            if not (found[-1] == "" and found[-2:-1] == [piece]):  # twice the same is no more than once
                found += [piece, ""]
            continue
        if letter == "?":
            fixed = "[^/]"
        elif letter == "\\" and at < len(pattern):
            fixed, at = re.escape(pattern[at]), at + 1
        elif letter == "[" and "]" in pattern[at + 1 :]:
            end = pattern.index("]", at + 1)
            fixed, at = f"(?!/)[{pattern[at:end]}]", end + 1
        else:
            fixed = re.escape(letter)
        found[-1] = f"{found[-1]}{fixed}"
    return found


def _wildcard(pattern: str, at: int, before: list[str | _Any]) -> tuple[_Any, int]:
    """The one whose first star is just before ``at``, and where it ends."""
    if pattern[at : at + 1] != "*":
        return _Any.NAME, at
    fixed = before[-1]
    begins_a_name = before == [""] or str(fixed).endswith("/") or (fixed == "" and before[-2] is _Any.FOLDERS)
    at += 1 + (begins_a_name and pattern[at + 1 : at + 2] == "/")
    if at == len(pattern):
        return _Any.PATH, at
    return _Any.FOLDERS if begins_a_name else _Any.NAME, at
