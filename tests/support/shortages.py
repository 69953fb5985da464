"""A machine that is short of memory: whatever reads a spec is killed at once, as a kernel would, for as long as that lasts."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.gitops import loading


@contextmanager
def no_memory() -> Iterator[list[int]]:
    """In the block, processes of this one that read specs are killed; the list has their numbers."""
    killed: list[int] = []
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.005):
            for number in _readers():
                os.kill(number, signal.SIGKILL)
                killed.append(number)

    thread = threading.Thread(target=work, name="shortage")
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def _readers() -> list[int]:
    """Children of this process, by whichever of its threads, that have begun to be a reader of specs."""
    found = set()
    for tasks in Path(f"/proc/{os.getpid()}/task").iterdir():
        try:
            children = (tasks / "children").read_text().split()
        except OSError:
            continue
        for number in map(int, children):
            try:
                words = Path(f"/proc/{number}/cmdline").read_bytes()
            except OSError:
                continue
            if loading.CHILD.encode() in words:
                found.add(number)
    return sorted(found)
