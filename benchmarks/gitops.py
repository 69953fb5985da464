"""From a push to the new container, and what following repositories costs: this project, and a shell script that does the least.

    python -m benchmarks.gitops --engine unix:///run/docker.sock --compose "docker compose" [--times 20] [--only commits,costs]

Each round pushes a commit that changes one environment value of one service, for every contender in turn: a daemon that gets a
signed webhook (a repository of one stack, one of ten of which one is touched, and the same polled all the time), ``stack up`` of
the same change, and the floor: ``git fetch``, ``git checkout`` and ``docker compose up -d`` in one shell script. All is timed until
the engine has started the new container. What the daemon's rollout itself takes, from its first step on, is told apart from the way
there (the overhead), and the way is told in stages. Five webhooks may follow each other at once and then one in ten seconds, so a
round takes ten seconds. Costs are measured after that (as root: processes are counted in a namespace of their own). Prints
Markdown tables, and puts them into benchmarks/RESULTS.md under their own heading.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks import traced
from benchmarks.floor import Floor
from benchmarks.following import STACK, Forge, Host, Kept, Starts, spec, wait_for
from benchmarks.following_costs import costs
from benchmarks.traced import Mark
from benchmarks.watch import ROOT, record
from tests.support.gitserver import TOKEN

HEADING = "## From a commit to running"
PAUSE = 10.0  # seconds that the daemon lets pass between two webhooks of one source, after the first five
BURST = 5
POLLED = "5s"
SCRIPT = """
set -e
cd "$1"
git fetch --quiet --depth 1 origin main
git checkout --quiet --force FETCH_HEAD
exec $COMPOSE -p "$2" -f "stacks/$2/app.yml" up -d
"""
STAGES = (  # what lies between one moment of a deployment and the next
    "webhook to the fetch",
    "fetch",
    "comparison with the commit before, laying out",
    "until its turn to be read",
    "read by the child",
    "planned, images there",
    "until the first step",
    "first step to the first container action",
    "container created to running",
)


@dataclass
class Times:
    """Of one contender: whole times, those of the rollout alone, and of each stage; git commands of a deployment."""

    title: str
    whole: list[float] = field(default_factory=list)
    rollout: list[float] = field(default_factory=list)
    stages: list[list[float]] = field(default_factory=list)
    commands: list[int] = field(default_factory=list)

    @property
    def overhead(self) -> list[float]:
        return [whole - rollout for whole, rollout in zip(self.whole, self.rollout, strict=True)]


class Daemon:
    """A source that is deployed by webhook."""

    def __init__(self, host: Host, kept: Kept, starts: Starts) -> None:
        self.host, self.kept, self.starts = host, kept, starts

    def deploy(self, version: int, times: Times) -> None:
        commit, name = self.kept.push(version), self.kept.stacks[-1]
        sent = self.host.deliver(self.kept.name, commit)
        created, running = (self.starts.after(name, sent, action) for action in ("create", "start"))
        moments, commands = self._moments(sent, name)
        moments += [created, running]
        times.whole.append(running - sent)
        times.rollout.append(running - moments[-3])
        times.stages.append([later - earlier for earlier, later in pairwise(moments)])
        times.commands.append(commands)
        wait_for(self.host.settled)

    def _moments(self, sent: float, name: str) -> tuple[list[float], int]:
        """When each stage but the last two began, and how many git commands there were until the first step."""
        marks, url = traced.marks(self.host.trace), self.host.forge.server.url(self.kept.name)
        begun = next(mark.at for mark in marks if mark.at >= sent and _is(mark, "carry out", name))
        taken = _last(marks, "take", name, ends=True, before=begun)
        read = _last(marks, "read", name, ends=True, before=taken)
        reading = _last(marks, "read", name, before=read)
        laid_out = _last(marks, "lay out", url, ends=True, before=reading)
        fetched = max(sent, _last(marks, "fetch", url, ends=True, before=laid_out))
        fetch = max(sent, _last(marks, "fetch", url, before=fetched))  # a poll may have begun before
        commands = sum(mark.stage == "git" and not mark.ends and fetch <= mark.at <= begun for mark in marks)
        return [sent, fetch, fetched, laid_out, reading, read, taken, begun], commands


def _is(mark: Mark, stage: str, about: str, *, ends: bool = False) -> bool:
    return (mark.stage, mark.about, mark.ends) == (stage, about, ends)


def _last(marks: list[Mark], stage: str, about: str, *, ends: bool = False, before: float) -> float:
    return max(mark.at for mark in marks if mark.at <= before and _is(mark, stage, about, ends=ends))


class Command:
    """What a person or a script runs; ``prepare`` brings the new version to where it is looked for, untimed."""

    def __init__(
        self,
        words: list[str],
        environment: dict[str, str],
        project: str,
        starts: Starts,
        prepare: Callable[[int], object],
    ) -> None:
        self.words, self.environment, self.project = words, environment, project
        self.starts, self.prepare = starts, prepare

    def deploy(self, version: int, times: Times) -> None:
        self.prepare(version)
        began = time.time()
        done = subprocess.run(self.words, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{self.words} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        times.whole.append(self.starts.after(self.project, began) - began)


def by_hand(engine: str, folder: pathlib.Path, starts: Starts) -> Command:
    folder.mkdir()
    environment = os.environ | {"DOCKER_HOST": engine, "STACK_STATE_DIR": str(folder / "state")}
    file = folder / "app.yml"
    words = [STACK, "-p", "bench-git-up", "-f", str(file), "up", "-d"]
    return Command(words, environment, "bench-git-up", starts, lambda version: file.write_text(spec(version)))


def script(engine: str, compose: str, forge: Forge, folder: pathlib.Path, starts: Starts) -> Command:
    """The floor: a clone that a shell script fetches into, with the same server and the same token."""
    kept = forge.keep("script", 1, "")
    folder.mkdir()
    helper = f"!f() {{ echo username=git; echo password={TOKEN}; }}; f"
    environment = os.environ | {"DOCKER_HOST": engine, "COMPOSE": compose, "GIT_CONFIG_NOSYSTEM": "1"}
    environment["GIT_SSL_CAINFO"] = str(forge.authority.certificate)
    for words in (
        ["init", "--quiet"],
        ["remote", "add", "origin", forge.server.url("script")],
        ["config", "credential.helper", helper],
    ):
        subprocess.run(["git", "-C", str(folder), *words], env=environment, check=True)
    words = ["sh", "-c", SCRIPT, "deploy", str(folder), kept.stacks[0]]
    return Command(words, environment, kept.stacks[0], starts, kept.push)


def measure(engine: str, compose: str, folder: pathlib.Path, times: int) -> list[Times]:
    """Every contender once a round, the order turning; the first round is not counted."""
    forge, starts = Forge(folder), Starts(Floor(engine.removeprefix("unix://"), 1))
    with forge.server:
        kept = [forge.keep("one", 1, "1h"), forge.keep("ten", 10, "1h"), forge.keep("polled", 10, POLLED)]
        host = Host(engine, forge, kept, folder / "host", traced=True)
        titles = ("daemon, 1 stack in the repository", "daemon, 10 stacks", f"daemon, 10 stacks, polled every {POLLED}")
        found = [Times(title) for title in (*titles, "`stack up -d` of the same change", "the floor: a shell script")]
        with host.daemon():
            contenders = [Daemon(host, one, starts) for one in kept]
            all_of_them: list[Daemon | Command] = [
                *contenders,
                by_hand(engine, folder / "up", starts),
                script(engine, compose, forge, folder / "clone", starts),
            ]
            for number in range(times + 1):
                began = time.monotonic()
                for index in range(len(all_of_them)):
                    turn = (index + number) % len(all_of_them)
                    all_of_them[turn].deploy(number + 1, found[turn] if number else Times(""))
                said = ", ".join(f"{one.whole[-1]:.2f}" for one in found if one.whole)
                print(f"round {number} of {times}: {said}", file=sys.stderr, flush=True)
                if number >= BURST - 2:
                    time.sleep(max(0.0, began + PAUSE - time.monotonic()))
    return found


def spread(seconds: list[float]) -> str:
    p95 = sorted(seconds)[max(0, round(len(seconds) * 0.95) - 1)]
    return f"{statistics.median(seconds):.2f} / {p95:.2f} / {max(seconds):.2f}"


def table(found: list[Times]) -> str:
    """Whole times and overhead; then the stages of the daemon's."""
    up, floor = (statistics.median(one.whole) for one in found[-2:])
    lines = [
        "| median / p95 / largest, s | to running | rollout alone | overhead | less `stack up` | to the floor | git commands |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found:
        whole = statistics.median(one.whole)
        cells = [spread(one.whole), "-", "-", "-", f"**{whole / floor:.2f}**", "-"]
        if one.rollout:
            more = [seconds - up for seconds in one.whole]
            cells[1:4] = [spread(one.rollout), spread(one.overhead), spread(more)]
            cells[5] = f"{statistics.median(one.commands):.0f}"
        lines.append(f"| {one.title} | {' | '.join(cells)} |")
    daemons = [one for one in found if one.stages]
    lines += ["", f"| stage, median / p95 / largest, s | {' | '.join(one.title for one in daemons)} |"]
    lines += ["|---|" + "---|" * len(daemons)]
    for index, stage in enumerate(STAGES):
        cells = [spread([stages[index] for stages in one.stages]) for one in daemons]
        lines.append(f"| {stage} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gitops", description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default=os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    parser.add_argument("--compose", default="docker compose", help="the command that is Compose")
    parser.add_argument("--times", type=int, default=20, help="commits for each contender")
    parser.add_argument("--only", default="commits,costs")
    parser.add_argument("--no-record", action="store_true", help="only print")
    chosen = parser.parse_args()
    floor, parts = Floor(chosen.engine.removeprefix("unix://"), 8), []
    compose = shlex.join([*shlex.split(chosen.compose)])
    with tempfile.TemporaryDirectory(prefix="sb-") as name:
        folder = pathlib.Path(name).resolve()
        folder.chmod(0o755)
        try:
            if "commits" in chosen.only:
                parts.append(table(measure(chosen.engine, compose, folder / "commits", chosen.times)))
            if "costs" in chosen.only:
                parts.append(costs(chosen.engine, folder / "costs"))
        finally:
            floor.remove("bench-git-")
    version = floor.call("GET", "/version")["Version"]
    loads, cores = os.getloadavg(), os.cpu_count()
    text = (
        f"`python -m benchmarks.gitops` ({chosen.times} commits for each contender, in turn, in one run; engine {version};\n"
        f"git over https on this machine). The load average meanwhile was {loads[1]:.1f} (five minutes) on {cores} cores.\n\n"
        + "\n\n".join(parts)
    )
    print(text)
    if not chosen.no_record:
        record(HEADING, text, ROOT / "benchmarks" / "RESULTS.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
