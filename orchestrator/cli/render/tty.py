"""Live progress on a terminal: the picture is drawn over the one before, in one write, when something has happened.

Events only change the board; a thread of its own draws, so that a slow terminal never holds up a run. Several
events within a moment make one picture; while something is under way a slow tick keeps spinner and times moving.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TextIO

from orchestrator.cli.render import frame as frames
from orchestrator.cli.render import notes, safe, width
from orchestrator.cli.render.board import Board
from orchestrator.cli.render.frame import Style
from orchestrator.events import Event, Noted

TICK = 0.1  # between pictures when only the time moves on
MOMENT = 0.03  # at least this long between two pictures
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
BEGIN, END = "\x1b[?2026h", "\x1b[?2026l"  # a picture at a time, where the terminal knows how


class Live:
    """A sink that is a context manager: the display lives as long as the ``with`` block."""

    def __init__(
        self, stream: TextIO, title: str, style: Style, *, mask: Callable[[str], str] = lambda text: text
    ) -> None:
        self._stream, self._title, self._style, self._mask = stream, title, style, mask
        self._board = Board()
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._draw_on, daemon=True, name="display")
        self._drawn: list[int] = []  # widths of the lines on the screen
        self._said: list[str] = []  # lines to leave above the picture
        self._tick = 0

    def __enter__(self) -> Live:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        self._changed.set()
        self._thread.join()
        self._finish()

    def emit(self, event: Event) -> None:
        with self._lock:
            row = self._board.take(event, time.monotonic())
            if row is not None and row.detail:
                row.detail = self._mask(row.detail)  # before anything is cut off: half a secret is not recognised
            if isinstance(event, Noted):
                self._said.append(self._mask(notes.line(event.note)))
        self._changed.set()

    def _draw_on(self) -> None:
        while not self._ending.is_set():
            with self._lock:
                working = self._board.working
            self._changed.wait(TICK if working else None)
            self._changed.clear()
            if not self._ending.is_set():
                self._draw()
                self._ending.wait(MOMENT)

    def _draw(self) -> None:
        columns, lines = self._size()
        with self._lock:
            self._tick += 1
            said, self._said = self._said, []
            picture = frames.frame(self._board, self._title, time.monotonic(), self._tick, columns, lines, self._style)
            if not self._board.rows:
                picture = []
        self._put(said, picture, columns, HIDE)

    def _finish(self) -> None:
        """Replace the picture by what stays, and give the cursor back."""
        columns, _ = self._size()
        with self._lock:
            picture = frames.last(self._board, self._title, time.monotonic(), columns, self._style)
        self._put(self._said, picture, columns, "")
        self._write(SHOW)

    def _put(self, said: list[str], picture: list[str], columns: int, prefix: str) -> None:
        up = sum(max(1, -(-drawn // max(1, columns))) for drawn in self._drawn)
        text = [BEGIN, prefix, "\r", f"\x1b[{up}A" if up else ""]
        text += [f"{width.fit(line, columns)}\x1b[K\n" for line in said]
        text += [f"{line}\x1b[K\n" for line in picture]
        text += ["\x1b[J", END]
        self._drawn = [min(columns, _visible(line)) for line in picture]
        self._write("".join(text))

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._ending.set()  # the terminal has gone; the run goes on without a picture

    def _size(self) -> tuple[int, int]:
        try:
            found = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return 80, 24
        return found.columns or 80, found.lines or 24


def _visible(line: str) -> int:
    return width.of(safe.harmless(line))
