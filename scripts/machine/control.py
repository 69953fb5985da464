"""Starting and ending private engines from a process that may not be root: the same program again, through sudo.

``start`` and ``stop`` do the work directly for root. For others they run this module as a command with sudo; what a
caller needs to know afterwards (address, reachable host) comes back as JSON on stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from . import engine, images, newer, packages
from .commands import ROOT, Problem, as_root, is_root, run

# Where a newer engine is unpacked; one for all who want one.
NEWER = ROOT / ".state" / "newer-engine"
# Docker's own default pools hold about thirty networks; tests in parallel want more.
POOLS = ("--default-address-pool", "base=10.224.0.0/12,size=24")


@dataclass(frozen=True, slots=True)
class Running:
    """A private engine that answers: its DOCKER_HOST, and the host at which its published ports are reached."""

    name: str
    address: str
    host: str


def start(private: engine.Private, *arguments: str, group: str = "") -> Running:
    """Start it; nothing happens when it runs already."""
    if is_root():
        engine.start(private, arguments=(*POOLS, *arguments), group=group or os.environ.get("SUDO_GID", ""))
        return Running(private.name, private.address, private.host)
    mine = group or str(os.getgid())
    more = (f"--dockerd={argument}" for argument in arguments)
    return Running(**json.loads(_again("start", private, "--bare", "--group", mine, *more)))


def stop(private: engine.Private, *, remove: bool = False) -> None:
    """End it; ``remove`` also deletes what it stored."""
    if is_root():
        engine.stop(private, remove=remove)
    else:
        _again("stop", private, *(["--remove"] if remove else []))


def _again(verb: str, private: engine.Private, *more: str) -> str:
    command = [sys.executable, "-m", "scripts.machine.control", verb, private.name, "--state", str(private.state)]
    if private.programs:
        command += ["--programs", str(private.programs)]
    if private.isolated:
        command += ["--isolated"]
    return run(as_root([*command, *more]), cwd=ROOT)


def main(words: Sequence[str]) -> int:
    options = _parser().parse_args(words)
    try:
        programs = newer.unpack(NEWER) if options.newer else options.programs
        private = engine.Private.called(options.name, programs=programs, isolated=options.isolated, state=options.state)
        if options.verb == "start":
            packages.have(packages.ENGINE)
            running = start(private, *options.dockerd, group=options.group)
            if not options.bare:
                images.import_busybox(private.api)
            print(json.dumps(asdict(running)))
        else:
            stop(private, remove=options.remove)
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/engine", description="Start and end private Docker Engines for development and tests."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    starting = verbs.add_parser("start", help="start it, and print its address")
    stopping = verbs.add_parser("stop", help="end it with all that lives in it")
    for verb in (starting, stopping):
        verb.add_argument("name", help="a short name; the socket is /run/stack-NAME/docker.sock")
        verb.add_argument("--isolated", action="store_true", help="in a network namespace of its own")
        verb.add_argument("--programs", type=Path, help="the folder of an unpacked newer engine")
        verb.add_argument("--newer", action="store_true", help="a newer engine, with compose and buildx, unpacked here")
        verb.add_argument("--state", type=Path, help="where it stores images and volumes (/var/lib/stack-NAME)")
    starting.add_argument("--group", default="", help="the group that may use the socket")
    starting.add_argument("--bare", action="store_true", help="without the busybox base image")
    starting.add_argument(
        "--dockerd", action="append", default=[], metavar="=WORD", help="one more argument for dockerd; may be repeated"
    )
    stopping.add_argument("--remove", action="store_true", help="delete its images, volumes and log too")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
