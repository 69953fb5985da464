"""Docker Compose as a peer: what its ``config`` makes of the same files, read the same way."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GLOBAL = frozenset(("-f", "--file", "-p", "--project-name", "--project-directory", "--env-file", "--profile"))


@dataclass(frozen=True)
class Answer:
    """What ``docker compose config`` printed, or why it failed."""

    text: str
    error: str = ""


@dataclass(frozen=True)
class Compose:
    """The program, and how it is called."""

    command: tuple[str, ...]

    def config(self, arguments: Sequence[str], environment: Mapping[str, str], here: Path) -> Answer:
        """``docker compose GLOBAL config OTHER`` in a directory; options may stand in any order."""
        before, after = _parted(list(arguments))
        # The plugin is found through the real home, whatever home the case has.
        own = {"DOCKER_CONFIG": os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker")}
        process = subprocess.Popen(
            [*self.command, *before, "config", *after],
            cwd=here,
            env={**own, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            # The plugin is a child of the docker program and would go on computing without it.
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return Answer("", "no answer in 30 s")
        return Answer(out) if process.returncode == 0 else Answer("", err.strip() or "failed")


def _parted(arguments: list[str]) -> tuple[list[str], list[str]]:
    before: list[str] = []
    after: list[str] = []
    while arguments:
        argument = arguments.pop(0)
        if argument in GLOBAL:
            before += [argument, arguments.pop(0)]
        elif argument == "--all-resources":
            before.append(argument)
        else:
            after.append(argument)
    return before, after


def find(programs: Path | None = None) -> Compose:
    """Compose as STACK_TEST_COMPOSE names it (a docker program with the plugin), else that among unpacked programs."""
    named = os.environ.get("STACK_TEST_COMPOSE")
    if named:
        return Compose((named, "compose"))
    assert programs is not None
    return Compose((str(programs / "usr/libexec/docker/cli-plugins/docker-compose"),))
