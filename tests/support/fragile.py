"""A private engine to hang, kill and start again, with all that it runs left where it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.machine import control
from scripts.machine import engine as private_engines
from scripts.machine.commands import Problem, as_root, is_root, run

from .engines import Engine
from .waiting import eventually


class Fragile:
    """``engine`` comes from the fixture ``private_engine``, which also ends it."""

    def __init__(self, engine: Engine) -> None:
        name = os.path.basename(os.path.dirname(engine.socket)).removeprefix("stack-")
        self.private = private_engines.Private.called(name, isolated=True)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections and answers nothing, until the block ends in whatever way."""
        self._signal("STOP")
        try:
            yield
        finally:
            self._signal("CONT")

    def end(self, *, crash: bool = False) -> None:
        """As a host does when it goes down, or as a crash does."""
        pid = self._pid
        self._signal("KILL" if crash else "TERM")
        eventually(lambda: not _alive(pid), within=60, what="the engine has ended")

    def begin(self) -> None:
        """A crash leaves notes of processes that are gone; an engine that trips over them is started again, as init does."""
        for last in (False, False, True):
            stale = [str(self.private.pidfile), str(self.private.run / "exec" / "containerd" / "containerd.pid")]
            _as_root("rm", "-f", *stale)
            try:
                control.start(self.private)
                return
            except Problem:
                if last:
                    raise

    @property
    def _pid(self) -> int:
        return int(self.private.pidfile.read_text(encoding="utf-8"))

    def _signal(self, name: str) -> None:
        _as_root("kill", f"-{name}", str(self._pid))


def _as_root(*command: str) -> None:
    run(list(command) if is_root() else as_root(list(command)))


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
