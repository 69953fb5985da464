"""How long a service on a fixed host port is away while it is replaced: this project and docker compose, in turn in one run.

    python -m benchmarks.gap --engine unix:///run/docker.sock --host 127.0.0.1 --compose docker [--rounds 6]

One replica of an HTTP server without a front end, so that the old container has to stop before the new one can have the port. A
hundred requests a second, each on a connection of its own, sent when they are due whatever became of those before. Outage is the
longest time in which no good answer came. Prints a Markdown table and what `stack` itself said of each gap.
"""

from __future__ import annotations

import argparse
import http.client
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.specs import IMAGE

ROOT = pathlib.Path(__file__).resolve().parent.parent
RATE = 100
LIMIT = 10.0
CALM = 1.0  # seconds of load before and after the update
SPEC = """
services:
  web:
    image: {image}
    command: ["sh", "-c", "mkdir -p /www; echo {version} > /www/index.html; exec httpd -f -p 80 -h /www"]
    environment: {{VERSION: "{version}"}}
    stop_signal: SIGKILL
    ports: ["{port}:80"]
    deploy: {{update_config: {{monitor: 100ms}}}}
"""
_AWAY = re.compile(r"was away for .*")


class Load:
    """Requests at an even pace, each in a thread of its own; ``answered`` holds when good answers came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sent = 0
        self.failed = 0
        self.answered: list[float] = []
        self.end = threading.Event()
        self.asking: list[threading.Thread] = []
        self.pace = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Load:
        self.pace.start()
        time.sleep(CALM)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(CALM)
        self.end.set()
        self.pace.join()
        for thread in self.asking:
            thread.join()

    @property
    def outage(self) -> float:
        times = sorted(self.answered)
        return max(later - earlier for earlier, later in pairwise(times))

    def _run(self) -> None:
        due = time.monotonic()
        while not self.end.wait(max(0.0, due - time.monotonic())):
            thread = threading.Thread(target=self._ask, daemon=True)
            thread.start()
            self.asking.append(thread)
            self.sent += 1
            due += 1 / RATE

    def _ask(self) -> None:
        try:
            with urllib.request.urlopen(self.url, timeout=LIMIT) as answer:
                answer.read()
        except (OSError, http.client.HTTPException):
            self.failed += 1
        else:
            self.answered.append(time.monotonic())


@dataclass
class Contender:
    name: str
    program: list[str]
    project: str
    port: int
    outages: list[float] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    sent: int = 0
    said: list[str] = field(default_factory=list)


@dataclass
class Run:
    engine: str
    host: str
    folder: pathlib.Path

    def up(self, who: Contender, version: int) -> str:
        file = self.folder / f"{who.project}.yml"
        file.write_text(SPEC.format(image=IMAGE, version=version, port=who.port))
        return self.call(who, str(file), "up", "-d")

    def call(self, who: Contender, file: str, *words: str) -> str:
        environment = os.environ | {"DOCKER_HOST": self.engine, "STACK_STATE_DIR": str(self.folder / "state")}
        command = [*who.program, "-p", who.project, "-f", file, *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return done.stderr

    def round(self, who: Contender, version: int) -> None:
        with Load(f"http://{self.host}:{who.port}/") as load:
            said = self.up(who, version)
        who.outages.append(load.outage)
        who.failed.append(load.failed)
        who.sent += load.sent
        who.said += _AWAY.findall(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="unix:///run/docker.sock")
    parser.add_argument("--host", default="127.0.0.1", help="where the engine publishes ports")
    parser.add_argument("--compose", default="docker")
    parser.add_argument("--rounds", type=int, default=6)
    given = parser.parse_args()
    contenders = [
        Contender("stack", [str(pathlib.Path(sys.executable).with_name("stack"))], "gap-stack", 18461),
        Contender("docker compose", [given.compose, "compose"], "gap-compose", 18462),
    ]
    with tempfile.TemporaryDirectory() as folder:
        run = Run(given.engine, given.host, pathlib.Path(folder))
        try:
            for who in contenders:
                run.up(who, 0)
            for number in range(1, given.rounds + 1):
                for who in contenders if number % 2 else reversed(contenders):
                    run.round(who, number)
                    print(f"{number} {who.name}: {who.outages[-1]:.2f} s, {who.failed[-1]} failed", file=sys.stderr)
        finally:
            for who in contenders:
                run.call(who, str(run.folder / f"{who.project}.yml"), "down", "-t", "0")
    print(report(contenders))


def report(contenders: list[Contender]) -> str:
    lines = ["| who | outage, median (smallest to largest) | failed requests, in all | of |", "|---|---|---|---|"]
    for who in contenders:
        spread = f"{statistics.median(who.outages):.2f} s ({min(who.outages):.2f} to {max(who.outages):.2f})"
        lines.append(f"| {who.name} | {spread} | {sum(who.failed)} | {who.sent} |")
    lines += [f"- {text}" for who in contenders for text in who.said]
    return "\n".join([*lines, f"load average {os.getloadavg()[0]:.1f}"])


if __name__ == "__main__":
    main()
