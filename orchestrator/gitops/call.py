"""One run of a confined program: its answer in pieces, its complaints apart, and nothing of it left at the end.

It has a session of its own, so that whatever it starts ends with it; at its deadline all of that is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import IO

from orchestrator.gitops.confined import Confinement, command

_MOST_COMPLAINTS = 64 << 10


class Slow(Exception):
    """The deadline came first."""


class Call:
    """``with Call(...) as call: call.read(n)``. Afterwards ``code`` and ``said`` (lines of its standard error) tell how it went.

    ``environment`` and ``confinement`` are made when its home, an empty folder that goes at the end, is known. ``stdin`` is all
    that it is given, ``None`` for a pipe (``ask``). ``keep`` are descriptors that it inherits.
    """

    def __init__(
        self,
        words: list[str],
        environment: Callable[[str], Mapping[str, str]],
        confinement: Callable[[str], Confinement],
        *,
        seconds: float,
        stdin: bytes | None = b"",
        keep: Iterable[int] = (),
    ) -> None:
        self._words, self._environment, self._confinement = words, environment, confinement
        self._stdin, self._keep = stdin, tuple(keep)
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._expired = self._reaped = False
        self._lock = threading.Lock()
        self.code = 0
        self.said: list[str] = []

    def __enter__(self) -> Call:
        self._home = tempfile.TemporaryDirectory(prefix="stack-git-", ignore_cleanup_errors=True)
        try:
            self._start(os.path.realpath(self._home.name))
        except BaseException:
            self._home.cleanup()
            raise
        self._timer.start()
        return self

    def _start(self, home: str) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 closed at the end
        given: IO[bytes] | int = subprocess.PIPE
        if self._stdin is not None:
            given = tempfile.TemporaryFile()  # noqa: SIM115 closed once the program has it
            given.write(self._stdin)
            given.seek(0)
        self._process = subprocess.Popen(
            command(self._words, self._confinement(home)),
            env=self._environment(home),
            cwd=home,  # a repository that somebody stands in has no say
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            start_new_session=True,
            pass_fds=self._keep,
        )
        if not isinstance(given, int):
            given.close()

    def read(self, most: int) -> bytes:
        """What it prints, until it ends or has printed ``most`` bytes."""
        assert self._process.stdout is not None
        return self._process.stdout.read(most)

    def line(self, most: int = 4096) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline(most)

    def ask(self, data: bytes) -> None:
        """Something more for its standard input. That it no longer listens is found when its answer is read."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except BrokenPipeError:
            pass

    def finish_asking(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        try:
            if kind is None:
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # the timer ends it at the latest
            self._kill()
            with self._lock:
                self.code, self._reaped = process.wait(), True
        finally:
            self._timer.cancel()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    _close(pipe)
            self._complaints.seek(0)
            text = self._complaints.read(_MOST_COMPLAINTS).decode(errors="replace")
            self._complaints.close()
            self.said = ["".join(c if c.isprintable() else " " for c in line).rstrip() for line in text.splitlines()]
            self._home.cleanup()
        if self._expired:
            raise Slow from None

    def _expire(self) -> None:
        self._expired = True
        self._kill()

    def _kill(self) -> None:
        """Everything of its session. The number is its own until it is reaped."""
        with self._lock:
            if not self._reaped:
                try:
                    os.killpg(self._process.pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    pass


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        pass
