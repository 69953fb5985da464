"""Docker Compose as a peer: what its ``config`` makes of the same files, read the same way."""

from __future__ import annotations

import os
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
        own = {key: value for key, value in os.environ.items() if key == "DOCKER_CONFIG"}
        done = subprocess.run(
            [*self.command, *before, "config", *after],
            cwd=here,
            env={**own, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Answer(done.stdout) if done.returncode == 0 else Answer("", done.stderr.strip() or "failed")


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
