"""Running the real command as a user would: another process, its own home, its output captured.

``run_stack`` waits for the end; ``start_stack`` returns at once, for attached runs, followers and signals. Both put the
process into a group of its own, which is what a terminal's Ctrl-C and a kill reach.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from scripts.machine.commands import ROOT

from .engines import Engine
from .waiting import eventually

STACK = (sys.executable, "-m", "orchestrator")
LIMIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended. ``requests`` are those the engine saw meanwhile, where they were recorded."""

    args: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    requests: tuple[Any, ...] = ()

    @property
    def mutations(self) -> list[str]:
        """The mutating requests as words: "POST /containers/create"."""
        return [str(request) for request in self.requests if request.mutating]

    def ok(self) -> Result:
        """Itself, if the command succeeded; else a failure that shows what it said."""
        assert self.code == 0, str(self)
        return self

    def failed(self, code: int = 1) -> Result:
        assert self.code == code, str(self)
        return self

    def __str__(self) -> str:
        return f"{' '.join(self.args)}\nexit code {self.code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


def environment_for(engine: Engine, home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The whole environment of a run: nothing of the developer's own gets through, apart from PATH."""
    home.mkdir(parents=True, exist_ok=True)
    return {
        **engine.client_environment(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "STACK_STATE_DIR": str(home / "state"),
        "XDG_RUNTIME_DIR": str(home),
        "LANG": "C.UTF-8",
        **(extra or {}),
    }


def run_stack(
    args: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: str = "",
    limit: float = LIMIT_SECONDS,
    command: Sequence[str] = STACK,
) -> Result:
    """Run ``stack`` to its end. One that outlives the limit is killed with all it started, and fails the test."""
    with start_stack(args, cwd=cwd, env=env, command=command, stdin=stdin) as running:
        return running.finish(limit)


def start_stack(
    args: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: str = "", command: Sequence[str] = STACK
) -> Running:
    return Running(tuple(args), cwd, dict(env), tuple(command), stdin)


class Running:
    """A command that runs. Its output is read all the time, so that it never blocks on a full pipe."""

    def __init__(
        self, args: tuple[str, ...], cwd: Path, env: dict[str, str], command: tuple[str, ...], stdin: str
    ) -> None:
        self.args, self.env = args, env
        self._out: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        self.process = subprocess.Popen(
            [*command, *args],
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._readers = [self._reader("stdout", self.process.stdout), self._reader("stderr", self.process.stderr)]
        self._feed(stdin)

    @property
    def stdout(self) -> str:
        return b"".join(self._out["stdout"]).decode(errors="replace")

    @property
    def stderr(self) -> str:
        return b"".join(self._out["stderr"]).decode(errors="replace")

    def says(self, text: str, *, within: float = 30.0) -> None:
        """Wait until the text was printed, on either stream."""

        def said() -> bool:
            return text in self.stdout or text in self.stderr or self._gave_up(text)

        eventually(said, within=within, what=f"{text!r} in the output of {' '.join(self.args)}")

    def signal(self, number: int = signal.SIGINT) -> None:
        """To the whole group, as a terminal does it."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def finish(self, limit: float = LIMIT_SECONDS) -> Result:
        """Wait for the end."""
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"still running after {limit:g} s\n{self._result()}") from None
        return self._result()

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait()
        for reader in self._readers:
            reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _gave_up(self, text: str) -> bool:
        if self.process.poll() is None:
            return False
        result = self._result()
        if text in result.stdout or text in result.stderr:
            return True
        raise RuntimeError(f"ended without saying {text!r}\n{result}")

    def _result(self) -> Result:
        for reader in self._readers:
            reader.join(5)
        return Result(self.args, self.process.returncode, self.stdout, self.stderr)

    def _feed(self, text: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    def _reader(self, name: str, stream: IO[bytes] | None) -> threading.Thread:
        assert stream is not None
        thread = threading.Thread(target=self._read, args=(name, stream), daemon=True)
        thread.start()
        return thread

    def _read(self, name: str, stream: IO[bytes]) -> None:
        while chunk := os.read(stream.fileno(), 65536):
            self._out[name].append(chunk)
