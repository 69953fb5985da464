"""What must hold at every moment of a soak, looked at every five seconds while faults happen.

No stack has more containers than an update may have, everything on the engine is labelled as a stack's or is a stranger's, the
stranger is left alone, data stays, one lock file a stack has one holder, and the daemon neither grows nor leaves dead children.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.machine.commands import as_root, is_root
from scripts.machine.commands import run as run_program
from scripts.machine.engine_api import EngineRefused

from .commands import Running
from .engines import PROJECT_LABEL, SERVICE_LABEL, Engine

EVERY_SECONDS = 5.0
MOST_CONTAINERS = 10  # four regular ones, each with a successor, and one that goes
STRANGER = "soak-stranger"


@dataclass(frozen=True, slots=True)
class Sample:
    """What a daemon used at one moment."""

    pid: int
    resident: float  # MiB
    descriptors: int
    threads: int
    zombies: int


class Watch:
    """``broken`` says what did not hold; ``samples`` and ``looks`` what was seen."""

    def __init__(
        self, engine: Engine, stacks: Mapping[str, Collection[str]], daemon: Callable[[], Running | None]
    ) -> None:
        self.engine, self.stacks, self._daemon = engine, stacks, daemon
        self.broken: list[str] = []
        self.samples: list[Sample] = []
        self.looks = 0
        self._stranger = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="soak-watch", daemon=True)

    def start(self) -> None:
        self._stranger = self.engine.run(STRANGER, HostConfig={"RestartPolicy": {"Name": "always"}})
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(30)

    def look(self) -> None:
        """Once, at everything. What the engine does not answer just now is looked at the next time."""
        self._sample()
        self._locks()
        try:
            self._containers()
            self._volumes()
        except (OSError, EngineRefused):
            return
        self.looks += 1

    def _run(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            self.look()

    def _expect(self, truth: object, otherwise: str) -> None:
        if not truth:
            self.broken.append(otherwise)

    def _containers(self) -> None:
        found = self.engine.api.get("/containers/json", all=True)
        self._expect(self._stranger in [one["Id"] for one in found], "the stranger is gone")
        counts = dict.fromkeys(self.stacks, 0)
        for one in found:
            if one["Id"] == self._stranger:
                continue
            labels, name = one["Labels"] or {}, one["Names"]
            stack = labels.get(PROJECT_LABEL, "")
            known = labels.get(SERVICE_LABEL) in self.stacks.get(stack, ())
            self._expect(known, f"{name} is nobody's: {labels}")
            counts[stack] = counts.get(stack, 0) + 1
        for stack, count in counts.items():
            self._expect(count <= MOST_CONTAINERS, f"{stack} has {count} containers: {[one['Names'] for one in found]}")

    def _volumes(self) -> None:
        for stack in self.stacks:
            volume = self.engine.volume(f"{stack}_data")
            canary = _read(f"{volume['Mountpoint']}/canary") if volume else "the volume is gone"
            self._expect(canary.strip() == stack, f"the data of {stack}: {canary!r}")

    def _locks(self) -> None:
        """Whoever changes a stack holds the one file; two holders, or two files, are two writers."""
        directory = Path(os.environ.get("STACK_LOCK_DIR") or "/run/lock/stack")
        held = _locked_inodes()
        for stack in self.stacks:
            files = [file for file in directory.glob(f"*-{stack}.lock") if file.stat().st_ino in held]
            holders = [pid for file in files for pid in held[file.stat().st_ino]]
            mine = [pid for pid in holders if self._is_ours(pid)]
            self._expect(len(mine) <= 1, f"{stack} is held by {mine} through {files}")

    def _is_ours(self, pid: int) -> bool:
        """Another soak on this machine has stacks of the same names, and another engine."""
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return False
        daemon = self._daemon()
        home = next((word for word in environment if word.startswith("STACK_STATE_DIR=")), "-")
        return daemon is not None and home == f"STACK_STATE_DIR={daemon.env['STACK_STATE_DIR']}"

    def _sample(self) -> None:
        daemon = self._daemon()
        if daemon is None:
            return
        sample = _sampled(daemon.process.pid)
        if sample is not None:
            self.samples.append(sample)

    def growth(self) -> float:
        """The most MiB by which one daemon has grown, from its third look on."""
        lives: dict[int, list[float]] = {}
        for sample in self.samples:
            lives.setdefault(sample.pid, []).append(sample.resident)
        return max((max(life[2:]) - life[2] for life in lives.values() if len(life) > 2), default=0.0)

    def summary(self) -> str:
        resident = [one.resident for one in self.samples] or [0.0]
        handles = [one.descriptors for one in self.samples] or [0]
        lives = len({one.pid for one in self.samples})
        return (
            f"{self.looks} looks, {lives} daemons, resident {min(resident):.0f} to {max(resident):.0f} MiB (one grew by at most "
            f"{self.growth():.1f}), descriptors {min(handles)} to {max(handles)}"
        )


def _sampled(pid: int) -> Sample | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        resident = int(fields["VmRSS"].split()[0]) / 1024
        return Sample(pid, resident, descriptors, int(fields["Threads"]), _zombies_of(pid))
    except (OSError, KeyError):
        return None  # it ended just now


def _zombies_of(pid: int) -> int:
    count = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        count += state == "Z" and parent == str(pid)
    return count


def _locked_inodes() -> dict[int, list[int]]:
    """Who holds an exclusive flock on what. Who waits for one is marked with an arrow."""
    found: dict[int, list[int]] = {}
    for line in Path("/proc/locks").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if "->" in words or words[1] != "FLOCK" or words[3] != "WRITE":
            continue
        found.setdefault(int(words[5].rpartition(":")[2]), []).append(int(words[4]))
    return found


def _read(path: str) -> str:
    """A file of the engine's, which root alone may read."""
    if not is_root():
        return str(run_program(as_root(["cat", path])))
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as problem:
        return str(problem)
