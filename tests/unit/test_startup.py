"""What a command imports is what its start costs: counted here, because time is measured in `benchmarks/`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scripts.machine.commands import ROOT

HEAVY = {"dataclasses", "inspect", "tempfile", "shutil", "asyncio", "http.client", "urllib.request", "email"}
PARTIES = {"jsonschema", "networkx", "docker", "watchdog", "typer", "requests"}


def imported(folder: str, *words: str) -> set[str]:
    """The modules that a command line adds to those of a bare interpreter."""
    script = f"""
import sys
before = set(sys.modules)
from orchestrator.cli.main import main
code = main({list(words)!r})
print("\\n".join(sorted(set(sys.modules) - before)), file=sys.stderr)
sys.exit(code)
"""
    environment = {"PATH": "", "HOME": folder, "STACK_ENGINE": f"memory:{folder}/world", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize("words", [["version"], ["--version"], ["--help"]], ids=" ".join)
def test_what_needs_nothing_imports_next_to_nothing(words: list[str], tmp_path: object) -> None:
    """Within three bare interpreter starts: neither typing nor re, which take half of one."""
    modules = imported(str(tmp_path), *words)

    assert set() == modules & {"typing", "re", "enum", "contextlib", *HEAVY, *PARTIES}
    assert len(modules) <= 18


@pytest.mark.parametrize(
    ("words", "most"),
    [(["ps"], 190), (["config", "-q"], 190), (["up", "-d"], 275), (["down"], 275)],
    ids=["ps", "config", "up", "down"],
)
def test_a_command_imports_only_what_it_needs(words: list[str], most: int, tmp_path: object) -> None:
    """A module more costs about 0.2 ms. Raise a number here only for something that each run of the command needs."""
    with open(f"{tmp_path}/app.yml", "w", encoding="utf-8") as file:
        file.write("services: {web: {image: 'busybox:stable', command: sleep 1000}}")

    if words[0] != "config":
        imported(str(tmp_path), "-f", "app.yml", "up", "-d")  # the `up` that is counted has nothing to do

    modules = imported(str(tmp_path), "-f", "app.yml", *words)

    assert set() == modules & (HEAVY | PARTIES)
    assert len(modules) <= most
