"""Tab in real shells, and names that only an engine knows."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from scripts.machine import packages
from tests.support.commands import STACK
from tests.support.projects import Project
from tests.support.terminal import Terminal
from tests.support.waiting import eventually

SHELLS = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
}
SETUP = {
    "bash": "source <(stack completion bash); echo load''ed\n",
    "zsh": "autoload -U compinit; compinit -u -D; source <(stack completion zsh); echo load''ed\n",
}


@pytest.fixture
def home(project: Project) -> dict[str, str]:
    """An environment with a `stack` on the path, and a file in the folder."""
    project.write("services: {cache: {image: 'busybox:stable'}, website: {image: 'busybox:stable', profiles: [front]}}")
    program = project.home / "bin" / "stack"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {STACK[-1]} "$@"\n')
    program.chmod(0o755)
    environment = project.environment()
    return {**environment, "PATH": f"{program.parent}:{environment['PATH']}", "ZDOTDIR": str(project.home)}


@pytest.fixture(params=["bash", "zsh"])
def terminal(request: pytest.FixtureRequest, project: Project, home: dict[str, str]) -> Iterator[Terminal]:
    packages.have({request.param: request.param})
    with Terminal((), cwd=project.folder, env=home, command=SHELLS[request.param]) as shell:
        shell.type(SETUP[request.param])
        shell.says("loaded")
        yield shell


def plain(terminal: Terminal) -> str:
    """What is shown, without colours and cursor movements."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.shown)


def test_tab_completes_commands_options_and_services(terminal: Terminal) -> None:
    for typed, completed in (
        ("versi", "version "),
        ("up --remove-or", "--remove-orphans "),
        ("up web", "website "),
        ("graph --format=sv", "--format=svg "),
        ("up --scale webs", "website="),
        ("--profile fr", "front "),
        ("-f app", "app.yml "),
    ):
        line = f"stack {typed.rpartition(' ')[0]} {completed}".replace("  ", " ")
        terminal.type(f"\x15stack {typed}\t")
        eventually(lambda line=line: line in plain(terminal), what=f"{line!r} on the screen")


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
