"""The patterns of ``.dockerignore``, `ignore` and `include`: which paths below a directory they mean.

Lines go in, paths relative to the directory are asked about. A pattern that means a directory means all that is in it; a
later ``!pattern`` takes out again what an earlier one meant. ``**`` stands for any number of directories. Pure.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

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

    def __bool__(self) -> bool:
        return bool(self._patterns)

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


def _compiled(pattern: str) -> re.Pattern[str]:
    text = ""
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        if letter == "*" and pattern[at : at + 1] == "*":
            at += 1
            at += pattern[at : at + 1] == "/"
            text += "(?:.*/)?" if at < len(pattern) else ".*"
        elif letter == "*":
            text += "[^/]*"
        elif letter == "?":
            text += "[^/]"
        elif letter == "\\" and at < len(pattern):
            text += re.escape(pattern[at])
            at += 1
        elif letter == "[" and "]" in pattern[at + 1 :]:
            end = pattern.index("]", at + 1)
            text += f"[{pattern[at:end]}]"
            at = end + 1
        else:
            text += re.escape(letter)
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        return re.compile(re.escape(pattern))
