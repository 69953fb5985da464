"""A shell for tests of the command line: `stack` called in this process, on the memory engine."""

from __future__ import annotations

import io
import json
import os
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.main import main

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def ok(self) -> Said:
        assert 0 == self.code, self
        return self

    def failed(self, code: int = 1) -> Said:
        assert code == self.code, self
        return self


class Shell:
    """``shell("up", "-d")`` runs a command; ``write`` and ``change`` make and edit files."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self._monkeypatch, self._capfd = folder, monkeypatch, capfd

    def __call__(self, *args: str, stdin: str = "") -> Said:
        self._capfd.readouterr()
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = main(args)
        captured = self._capfd.readouterr()
        return Said(code, captured.out, captured.err)

    @property
    def environment(self) -> dict[str, str]:
        """For running the command in another process."""
        return {**os.environ, "PYTHONPATH": str(ROOT)}

    def set(self, name: str, value: str) -> None:
        self._monkeypatch.setenv(name, value)

    def write(self, text: str, name: str = "app.yml") -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))

    def change(self, before: str, after: str, name: str = "app.yml") -> None:
        path = self.folder / name
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))


_OF_THE_CALLER = ("COMPOSE_", "DOCKER_", "STACK_")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    for name in [name for name in os.environ if name.startswith(_OF_THE_CALLER)]:
        monkeypatch.delenv(name)
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("STACK_ENGINE", f"memory:{tmp_path / 'world'}")
    monkeypatch.setenv("STACK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    return Shell(folder, monkeypatch, capfd)


SHOP = """
    name: shop
    services:
      db:
        image: db:1
        environment:
          PASSWORD: hunter2hunter2
      web:
        image: web:1
        environment:
          LOG_LEVEL: info
        depends_on: [db]
    """


RUNNING = " Container shop-db-1 Running\n Container shop-web-1 Running\n"  # all that a run with nothing to do says


@pytest.fixture
def shop(shell: Shell) -> Shell:
    """A shell in a folder with a small stack."""
    shell.write(SHOP)
    return shell
