"""Small answers kept on disk, each with what it was made from: it is used again only while that is the same.

Whatever is wrong with such a file means that the answer is made anew; losing it costs a moment. They are in Python's own
form, which is read without loading any module, and so belong to one version of Python. Their folder is the user's own.
"""

from __future__ import annotations

import marshal
import os
import sys
from zlib import crc32

TYPE_CHECKING = False  # importing typing takes longer than everything that is done here
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    Stamp = list[Any]


def directory(environment: Mapping[str, str]) -> str:
    """``$XDG_CACHE_HOME/stack``, by default ``~/.cache/stack``."""
    home = environment.get("HOME") or os.path.expanduser("~")
    return os.path.join(environment.get("XDG_CACHE_HOME") or os.path.join(home, ".cache"), "stack")


def stamps(paths: Iterable[str]) -> list[Stamp]:
    """What tells a file or folder from its changed self; one that is not there has a stamp too."""
    return [_stamp(path) for path in paths]


def recall(environment: Mapping[str, str], key: str, make: Callable[[], tuple[Any, Iterable[str]]]) -> Any:
    """The answer for ``key``: the kept one while nothing it depends on has changed, else what ``make`` says.

    ``make`` returns the answer and the paths that it depends on.
    """
    name = f"{crc32(key.encode('utf-8', 'surrogateescape')):08x}.{sys.implementation.cache_tag}"
    path = os.path.join(directory(environment), name)
    kept = _read(path)
    if kept is not None and kept["key"] == key and kept["stamps"] == stamps(stamp[0] for stamp in kept["stamps"]):
        return kept["answer"]
    answer, paths = make()
    _write(path, {"key": key, "stamps": stamps(paths), "answer": answer})
    return answer


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return [path, 0, 0]
    return [path, found.st_mtime_ns, found.st_size]


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return None  # somebody else's
            kept = marshal.loads(file.read())
        return kept if {"key", "stamps", "answer"} <= kept.keys() and all(kept["stamps"]) else None
    except (OSError, ValueError, EOFError, AttributeError, TypeError):
        return None


def _write(path: str, content: dict[str, Any]) -> None:
    draft = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(draft, "wb") as file:
            file.write(marshal.dumps(content))
        os.replace(draft, path)
    except (OSError, ValueError):
        pass  # a folder that cannot be written makes completion slower, not wrong
