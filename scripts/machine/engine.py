"""Private Docker Engines: started with folders, sockets and pid files of their own, ended without a trace.

A ``Private`` names the places; ``start`` returns when the engine answers, ``stop`` when nothing of it is left: no
process, mount, network namespace, bridge or firewall rule. An engine that was there before is never touched. The main
engine lives in the host's network namespace, so that published ports are on 127.0.0.1; every further one in its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from . import firewall, netns
from .commands import Problem, run
from .engine_api import EngineApi, EngineRefused

READY_SECONDS = 60.0
STOP_SECONDS = 40.0

# Engines outlive the call that starts them; a Popen collected before its process ends warns, and then tests fail.
_LEFT_RUNNING: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class Private:
    """Where one private engine keeps its things. ``programs`` is an unpacked newer engine, or None."""

    name: str
    programs: Path | None = None
    isolated: bool = False
    state: Path = Path()
    run: Path = Path()
    socket: Path = Path()

    @classmethod
    def called(
        cls, name: str, *, programs: Path | None = None, isolated: bool = False, state: Path | None = None
    ) -> Private:
        folder = Path(f"/run/stack-{name}")
        return cls(name, programs, isolated, state or Path(f"/var/lib/stack-{name}"), folder, folder / "docker.sock")

    @property
    def address(self) -> str:
        return f"unix://{self.socket}"

    @property
    def api(self) -> EngineApi:
        return EngineApi(self.address)

    @property
    def host(self) -> str:
        """Where its published ports are reached from the host."""
        return netns.address(self.name) if self.isolated else "127.0.0.1"

    @property
    def log(self) -> Path:
        return self.state / "dockerd.log"

    @property
    def pidfile(self) -> Path:
        return self.run / "dockerd.pid"

    @property
    def search_path(self) -> str:
        """PATH for the engine and its clients: the unpacked programs first."""
        usual = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return f"{self.programs}/usr/sbin:{self.programs}/usr/bin:{usual}" if self.programs else usual


def start(private: Private, *, arguments: Sequence[str] = (), group: str = "") -> None:
    """Start it, or do nothing when it runs. ``arguments`` go to dockerd; ``group`` may use the socket."""
    if private.api.answers():
        return
    if is_running(private):
        stop(private)
    if shutil.which("dockerd", path=private.search_path) is None:
        raise Problem("dockerd is not installed", "apt-get install docker.io")
    private.state.mkdir(parents=True, exist_ok=True)
    private.run.mkdir(parents=True, exist_ok=True)
    if private.isolated:
        netns.create(private.name)
    elif not _before(private).exists():
        _before(private).write_text(json.dumps(firewall.remember()), encoding="utf-8")
    process = _launch(private, arguments, group)
    _wait_until(private.api.answers, READY_SECONDS, lambda: _died(private, process))
    _LEFT_RUNNING.append(process)


def stop(private: Private, *, remove: bool = False) -> None:
    """End it with all that lives in it, suspended or not. ``remove`` also deletes its images, volumes and log."""
    if is_running(private):
        os.kill(_pid(private), signal.SIGCONT)
    _ignoring_refusals(partial(_remove_containers, private))
    _end_processes(private)
    _LEFT_RUNNING[:] = [process for process in _LEFT_RUNNING if process.poll() is None]
    _unmount_below(private.state, private.run)
    if netns.path(private.name).exists():  # whoever stops it need not know how it was started
        netns.remove(private.name)
    elif _before(private).exists():
        firewall.restore(json.loads(_before(private).read_text(encoding="utf-8")))
        _before(private).unlink()
    shutil.rmtree(private.run, ignore_errors=True)
    if remove:
        shutil.rmtree(private.state, ignore_errors=True)


def is_running(private: Private) -> bool:
    """Whether the daemon named in the pid file is alive and is ours (a pid is reused sooner or later)."""
    pid = _pid(private)
    return pid > 0 and str(private.run) in _command_line(pid)


def _launch(private: Private, arguments: Sequence[str], group: str) -> subprocess.Popen[bytes]:
    command = [
        *(netns.enter(private.name) if private.isolated else []),
        "dockerd",
        *("--host", private.address),
        *("--data-root", str(private.state / "data")),
        *("--exec-root", str(private.run / "exec")),
        *("--pidfile", str(private.pidfile)),
        # A system containerd may be shared with another engine; names of our own keep the two apart.
        *("--containerd-namespace", f"stack-{private.name}"),
        *("--containerd-plugins-namespace", f"stack-{private.name}-plugins"),
        *(["--group", group] if group else []),
        *arguments,
    ]
    environment = {**os.environ, "PATH": private.search_path}
    # An engine that inherits these would act as somebody's client, or proxy its pulls to itself.
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "NOTIFY_SOCKET"):
        environment.pop(name, None)
    with private.log.open("ab") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )


def _died(private: Private, process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        tail = private.log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
        lines = "\n".join(f"    {line}" for line in tail)
        raise Problem(
            f"the engine {private.name} ended with exit code {process.returncode}:\n{lines}",
            f"the log is {private.log}",
        )


def _remove_containers(private: Private) -> None:
    """By force and before the daemon is told to end: it would wait ten seconds for each."""
    api = private.api
    if not api.answers():
        return
    _leave_swarm(api)
    for container in api.get("/containers/json", all=True):
        _ignoring_refusals(partial(api.delete, f"/containers/{container['Id']}", force=True))
    for network in api.get("/networks"):
        if network["Name"] not in ("bridge", "host", "none"):
            _ignoring_refusals(partial(api.delete, f"/networks/{network['Id']}"))


def _leave_swarm(api: EngineApi) -> None:
    if api.get("/info")["Swarm"]["LocalNodeState"] != "inactive":
        _ignoring_refusals(partial(api.post, "/swarm/leave", force=True))


def _ignoring_refusals(call: Callable[[], Any]) -> None:
    """What cannot be removed politely goes with the daemon's processes and mounts."""
    try:
        call()
    except (EngineRefused, OSError):
        pass


def _end_processes(private: Private) -> None:
    """The daemon gets some time to end by itself; whatever is left then is killed. Nothing is waited for without limit."""
    asked = []
    if is_running(private):
        asked.append(_pid(private))
        os.kill(asked[0], signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while is_running(private) and not _is_zombie(asked[0]) and time.monotonic() < deadline:
            time.sleep(0.05)
    for left_over in _processes_of(private):
        try:
            os.kill(left_over, signal.SIGKILL)
        except ProcessLookupError:
            continue
        asked.append(left_over)
    _wait_until(lambda: not _processes_of(private), 10.0)
    for ended in asked:
        _reap(ended)


def _processes_of(private: Private) -> list[int]:
    """The daemon, its containerd and its shims: whatever has our run folder on its command line, and nothing else."""
    marks = (f"{private.run}/exec", f"{private.run}/dockerd.pid")
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            line = _command_line(int(entry.name))
            if any(mark in line for mark in marks) and line.split("\0")[0].endswith(_PROGRAMS):
                found.append(int(entry.name))
    return [pid for pid in found if not _is_zombie(pid)]


_PROGRAMS = ("dockerd", "containerd", "containerd-shim-runc-v2", "containerd-shim-runc-v1", "runc")


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _reap(pid: int) -> None:
    """Only if it has ended: a child that goes on would be waited for until it does."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except (ChildProcessError, ProcessLookupError):
        pass


def _unmount_below(*folders: Path) -> None:
    """Deepest first, and lazily: a killed engine leaves its containers' file systems mounted."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    for mount in sorted(mounts, key=len, reverse=True):
        if any(Path(mount).is_relative_to(folder) for folder in folders):
            run(["umount", "--lazy", mount])


def _pid(private: Private) -> int:
    try:
        return int(private.pidfile.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _before(private: Private) -> Path:
    return private.state / "before.json"


def _wait_until(condition: Callable[[], bool], seconds: float, meanwhile: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        meanwhile()
        if time.monotonic() > deadline:
            raise Problem(f"nothing happened within {seconds:.0f} s")
        time.sleep(0.02)
