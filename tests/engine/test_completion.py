"""Tab in real shells, and names that only an engine knows."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.machine import packages
from tests.support.commands import STACK
from tests.support.projects import Project

SHELLS = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
}
SETUP = {
    "bash": "PS1='ready> '; source <(stack completion bash)\n",
    "zsh": "PS1='ready> '; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -u -D; source <(stack completion zsh)\n",
}


class Terminal:
    """An interactive shell on a pseudo-terminal."""

    def __init__(self, words: tuple[str, ...], cwd: Path, env: dict[str, str]) -> None:
        self.terminal, inner = pty.openpty()
        self.process = subprocess.Popen(
            words, cwd=cwd, env=env, stdin=inner, stdout=inner, stderr=inner, start_new_session=True
        )
        os.close(inner)
        self.seen = ""

    def type(self, text: str) -> None:
        self.seen = ""
        os.write(self.terminal, text.encode())

    def shows(self, text: str, within: float = 30.0) -> None:
        deadline = time.monotonic() + within
        while text not in self.seen:
            ready, _, _ = select.select([self.terminal], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{text!r} did not appear in {self.seen!r}"
            self.seen += os.read(self.terminal, 65536).decode(errors="replace")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


@pytest.fixture
def home(project: Project) -> dict[str, str]:
    """An environment with a `stack` on the path, and a file in the folder."""
    project.write("services: {cache: {image: 'busybox:stable'}, website: {image: 'busybox:stable', profiles: [front]}}")
    program = project.home / "bin" / "stack"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {STACK[-1]} "$@"\n')
    program.chmod(0o755)
    environment = project.environment()
    return {**environment, "PATH": f"{program.parent}:{environment['PATH']}", "TERM": "dumb"}


@pytest.fixture(params=["bash", "zsh"])
def terminal(request: pytest.FixtureRequest, project: Project, home: dict[str, str]) -> Iterator[Terminal]:
    packages.have({request.param: request.param})
    shell = Terminal(SHELLS[request.param], project.folder, home)
    try:
        shell.type(SETUP[request.param])
        shell.shows("ready> ")
        shell.shows("ready> ")
        yield shell
    finally:
        shell.close()


def test_tab_completes_commands_options_and_services(terminal: Terminal) -> None:
    terminal.type("stack versi\t")
    terminal.shows("version ")
    terminal.type("\x15stack up --remove-or\t")
    terminal.shows("--remove-orphans ")
    terminal.type("\x15stack up web\t")
    terminal.shows("website ")
    terminal.type("\x15stack graph --format=sv\t")
    terminal.shows("--format=svg ")
    terminal.type("\x15stack up --scale webs\t")
    terminal.shows("website=")
    terminal.type("\x15stack --profile fr\t")
    terminal.shows("front ")
    terminal.type("\x15stack -f app\t")
    terminal.shows("app.yml ")


def test_fish_is_given_commands_services_and_files(project: Project, home: dict[str, str]) -> None:
    packages.have({"fish": "fish"})

    def complete(line: str) -> list[str]:
        script = f"stack completion fish | source; complete -C '{line}'"
        done = subprocess.run(
            ["fish", "--no-config", "-c", script],
            cwd=project.folder,
            env=home,
            capture_output=True,
            text=True,
            check=True,
        )
        return [line.partition("\t")[0] for line in done.stdout.splitlines()]

    assert ["version"] == complete("stack versi")
    assert ["website"] == complete("stack up web")
    assert ["--remove-orphans"] == complete("stack up --remove-or")
    assert ["app.yml"] == complete("stack -f app")


def test_stacks_are_named_by_the_engine(project: Project) -> None:
    project.write("services: {web: {image: 'busybox:stable', command: sleep 1000, stop_signal: SIGKILL}}")
    project.up()
    said = project.run("up", "-d").ok()
    assert said.mutations == []
    answer = subprocess.run(
        [*STACK, "__complete", "bash", f"stack -p {project.name[:-3]}", ":="],
        cwd=project.folder, env=project.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ["words", project.name] == [line.partition("\t")[0] for line in answer.stdout.splitlines()]
