"""Measure in one run, interleaved: this project, docker compose and the engine's floor. Writes benchmarks/RESULTS.md.

    python -m benchmarks --engine unix:///run/docker.sock --compose docker [--rounds 5] [--only up-50,config-1000] [--quick]

``--quick`` is one round of each case that takes seconds (nothing above fifty services), to see that all of it works.

Every round runs every contender once, in turning order, so that a slow minute of the machine hits all of them. Reported are
medians, the spread (smallest to largest) and ratios of medians.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks import specs
from benchmarks.floor import Floor

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclass
class Contenders:
    """How each contender is called; every call gets the same file and project name."""

    engine: str
    compose: str
    folder: pathlib.Path
    floor: Floor

    def run(self, program: list[str], spec: str, project: str, *arguments: str) -> None:
        file = self.folder / f"{abs(hash(spec))}.yml"
        if not file.exists():
            file.write_text(spec)
        command = [*program, "-p", project, "-f", str(file), *arguments]
        environment = os.environ | {"DOCKER_HOST": self.engine, "PYTHONDONTWRITEBYTECODE": ""}
        done = subprocess.run(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")

    def stack(self, spec: str, project: str, *arguments: str) -> None:
        self.run([str(pathlib.Path(sys.executable).with_name("stack"))], spec, project, *arguments)

    def docker_compose(self, spec: str, project: str, *arguments: str) -> None:
        self.run([self.compose, "compose"], spec, project, *arguments)


@dataclass
class Case:
    """One thing that is measured. Each contender: a call before (not measured), the call, a call after (not measured)."""

    name: str
    title: str
    aim: str
    ways: dict[str, tuple[Callable[[], None] | None, Callable[[], None], Callable[[], None] | None]]
    times: dict[str, list[float]] = field(default_factory=dict)
    after: Case | None = None  # what the call afterwards is a measurement of


def _both(c: Contenders, spec: str, before: list[str] | None, call: list[str], after: list[str] | None, tag: str):  # type: ignore[no-untyped-def]
    """The same command line for stack and for docker compose, each with a project of its own."""
    ways = {}
    for who, run in (("stack", c.stack), ("compose", c.docker_compose)):
        project = f"bench-{tag}-{who}"

        def bound(arguments: list[str] | None, run=run, project=project):  # type: ignore[no-untyped-def]
            return (lambda: run(spec, project, *arguments)) if arguments is not None else None

        ways[who] = (bound(before), bound(call), bound(after))
    return ways


UP, DOWN = ["up", "-d"], ["down"]
LINES = 1_000_000
LARGE = ("up-100", "down-100", "noop-100", "noop-200", "config-1000")  # what --quick leaves out


def cases(c: Contenders) -> list[Case]:
    """Everything that issue 2 asks to be measured, in its order."""
    found = []
    for count in (1, 10, 50, 100):
        spec, tag = specs.independent(count), f"{count}"
        project = f"bench-{count}-floor"
        ways = _both(c, spec, None, UP, DOWN, f"up{tag}")
        ways["floor"] = (None, lambda n=count, p=project: c.floor.up(p, n), lambda p=project: c.floor.down(p))
        down = Case(f"down-{count}", f"`down`, {count} services", "at most 0.8 x compose", {})
        found += [
            Case(f"up-{count}", f"cold `up -d`, {count} services", "at most 1.05 x compose", ways, after=down),
            down,
        ]
    for count in (50, 100, 200):
        title = f"`up -d` with nothing to do, {count} services"
        found += [_standing(c, f"noop-{count}", title, specs.independent(count), UP)]
    for count in (1, 100, 1000):
        ways = _both(c, specs.realistic(count), None, ["config", "-q"], None, f"config{count}")
        found.append(
            Case(
                f"config-{count}",
                f"`config -q`, {count} realistic services",
                "at most 2 x compose (1,000: 1.5 x)",
                ways,
            )
        )
    found.append(_standing(c, "ps-50", "`ps`, 50 services", specs.independent(50), ["ps"]))
    found.append(_scale(c))
    for kind, spec, floor in (
        ("healthy", specs.healthy_chain(10), c.floor.healthy_chain),
        ("completed", specs.completed_chain(10), c.floor.completed_chain),
    ):
        ways = _both(c, spec, None, UP, DOWN, f"chain{kind}")
        project = f"bench-{kind}-floor"
        ways["floor"] = (None, lambda f=floor, p=project: f(p, 10), lambda p=project: c.floor.down(p))
        found.append(
            Case(
                f"chain-{kind}",
                f"cold `up -d`, chain of ten, each waits until the one before is {kind}",
                "at most 0.6 x compose",
                ways,
            )
        )
        title = f"`up -d` with nothing to do, the chain of ten {kind} ones"
        found.append(_standing(c, f"noop-chain-{kind}", title, spec, UP))
    found.append(_logs(c))
    return found


def _standing(c: Contenders, name: str, title: str, spec: str, call: list[str]) -> Case:
    """A call on a project that stands already; brought up before the first round, taken down after the last."""
    ways = _both(c, spec, UP, call, None, name.replace("-", ""))
    project = f"bench-{name.replace('-', '')}-compose"
    ways["floor"] = (None, lambda: c.floor.look(project), None)
    return Case(name, title, "at most 2 x compose", ways)


def _logs(c: Contenders) -> Case:
    """Draining a million lines of a container that has ended; the floor is reading the engine's own answer."""
    spec = specs.talkative(LINES)
    ways = _both(c, spec, None, ["logs", "--no-color"], None, "logs")
    for who, run in (("stack", c.stack), ("compose", c.docker_compose)):
        project = f"bench-logs-{who}"

        def talked(run=run, project=project) -> None:  # type: ignore[no-untyped-def]
            run(spec, project, *UP)
            c.floor.ended(project)

        ways[who] = (talked, ways[who][1], None)
    ways["floor"] = (None, lambda: c.floor.drain("bench-logs-stack"), None)
    return Case("logs", f"`logs` of {LINES:,} lines", "at most 1 x compose", ways)


def _scale(c: Contenders) -> Case:
    ways = _both(c, specs.scaled(50), None, UP, DOWN, "scale")
    one = _both(c, specs.scaled(1), None, UP, None, "scale")
    for who in ("stack", "compose"):
        ways[who] = (one[who][1], ways[who][1], ways[who][2])
    ways["floor"] = (
        lambda: None,
        lambda: c.floor.up("bench-scale-floor", 49),
        lambda: c.floor.down("bench-scale-floor"),
    )
    return Case("scale-50", "one service from 1 to 50 replicas", "at most 0.7 x compose", ways)


def measure(case: Case, rounds: int) -> None:
    """Run every contender ``rounds`` times, the order turning by one each round."""
    names = list(case.ways)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            before, call, after = case.ways[name]
            if before:
                before()
            _timed(call, case, name)
            if after:
                _timed(after, case.after, name)


def _timed(call: Callable[[], None], case: Case | None, name: str) -> None:
    began = time.perf_counter()
    call()
    if case is not None:
        case.times.setdefault(name, []).append(time.perf_counter() - began)


def table(found: list[Case]) -> str:
    """The results as Markdown: medians in seconds with their spread, and ratios of medians."""
    lines = [
        "| what | stack | docker compose | floor | stack / compose | stack / floor | aim |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in found:
        cell = {name: f"{statistics.median(t):.3f} ({min(t):.3f}-{max(t):.3f})" for name, t in case.times.items()}
        median = {name: statistics.median(t) for name, t in case.times.items()}

        def ratio(other: str, median: dict[str, float] = median) -> str:
            return f"**{median['stack'] / median[other]:.2f}**" if other in median else "-"

        lines.append(
            f"| {case.title} | {cell['stack']} | {cell.get('compose', '-')} | {cell.get('floor', '-')} "
            f"| {ratio('compose')} | {ratio('floor')} | {case.aim} |"
        )
    return "\n".join(lines)


def describe(c: Contenders, rounds: int) -> str:
    """The engine, the machine and the programs, without names that identify the machine."""
    version = c.floor.call("GET", "/version")
    compose = subprocess.run(
        [c.compose, "compose", "version", "--short"], capture_output=True, text=True, check=True
    ).stdout.strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    return (
        f"Engine {version['Version']} (API {version['ApiVersion']}), docker compose {compose}, Python "
        f"{platform.python_version()}, Linux {platform.release().split('-')[0]}, {os.cpu_count()} cores, {memory} GiB.\n"
        f"Medians of {rounds} interleaved rounds in seconds, (smallest-largest); the floor is the fewest raw API calls with\n"
        f"{c.floor.concurrency} at once and no process start. Ratios are of medians in this run.\n"
        f"{_load()}"
    )


def _load() -> str:
    """How busy the machine was with this and other work: what the absolute times are worth."""
    minutes, cores = os.getloadavg()[2], os.cpu_count() or 1
    busy = (
        "which is busy with other work too: read the ratios, not the times"
        if minutes > 2 * cores
        else "as it should be"
    )
    return f"The load average over the last fifteen minutes was {minutes:.1f} on {cores} cores, {busy}."


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default=os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    parser.add_argument("--compose", default="docker", help="the docker command that has the compose plugin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round, without the large cases")
    parser.add_argument("--concurrency", type=int, default=8, help="calls at once for the floor")
    parser.add_argument("--only", default="", help="names of cases, separated by commas; a prefix is enough")
    parser.add_argument("--output", default=str(ROOT / "benchmarks" / "RESULTS.md"))
    chosen = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="stack-bench-"))
    c = Contenders(
        chosen.engine, chosen.compose, folder, Floor(chosen.engine.removeprefix("unix://"), chosen.concurrency)
    )
    only = tuple(filter(None, chosen.only.split(",")))
    rounds = 1 if chosen.quick else chosen.rounds
    found = [case for case in cases(c) if not only or case.name.startswith(only)]
    found = [case for case in found if not (chosen.quick and case.name in LARGE)]
    found = [case for case in found if case.ways or any(case is other.after for other in found)]
    try:
        for case in filter(lambda case: case.ways, found):
            print(f"{case.name} ...", file=sys.stderr, flush=True)
            measure(case, rounds)
            if case.name.startswith(("noop", "ps", "logs")):
                for who, run in (("stack", c.stack), ("compose", c.docker_compose)):
                    run(specs.independent(1), f"bench-{case.name.replace('-', '')}-{who}", "down", "--remove-orphans")
            print(table([case]).splitlines()[-1], file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = f"# Measured\n\n{describe(c, rounds)}\n\n{table(found)}\n"
    path = pathlib.Path(chosen.output)
    before = path.read_text() if path.exists() else ""
    further = before[before.index("\n## ") :] if "\n## " in before else ""  # measured by commands of their own
    path.write_text(text + further)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
