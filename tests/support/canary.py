"""Files that nobody may open: the kernel itself counts who does."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OPEN, _ACCESS = 0x20, 0x01
_LIBC = ctypes.CDLL(None, use_errno=True)
WORD = "CANARY-3b1f"


class Watch:
    """What was done to the files since: looking where one is, as ``stat`` does, counts for nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def touched(self) -> int:
        """How many events of opening and reading there were; counted once."""
        count = 0
        while True:
            try:
                data = os.read(self._descriptor, 65536)
            except BlockingIOError:
                return count
            count += len(data) // 16  # a watch on a file has no names in its events


@contextmanager
def watched(*files: Path) -> Iterator[Watch]:
    descriptor = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert descriptor >= 0
    try:
        for file in files:
            assert _LIBC.inotify_add_watch(descriptor, os.fsencode(file), _OPEN | _ACCESS) >= 0
        yield Watch(descriptor)
    finally:
        os.close(descriptor)
