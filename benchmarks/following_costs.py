"""What following repositories costs: the reading child, the confinement of git, a poll that finds nothing, a daemon at rest."""

from __future__ import annotations

import pathlib
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from benchmarks.daemon import usage
from benchmarks.following import Forge, Host, Kept
from orchestrator.gitops import loading
from orchestrator.gitops.git import Access, Git
from orchestrator.gitops.repository import Ref, Repository
from orchestrator.spec.load import LoadRequest

TIMES = 20
STACKS = 20
_POLLS = """
import sys
from benchmarks.following_costs import polled, processes
poll = polled(*sys.argv[1:])
poll()
before = processes()
poll()
print(processes() - before)
"""


def costs(engine: str, folder: pathlib.Path) -> str:
    lines = ["| cost | wall, ms (median / p95 / largest) | processor, ms | more |", "|---|---|---|---|"]
    forge = Forge(folder)
    with forge.server:
        kept = forge.keep("idle", STACKS, "1m")
        lines += [_child(kept), *_launcher(folder), _poll(forge, kept, folder)]
        lines.append(_idle(engine, forge, kept, folder))
    return "\n".join(lines)


def _timed(call: Callable[[], object]) -> tuple[str, str]:
    """Of many calls: their times, and the processor's time for one of them, with that of the processes that it made."""
    call()
    spent, seconds = _processor(), []
    for _ in range(TIMES):
        began = time.perf_counter()
        call()
        seconds.append((time.perf_counter() - began) * 1000)
    p95 = sorted(seconds)[max(0, round(len(seconds) * 0.95) - 1)]
    wall = f"{statistics.median(seconds):.0f} / {p95:.0f} / {max(seconds):.0f}"
    return wall, f"{(_processor() - spent) * 1000 / TIMES:.0f}"


def _processor() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _child(kept: Kept) -> str:
    place = str(kept.repo.folder)
    stack = kept.repo.folder / "stacks" / kept.stacks[0]

    def read() -> None:
        request = LoadRequest(
            files=(str(stack / "app.yml"),),
            current_directory=str(stack),
            project_name="bench",
            disk=loading.files_below(place),
        )
        loading.canonical(request, place=place, commit="0" * 40)

    wall, processor = _timed(read)
    with _highest() as most:
        for _ in range(3):
            read()
    return f"| the child that reads a spec, one read | {wall} | {processor} | at most {max(most):.0f} MiB resident |"


@contextmanager
def _highest() -> Iterator[list[float]]:
    """The most memory that the processes which this one starts meanwhile were seen with, in MiB."""
    found, ended = [0.0], threading.Event()
    children = pathlib.Path("/proc/self/task")

    def look() -> None:
        while not ended.wait(0.002):
            for process in {pid for task in children.iterdir() for pid in (task / "children").read_text().split()}:
                with suppress(OSError, StopIteration):
                    status = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
                    found.append(next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _launcher(folder: pathlib.Path) -> list[str]:
    git = Git("https://127.0.0.1/nothing", Access(), folder=str(folder))
    wall, processor = _timed(lambda: git.run("version"))
    bare_wall, bare = _timed(lambda: subprocess.run(["git", "version"], capture_output=True, check=True))
    return [
        f"| a confined git command that does nothing | {wall} | {processor} | |",
        f"| the same without confinement | {bare_wall} | {bare} | |",
    ]


def polled(url: str, token: str, certificate: str, directory: str) -> Callable[[], str]:
    """Ask a repository once for what there is."""
    repository = Repository(url, directory, Access(token_file=token, ca_file=certificate))
    return lambda: repository.fetch(Ref(branch="main"))


def processes() -> int:
    """How many processes and threads were made so far in this namespace."""
    return int(pathlib.Path("/proc/sys/kernel/ns_last_pid").read_text())


def _poll(forge: Forge, kept: Kept, folder: pathlib.Path) -> str:
    given = (str(forge.folder / "token"), str(forge.authority.certificate))
    with _Counting(forge.server.port) as relay:
        poll = polled(f"https://127.0.0.1:{relay.port}/{kept.name}", *given, str(folder / "polls"))
        wall, processor = _timed(poll)
        before = relay.bytes
        poll()
        bytes_of_one = relay.bytes - before
    words = ["unshare", "--pid", "--fork", sys.executable, "-c", _POLLS]
    counted = subprocess.run(
        [*words, forge.server.url(kept.name), *given, str(folder / "counted")],
        capture_output=True,
        text=True,
        check=True,
    )
    more = f"{counted.stdout.strip()} processes and threads, {bytes_of_one} bytes over the wire"
    return f"| a poll that finds nothing new, https | {wall} | {processor} | {more} |"


class _Counting:
    """A relay to a port of this machine that counts the bytes both ways."""

    def __init__(self, port: int) -> None:
        self._to, self.bytes = port, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> _Counting:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self._to))
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                self.bytes += len(piece)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)


def _idle(engine: str, forge: Forge, kept: Kept, folder: pathlib.Path) -> str:
    """From some time after one poll until the same time after the next."""
    host = Host(engine, forge, [kept], folder / "host", traced=False)

    def next_poll() -> None:
        before = len(forge.server.asked)
        while len(forge.server.asked) == before:
            time.sleep(0.02)
        time.sleep(5)

    with host.daemon() as process:
        time.sleep(5)
        before, began = usage(process.pid), time.monotonic()
        next_poll()
        after, spent = usage(process.pid), time.monotonic() - began
    share = 100 * (after[0] - before[0]) / spent
    what = f"a daemon at rest: 1 source of {STACKS} stacks, polled each minute"
    return f"| {what} | - | - | {share:.2f} % of a core over {spent:.0f} s with one poll, {after[1]:.0f} MiB |"
