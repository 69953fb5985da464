"""The menu of an attached `up`: a line that names the keys, and the keys.

While it is open a thread reads single keys from the terminal and hands them on; Ctrl-C stays a signal. The terminal is
given back as it was, whatever happens.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orchestrator.cli.render.logs import LogPrinter
from orchestrator.cli.wiring import Context

ENTER, DETACH, WATCH = "\r", "d", "w"


def wanted(context: Context, asked: bool | None) -> bool:
    """Whether there is a menu: with a person at a terminal, unless an option or ``COMPOSE_MENU`` says no."""
    if asked is None:
        asked = context.switch("COMPOSE_MENU") if context.variables.get("COMPOSE_MENU") else True
    return asked and sys.stdin.isatty() and context.out.isatty() and context.progress_mode() == "tty"


class Menu:
    """``watching`` says whether changed files are brought into services, which one key switches."""

    def __init__(self, printer: LogPrinter, watching: Callable[[], bool]) -> None:
        self._printer, self._watching = printer, watching

    @contextmanager
    def open(self, on_key: Callable[[str], None]) -> Iterator[None]:
        """Show the line and hand keys on, within the block."""
        import termios
        import tty

        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        wake, waker = os.pipe()
        reader = threading.Thread(target=self._read, args=(terminal, wake, on_key), daemon=True, name="keys")
        try:
            tty.setcbreak(terminal, termios.TCSANOW)
            self.show()
            reader.start()
            yield
        finally:
            os.write(waker, b"!")
            reader.join()
            for descriptor in (wake, waker):
                os.close(descriptor)
            self._printer.footer("")
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)

    def show(self) -> None:
        """The line, as things are now; cut where the terminal ends."""
        text = f"   w {'Disable' if self._watching() else 'Enable'} Watch   d Detach"
        self._printer.footer(text[: os.get_terminal_size(sys.stdout.fileno()).columns - 1])

    def _read(self, terminal: int, wake: int, on_key: Callable[[str], None]) -> None:
        while True:
            ready, _, _ = select.select([terminal, wake], [], [])
            if wake in ready:
                return
            try:
                keys = os.read(terminal, 64)
            except OSError:
                return  # the terminal has gone away
            if not keys:
                return
            for key in keys.decode(errors="replace"):
                on_key(ENTER if key == "\n" else key.lower())
