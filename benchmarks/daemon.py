"""How a host fares under `stack daemon run`: how fast it mends, what it costs at rest, and what a flood of events does to it.

    python -m benchmarks.daemon --engine unix:///run/docker.sock [--times 20] [--idle 60] [--silent]

Ten stacks of five services stand under one daemon. Times are from the call (or the kill) until the engine says that a container of
that name runs; the floor is a raw create and start of such a container. That a daemon at rest changes nothing is what the engine's
own events say. A killed process is killed from the host, as a crash would end it (so this needs root on the engine's machine).
Prints a Markdown table, and puts it into benchmarks/RESULTS.md under its own heading; ``--silent`` only prints how what was removed
is found when every event is dropped, which takes a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import quote

from benchmarks.floor import Floor
from benchmarks.specs import IMAGE
from benchmarks.watch import ROOT, record
from orchestrator.api.client import Client
from orchestrator.errors import StackError
from tests.support.faults import mute_events
from tests.support.proxy import Proxy

HEADING = "## Daemon"
STACKS, SERVICES = 10, 5
FLOOD, FLOOD_SECONDS = 5_000, 10.0
HANGS = 4
RESYNC = 5.0
CHANGES = ("create", "start", "die", "stop", "kill", "destroy", "rename", "update", "remove", "connect", "disconnect")


def spec(restart: str) -> str:
    """Five services, the later ones after the earlier."""
    lines = ["services:"]
    for number in range(SERVICES):
        lines += [
            f"  s{number}:",
            f"    image: {IMAGE}",
            "    command: sleep 1000000",
            "    init: true",
            "    stop_signal: SIGKILL",
            f"    restart: '{restart}'",
        ]
        lines += [f"    depends_on: [s{number - 1}]"] if number else []
    return "\n".join(lines) + "\n"


class Host:
    """A folder with a host file, a daemon on it, and its API."""

    def __init__(self, floor: Floor, engine: str, folder: pathlib.Path) -> None:
        self.floor, self.engine, self.folder = floor, engine, folder
        self.names = [f"bench-daemon-{number}" for number in range(STACKS)]
        for number, name in enumerate(self.names):
            (folder / f"{name}.yml").write_text(spec("unless-stopped" if number == STACKS - 1 else "no"))

    def write(self, resync: str) -> None:
        entries = "".join(f"  {name}: {{path: {name}.yml, resync: {resync}}}\n" for name in self.names)
        (self.folder / "host.yml").write_text(f"stacks:\n{entries}")

    @contextmanager
    def daemon(self, through: str = "") -> Iterator[subprocess.Popen[bytes]]:
        program = str(pathlib.Path(sys.executable).with_name("stack"))
        words = [program, "daemon", "run", "--config", "host.yml", "--socket", "stack.sock"]
        environment = os.environ | {
            "DOCKER_HOST": through or self.engine,
            "STACK_STATE_DIR": str(self.folder / "state"),
        }
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(words, cwd=self.folder, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            (self.folder / "stack.sock").unlink(missing_ok=True)

    def stacks(self) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = Client(str(self.folder / "stack.sock")).host()["stacks"]
        except StackError:
            return []
        return found

    def settled(self) -> bool:
        found = self.stacks()
        return len(found) == STACKS and all(one["phase"] == "converged" for one in found)

    def passes(self) -> int:
        return sum(self.passes_of_each())

    def passes_of_each(self) -> list[int]:
        """In the order of the stacks' names."""
        lines = Client(str(self.folder / "stack.sock")).text("/metrics").splitlines()
        return [round(float(line.split()[-1])) for line in sorted(lines) if line.startswith("stack_passes_total{")]

    def remove(self) -> None:
        """Everything of the stacks."""
        for name in self.names:
            mine = quote(json.dumps({"label": [f"com.docker.compose.project={name}"]}))
            for one in self.floor.call("GET", f"/containers/json?all=1&filters={mine}"):
                self.floor.call("DELETE", f"/containers/{one['Id']}?force=1")
            for one in self.floor.call("GET", f"/networks?filters={mine}"):
                self.floor.call("DELETE", f"/networks/{one['Id']}")

    def changes(self, since: float) -> int:
        """How many changes the engine has seen of these stacks' objects."""
        filters = quote(json.dumps({"event": list(CHANGES)}))
        raw = self.floor.text("GET", f"/events?since={since:.6f}&until={time.time():.6f}&filters={filters}")
        return sum(b"bench-daemon-" in line for line in raw.splitlines())


def until(condition: Callable[[], bool], seconds: float = 300.0) -> float:
    """Seconds until it is so."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > seconds:
            raise RuntimeError(f"not within {seconds:g} s")
        time.sleep(0.002)
    return time.perf_counter() - began


def state(floor: Floor, name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = floor.call("GET", f"/containers/{name}/json")
    except RuntimeError:
        return {}
    return found


def runs_again(floor: Floor, name: str, break_it: Callable[[dict[str, Any]], None]) -> float:
    """From the break until another start of that container."""
    before = state(floor, name)
    started = before["State"]["StartedAt"]
    began = time.perf_counter()
    break_it(before)

    def again() -> bool:
        now = state(floor, name).get("State", {})
        return bool(now.get("Running")) and now["StartedAt"] != started

    until(again)
    return time.perf_counter() - began


def broken(host: Host, service: str, times: int, break_it: Callable[[dict[str, Any]], None]) -> list[float]:
    """Stack after stack, with a rest in between that lets the host settle."""
    found = []
    for number in range(times):
        found.append(runs_again(host.floor, f"{host.names[number % (STACKS - 1)]}-{service}-1", break_it))
        until(host.settled)
        time.sleep(1.0)
    return found


def usage(pid: int) -> tuple[float, float, int]:
    """Seconds of processor time, MiB resident, descriptors."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    handles = len(os.listdir(f"/proc/{pid}/fd"))
    return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 2**20, handles


def flooded(host: Host) -> list[tuple[str, str, str]]:
    """Events of all stacks, put into the stream that the daemon reads: no engine makes so many in so short a time."""
    with Proxy(host.engine, inspect_deletes=False) as proxy, host.daemon(proxy.address) as process:
        until(host.settled)
        time.sleep(3)
        before, passes, began = usage(process.pid), host.passes_of_each(), time.monotonic()
        for number in range(FLOOD):
            name = host.names[number % STACKS]
            attributes = {"name": f"{name}-s0-1", "com.docker.compose.project": name}
            proxy.inject([{"Type": "container", "Action": "die", "Actor": {"ID": "f" * 64, "Attributes": attributes}}])
            while number > (time.monotonic() - began) / FLOOD_SECONDS * FLOOD:
                time.sleep(0.001)
        until(lambda: not proxy.injecting)
        told = time.monotonic() - began
        time.sleep(2)
        after = usage(process.pid)
        most = max(now - then for now, then in zip(host.passes_of_each(), passes, strict=True))
    text = (
        f"at most {most} passes of one stack; processor {100 * (after[0] - before[0]) / told:.0f} % of a core; "
        f"memory {before[1]:.1f} to {after[1]:.1f} MiB"
    )
    return [(f"a flood of {FLOOD:,} events in {told:.1f} s", text, "1 pass a second and stack; 10 MiB")]


def silent(host: Host) -> tuple[str, str, str]:
    """The stream of events is open and says nothing: what is removed is found by the timer alone."""
    host.write(f"{RESYNC:.0f}s")
    with Proxy(host.engine, fault=mute_events(), inspect_deletes=False) as proxy, host.daemon(proxy.address):
        until(host.settled)
        names = [f"{host.names[number]}-s2-1" for number in range(HANGS)]
        found = [
            runs_again(host.floor, name, lambda one: host.floor.call("DELETE", f"/containers/{one['Id']}?force=1"))
            for name in names
        ]
    return "a removed container runs again with every event dropped, resync 5 s", spread(found), "7 s"


def hung(host: Host) -> list[tuple[str, str, str]]:
    """An engine that takes connections and answers nothing, and what was removed meanwhile."""
    named, healed = [], []
    for number in range(HANGS):
        with Proxy(host.engine, inspect_deletes=False) as proxy, host.daemon(proxy.address):
            until(host.settled)
            log = host.folder / "log"
            before, container = log.stat().st_size, f"{host.names[number]}-s1-1"
            proxy.hang()
            named.append(until(partial(_says, log, before, b"the engine hangs")))
            host.floor.call("DELETE", f"/containers/{container}?force=1")
            proxy.go_on(forgetful=bool(number % 2))
            healed.append(until(partial(_runs, host.floor, container)))
    return [
        ("an engine that hangs is named", spread(named), "10 s"),
        ("after its return a container that was removed meanwhile runs again", spread(healed), "10 s"),
    ]


def _says(log: pathlib.Path, since: int, words: bytes) -> bool:
    return words in log.read_bytes()[since:]


def _runs(floor: Floor, container: str) -> bool:
    return bool(state(floor, container).get("State", {}).get("Running"))


def spread(seconds: list[float]) -> str:
    p95 = sorted(seconds)[max(0, round(len(seconds) * 0.95) - 1)]
    return f"median {statistics.median(seconds):.2f} s, p95 {p95:.2f} s, largest {max(seconds):.2f} s ({len(seconds)} times)"


def measure(host: Host, times: int, idle: float) -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the aim."""
    floor, found = host.floor, []

    def remove(before: dict[str, Any]) -> None:
        floor.call("DELETE", f"/containers/{before['Id']}?force=1")

    def kill(before: dict[str, Any]) -> None:
        os.kill(before["State"]["Pid"], signal.SIGKILL)

    host.write("30s")
    with host.daemon():
        until(host.settled, 600)
        floors = [raw_start(floor) for _ in range(times)]
        removed = broken(host, "s2", times, remove)
        killed = broken(host, "s3", times, kill)
        last = f"{host.names[-1]}-s3-1"
        engines = [rested(runs_again(floor, last, kill)) for _ in range(min(times, 5))]
    found += [
        ("raw create and start (the floor)", spread(floors), ""),
        ("a removed container runs again", spread(removed), "median 0.5 s, p95 3 s"),
        ("a killed process runs again", spread(killed), "no slower than the engine"),
        ("the same by the engine's own restart policy", spread(engines), ""),
    ]
    with host.daemon() as process:
        first = until(host.settled)
        found.append(("all stacks seen after the daemon's start", f"{first:.2f} s", "3 s"))
        time.sleep(5)
        before, began = usage(process.pid), time.monotonic()
        time.sleep(idle)
        after, spent = usage(process.pid), time.monotonic() - began
        share = 100 * (after[0] - before[0]) / spent
        found.append(("processor at rest, resync every 30 s", f"{share:.2f} % of a core", "1 %"))
        found.append(("memory at rest", f"{after[1]:.0f} MiB", "80 MiB"))
    found += flooded(host)
    found += hung(host)
    found.append(silent(host))
    host.write("1s")
    with host.daemon() as process:
        until(host.settled)
        time.sleep(3)
        since, passes, before = time.time(), host.passes(), usage(process.pid)
        until(lambda: host.passes() - passes >= 1_000)
        after = usage(process.pid)
        text = f"{host.changes(since)} changes; memory {before[1]:.0f} to {after[1]:.0f} MiB, descriptors {before[2]} to {after[2]}"
        found.append(("1,000 passes at rest, resync every second", text, "0 changes, both flat"))
    return found


def rested(seconds: float) -> float:
    """The engine waits longer after each end, unless the container ran for ten seconds."""
    time.sleep(11)
    return seconds


def raw_start(floor: Floor) -> float:
    began = time.perf_counter()
    body = {"Image": IMAGE, "Cmd": ["sleep", "1000"], "HostConfig": {"Init": True}}
    made = floor.call("POST", "/containers/create?name=bench-daemon-floor", body)["Id"]
    floor.call("POST", f"/containers/{made}/start")
    seconds = time.perf_counter() - began
    floor.call("DELETE", f"/containers/{made}?force=1")
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.daemon", description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default=os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--idle", type=float, default=60.0, help="seconds to measure at rest")
    parser.add_argument("--silent", action="store_true", help="only with every event dropped; nothing is recorded")
    chosen = parser.parse_args()
    floor = Floor(chosen.engine.removeprefix("unix://"), 8)
    with tempfile.TemporaryDirectory(prefix="stack-bench-") as name:
        host = Host(floor, chosen.engine, pathlib.Path(name))
        try:
            found = [silent(host)] if chosen.silent else measure(host, chosen.times, chosen.idle)
        finally:
            host.remove()
    lines = ["| what | measured | aim |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in found)]
    loads, cores = os.getloadavg(), os.cpu_count()
    version = floor.call("GET", "/version")["Version"]
    text = (
        f"{STACKS} stacks of {SERVICES} services under one `stack daemon run`, engine {version} (`python -m benchmarks.daemon`).\n"
        f"The load average meanwhile was {loads[1]:.1f} (five minutes) on {cores} cores; with other work on the machine the times "
        f"are no better than it lets them be.\n\n" + "\n".join(lines)
    )
    print(text)
    if chosen.silent:
        return 0
    record(HEADING, text, ROOT / "benchmarks" / "RESULTS.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
