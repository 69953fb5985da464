"""Running the commands of a page as they stand there: those behind ``$`` in its console blocks, all in one shell.

What stands below a command is what it has to print, ``...`` being anything; how many spaces lie between words does not matter. A
command that only looks is run until it prints that, as a reader would look again; every other one is run once.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import textwrap
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .waiting import eventually

LOOKING = re.compile(r"stack daemon status|stack sources|stack -p \S+ (exec|history|ps|volumes) |tail |cat ")
LIMIT_SECONDS = 170


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a page, and the lines below it; none means that it prints nothing."""

    command: str
    printed: tuple[str, ...]

    @property
    def looks(self) -> bool:
        return LOOKING.match(f"{self.command} ") is not None

    def fits(self, said: str) -> bool:
        patterns = [
            r"(.*\n)*" if line == "..." else r".*".join(map(re.escape, line.split("..."))) + "\n"
            for line in map(_squeezed, self.printed)
        ]
        return (
            re.fullmatch("".join(patterns), "".join(f"{_squeezed(line)}\n" for line in said.splitlines())) is not None
        )


def steps(page: Path) -> list[Step]:
    """The commands of a page in their order."""
    return list(_steps(page.read_text(encoding="utf-8")))


def _steps(text: str) -> Iterator[Step]:
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *printed = part.splitlines()
            while command.endswith("\\"):
                command += "\n" + printed.pop(0)
            yield Step(command, tuple(printed))


def _squeezed(line: str) -> str:
    return " ".join(line.split())


class Shell:
    """One bash that is given one command after the other, and whose two streams are read together. All that it started ends with it."""

    def __init__(self, cwd: Path, env: Mapping[str, str], before: Sequence[str] = ()) -> None:
        self._bash = subprocess.Popen(
            [*before, "bash", "--noprofile", "--norc"],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._killer = threading.Timer(LIMIT_SECONDS, self._kill)
        self._killer.start()

    def walk(self, steps: Sequence[Step]) -> None:
        """Each step prints what it has to, and succeeds."""
        for step in steps:
            if step.looks:
                eventually(lambda step=step: self._checked(step), within=60, what=step.command)
            else:
                self._checked(step)

    def run(self, command: str) -> tuple[int, str]:
        """Exit code and output."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{{ {command}\n}} < /dev/null\nprintf '\\n=== %d\\n' $?\n")
        self._bash.stdin.flush()
        said = ""
        for line in self._bash.stdout:
            said += line
            if ended := re.search(r"\n=== (\d+)\n\Z", said):
                return int(ended[1]), said[: ended.start()]
        raise AssertionError(f"the shell ended in {command!r} and said:\n{said}")

    def close(self) -> None:
        self._killer.cancel()
        self._kill()
        self._bash.communicate(timeout=30)

    def _kill(self) -> None:
        """It, and what it left running: a daemon in the background outlives it otherwise."""
        os.killpg(self._bash.pid, signal.SIGKILL)

    def _checked(self, step: Step) -> bool:
        code, said = self.run(step.command)
        shown = textwrap.indent(said, "    ")
        assert (code, True) == (0, step.fits(said)), (
            f"$ {step.command}\nexit code {code}, and not as the page says:\n{shown}"
        )
        return True
