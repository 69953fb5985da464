"""Ctrl-C and its kin. While the world is being changed the first one asks to stop, the second one stops at once.

Elsewhere Ctrl-C ends the program as it ends any other, and SIGTERM does the same with its own exit code.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from orchestrator.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def handled(handler: Callable[[int], None]) -> Iterator[None]:
    """Call ``handler`` with the number of each SIGINT and SIGTERM within the block. Main thread only."""

    def take(number: int, _: FrameType | None) -> None:
        handler(number)

    before = {number: signal.signal(number, take) for number in SIGNALS}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def graceful(stop: Callable[[int], None], warn: Callable[[str], None]) -> Iterator[None]:
    """The first signal calls ``stop``; the next one raises Interrupted in the main thread."""
    received: list[int] = []

    def take(number: int) -> None:
        received.append(number)
        if len(received) > 1:
            raise Interrupted("interrupted at once", signal_number=number)
        warn("stopping after what is under way; once more to stop at once")
        stop(number)

    with handled(take):
        yield


def end_on_terminate() -> None:
    """Let SIGTERM end the program the orderly way, through ``main``."""

    def take(number: int, _: FrameType | None) -> None:
        raise Interrupted("terminated", signal_number=number)

    signal.signal(signal.SIGTERM, take)
