"""A project of a test: a folder, a unique name, an engine, the command run in it, and everything removed afterwards.

Each run goes through a recording proxy, so that a test can ask what was asked of the engine (``result.mutations``), and
so that every test proves by the way that nothing was removed which does not carry the project's label.
"""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .commands import Result, Running, environment_for, run_stack, start_stack
from .engines import PROJECT_LABEL, Census, Engine, Json
from .faults import Fault
from .proxy import Proxy
from .terminal import Terminal


class Project:
    """``project.write(...)``, ``project.up()``, ``project.engine``: what a scenario needs in one hand."""

    def __init__(self, engine: Engine, folder: Path, name: str, home: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.name = name
        self.home = home
        self.foreign_removals: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, text: str, name: str = "app.yml") -> Path:
        """A file in the project's folder; indentation of the test's source is taken off."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        return environment_for(self.engine, self.home, extra)

    def run(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        file: str = "app.yml",
        fault: Fault | None = None,
        stdin: str = "",
        limit: float = 120.0,
    ) -> Result:
        """Run a sub-command to its end with ``-f`` and ``-p`` given; the result holds the requests made meanwhile."""
        with Proxy(self.engine.address, fault=fault) as proxy:
            environment = self.environment({"DOCKER_HOST": proxy.address, **(env or {})})
            with start_stack(self._words(args, file), cwd=self.folder, env=environment, stdin=stdin) as running:
                proxy.aim_at(running.process.pid)
                result = running.finish(limit)
            self.foreign_removals += proxy.foreign_removals(PROJECT_LABEL, self.name)
            return replace(result, requests=tuple(proxy.requests))

    def start(self, *args: str, env: Mapping[str, str] | None = None, file: str = "app.yml") -> Running:
        """The same without waiting and without the proxy: for attached runs and signals. Use it in a ``with``."""
        return start_stack(self._words(args, file), cwd=self.folder, env=self.environment(env))

    def terminal(self, *args: str, env: Mapping[str, str] | None = None, file: str = "app.yml") -> Terminal:
        """The same in a terminal of its own. Use it in a ``with``."""
        return Terminal(self._words(args, file), cwd=self.folder, env=self.environment(env))

    def up(self, *args: str, file: str = "app.yml", env: Mapping[str, str] | None = None) -> Result:
        """``up -d``, which must succeed."""
        return self.run("up", "-d", *args, file=file, env=env).ok()

    def down(self, *args: str, file: str = "app.yml") -> Result:
        """``down -t 0``, which must succeed."""
        return self.run("down", "-t", "0", *args, file=file).ok()

    def compose(self, *args: str, file: str = "app.yml", limit: float = 120.0) -> Result:
        """``docker compose`` of the newer client on the same engine, folder and project."""
        words = ("docker", "compose", "-f", file, "-p", self.name, *args)
        return run_stack((), cwd=self.folder, env=self.environment(), command=words, limit=limit)

    def docker(self, *args: str, limit: float = 120.0) -> Result:
        """The plain ``docker`` client on the same engine: what a person does behind our back."""
        return run_stack((), cwd=self.folder, env=self.environment(), command=("docker", *args), limit=limit)

    @property
    def census(self) -> Census:
        return self.engine.census(self.name)

    def containers(self, service: str = "") -> list[Json]:
        return self.engine.containers(self.name, service)

    def container(self, service: str, number: int = 1) -> Json:
        """One replica by its usual name; an empty dict when there is none."""
        return self.engine.inspect(f"{self.name}-{service}-{number}")

    def ids(self) -> dict[str, str]:
        """Name to id: what shows that nothing was recreated."""
        return {entry["Name"].lstrip("/"): entry["Id"] for entry in self.containers()}

    def running(self) -> list[str]:
        """Names of running containers without the project's part: ["db-1", "web-1"]."""
        names = (entry["Name"].lstrip("/") for entry in self.containers() if entry["State"]["Running"])
        return [name.removeprefix(f"{self.name}-") for name in names]

    def clean(self) -> None:
        self.engine.remove_project(self.name)

    def _words(self, args: Sequence[str], file: str) -> tuple[str, ...]:
        return ("-f", file, "-p", self.name, *args)


def unique_name(hint: str) -> str:
    """A name that no other run uses: what the test is called, and something random."""
    short = re.sub(r"[^a-z0-9]+", "-", hint.lower()).strip("-")[:24].strip("-")
    return f"{short or 'test'}-{os.urandom(3).hex()}"
