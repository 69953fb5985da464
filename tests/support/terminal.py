"""A command in a real pseudo-terminal: what it shows is read all the time, keys are typed, the window is resized."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from .commands import STACK
from .waiting import eventually


class Terminal:
    """Use it in a ``with``; the process is the leader of a session that has the terminal as its own."""

    def __init__(
        self,
        args: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        rows: int = 24,
        columns: int = 100,
        command: Sequence[str] = STACK,
    ) -> None:
        self._terminal, inner = pty.openpty()
        self._shown = b""
        self.resize(rows, columns)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command, *args],
            cwd=cwd,
            env={**env, "TERM": "xterm"},
            stdin=inner,
            stdout=inner,
            stderr=inner,
        )
        os.close(inner)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def shown(self) -> str:
        return self._shown.decode(errors="replace")

    def says(self, text: str, *, within: float = 30.0) -> None:
        """Wait until the text was shown."""

        def said() -> bool:
            if self.process.poll() is not None:
                self._reader.join(5)
                if text not in self.shown:
                    raise RuntimeError(f"ended without showing {text!r}\n{self.shown}")
            return text in self.shown

        try:
            eventually(said, within=within, what=repr(text))
        except AssertionError as problem:
            raise AssertionError(f"{problem}, in\n{self.shown}") from None

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def echoes(self) -> bool:
        """Whether the terminal is as it was: a raw one does not echo."""
        return bool(termios.tcgetattr(self._terminal)[3] & termios.ECHO)

    def finish(self, limit: float = 60.0) -> int:
        """Wait for the end; the exit code."""
        try:
            code = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {limit:g} s\n{self.shown}") from None
        self._reader.join(5)
        return code

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self._reader.join(5)
        os.close(self._terminal)

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._terminal, 65536)
            except OSError as problem:
                if problem.errno != errno.EIO:  # how a pseudo-terminal says that the other side has gone
                    raise
                return
            if not piece:
                return
            self._shown += piece
