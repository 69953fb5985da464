"""Running other programs, becoming root for it, and the one error all of ``scripts.machine`` raises.

Every command is a list of words, never a shell line. A ``Problem`` says what went wrong and what to do about it; the
entry points print it and exit 1, so that a user never sees a traceback for a machine that lacks something.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Problem(Exception):
    """What is wrong with this machine and what the person at it can do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message + (f"\n  hint: {self.hint}" if self.hint else "")


def say(text: str) -> None:
    """Talk goes to stderr at once, so that it stays in order with the output of the programs run between."""
    print(text, file=sys.stderr, flush=True)


def is_root() -> bool:
    return os.geteuid() == 0


def as_root(command: Sequence[str]) -> list[str]:
    """The command as root: itself when we are root already, else through sudo."""
    if is_root():
        return list(command)
    if shutil.which("sudo") is None:
        raise Problem(
            f"`{' '.join(command[:3])} ...` needs root, and this machine has no sudo",
            "run the same command as root, or start a Docker Engine yourself and set DOCKER_HOST",
        )
    return ["sudo", *command]


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    feed: bytes | None = None,
    hint: str = "",
) -> str:
    """Run quietly and return stdout; a failure is a Problem with the program's last lines."""
    try:
        done = subprocess.run(
            list(command),
            env=dict(os.environ, **(environment or {})),
            cwd=cwd,
            input=feed,
            stdin=None if feed is not None else subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as missing:
        raise Problem(f"`{command[0]}` is not installed", hint) from missing
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-12:]
        lines = "\n".join(f"    {line}" for line in said)
        raise Problem(f"`{' '.join(command)}` failed with exit code {done.returncode}:\n{lines}", hint)
    return done.stdout.decode(errors="replace")


def succeeds(command: Sequence[str]) -> bool:
    """Whether the program exists and exits 0; its output is thrown away."""
    try:
        return subprocess.run(list(command), capture_output=True, check=False, stdin=subprocess.DEVNULL).returncode == 0
    except (FileNotFoundError, PermissionError):
        return False
