"""The terminal under a session: raw while it lasts, and as it was afterwards, whatever happens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def raw_input(descriptor: int | None) -> Iterator[None]:
    """Keys go through unchanged while inside; nothing happens where ``descriptor`` is no terminal, or None."""
    if descriptor is None or not os.isatty(descriptor):
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor, termios.TCSANOW)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def size(descriptor: int) -> tuple[int, int] | None:
    """Rows and columns of a terminal, None where it is none."""
    try:
        found = os.get_terminal_size(descriptor)
    except OSError:
        return None
    return (found.lines, found.columns) if found.lines and found.columns else None
