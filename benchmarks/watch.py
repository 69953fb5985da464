"""How long a written file takes to be in the container: this project's watch, docker compose's, and the engine's floor.

    python -m benchmarks.watch --engine unix:///run/docker.sock --compose docker [--writes 50]

The contenders run one after the other in the same run; each is given single writes with a pause between them, and bursts of
200 files. A file counts as arrived when it can be read in the container's own file system, which is looked at from outside
every half millisecond (so this needs root on the engine's machine). The floor is 10 ms of quiet and one raw call. Prints a
Markdown table, and puts it into benchmarks/RESULTS.md under its own heading.
"""

from __future__ import annotations

import argparse
import io
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.floor import Floor
from benchmarks.specs import IMAGE

ROOT = pathlib.Path(__file__).resolve().parent.parent
BURST = 200
BURSTS = 5
QUIET = 0.010

SPEC = f"""
services:
  web:
    image: {IMAGE}
    command: sleep infinity
    stop_signal: SIGKILL
    develop: {{watch: [{{path: src, action: sync, target: /app}}]}}
"""

Bring = Callable[[dict[str, str]], None]  # writes files here; a floor also brings them there itself


class Place:
    """A folder here, and the same in a container there."""

    def __init__(self, here: pathlib.Path, there: pathlib.Path) -> None:
        self.here, self.there = here, there

    def time(self, files: dict[str, str], bring: Bring) -> float:
        """Seconds from before the first write until the last file has arrived."""
        began = time.perf_counter()
        bring(files)
        for name, text in files.items():
            while not self._arrived(name, text):
                if time.perf_counter() - began > 30:
                    raise RuntimeError(f"{name} has not arrived within 30 s")
                time.sleep(0.0005)
        return time.perf_counter() - began

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.here / name).write_text(text)

    def _arrived(self, name: str, text: str) -> bool:
        try:
            return (self.there / name).read_text() == text
        except OSError:
            return False


def measure(place: Place, bring: Bring, writes: int) -> tuple[list[float], list[float]]:
    """The times of single writes, and of bursts."""
    place.time({"warm-up": str(time.time())}, bring)
    single, bursts = [], []
    for number in range(writes):
        single.append(place.time({"file": f"{number} {time.time()}"}, bring))
        time.sleep(0.05)
    for number in range(BURSTS):
        time.sleep(0.5)
        bursts.append(place.time({f"burst-{one}": f"{number} {time.time()}" for one in range(BURST)}, bring))
    return single, bursts


@contextmanager
def watching(command: list[str], folder: pathlib.Path, floor: Floor, project: str) -> Iterator[Place]:
    """The command running, and the place it brings files to."""
    words = [*command, "-p", project, "-f", str(folder / "app.yml"), "watch"]
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "Watch enabled" in line:
                break
        else:
            raise RuntimeError(f"{' '.join(words)} ended with {process.wait()}")
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield Place(folder / "src", _inside(floor, f"{project}-web-1"))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
        floor.call("DELETE", f"/containers/{project}-web-1?force=1")
        floor.call("DELETE", f"/networks/{project}_default")


def _inside(floor: Floor, container: str) -> pathlib.Path:
    pid = floor.call("GET", f"/containers/{container}/json")["State"]["Pid"]
    return pathlib.Path(f"/proc/{pid}/root/app")


def raw(floor: Floor, place: Place, container: str) -> Bring:
    """What nobody can be faster than: write, wait for quiet, one call."""

    def bring(files: dict[str, str]) -> None:
        place.write(files)
        time.sleep(QUIET)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name in files:
                archive.add(place.here / name, f"app/{name}")
        floor.upload(container, buffer.getvalue())

    return bring


def table(found: dict[str, tuple[list[float], list[float]]]) -> str:
    lines = [
        "| milliseconds | median | p95 | largest | burst of 200, median | burst, largest |",
        "|---|---|---|---|---|---|",
    ]
    for name, (single, bursts) in found.items():
        p95 = sorted(single)[max(0, round(len(single) * 0.95) - 1)]
        cells = (statistics.median(single), p95, max(single), statistics.median(bursts), max(bursts))
        lines.append(f"| {name} | " + " | ".join(f"{cell * 1000:.0f}" for cell in cells) + " |")
    return "\n".join(lines)


def run(engine: str, compose: str, writes: int) -> dict[str, tuple[list[float], list[float]]]:
    os.environ["DOCKER_HOST"] = engine
    floor = Floor(engine.removeprefix("unix://"), 8)
    found = {}
    stack = str(pathlib.Path(sys.executable).with_name("stack"))
    with tempfile.TemporaryDirectory(prefix="stack-bench-") as name:
        folder = pathlib.Path(name)
        (folder / "src").mkdir()
        (folder / "app.yml").write_text(SPEC)
        with watching([stack], folder, floor, "bench-watch-stack") as place:
            found["stack watch"] = measure(place, place.write, writes)
            container = "bench-watch-stack-web-1"
            elsewhere = Place(folder, place.there)  # a folder that nobody watches
            found["floor (10 ms of quiet, one call)"] = measure(elsewhere, raw(floor, elsewhere, container), writes)
        with watching([compose, "compose"], folder, floor, "bench-watch-compose") as place:
            found["docker compose watch"] = measure(place, place.write, writes)
    return found


def record(heading: str, text: str, path: pathlib.Path) -> None:
    """Put the text under its heading, in the place of what was there."""
    before, _, rest = path.read_text().partition(f"{heading}\n")
    _, following, after = rest.partition("\n## ")
    path.write_text(f"{before.rstrip()}\n\n{heading}\n\n{text}\n" + (f"\n## {after}" if following else ""))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watch", description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default=os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    parser.add_argument("--compose", default="docker", help="the docker command that has the compose plugin")
    parser.add_argument("--writes", type=int, default=50)
    chosen = parser.parse_args()
    found = run(chosen.engine, chosen.compose, chosen.writes)
    version = Floor(chosen.engine.removeprefix("unix://"), 1).call("GET", "/version")["Version"]
    text = (
        f"From the write until the file can be read in the container; {chosen.writes} single writes and {BURSTS} bursts of "
        f"{BURST} files, all\ncontenders in one run (`python -m benchmarks.watch`), at a load of {os.getloadavg()[1]:.0f} on "
        f"{os.cpu_count()} cores.\n\n{table(found)}"
    )
    print(text)
    record(f"## Watch, engine {version}", text, ROOT / "benchmarks" / "RESULTS.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
