"""Every folder in examples/ comes up whole, does nothing the second time, and goes down again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts.machine import haproxy
from scripts.machine.commands import ROOT
from tests.support.projects import Project

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/app.yml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_comes_up_does_nothing_twice_and_goes_down(project: Project, example: Path) -> None:
    if "endpoint_mode: vip" in (example / "app.yml").read_text():
        haproxy.import_haproxy(project.engine.api)
    shutil.copytree(example, project.folder, dirs_exist_ok=True)
    keys = {"SOPS_AGE_KEY_FILE": str(project.folder / "demo-key.txt"), "STACK_SECRETS_DIR": f"/dev/shm/{project.name}"}
    environment = {"PORT": "0", "QUICKSTART_PORT": "0", **(keys if (example / "demo-key.txt").exists() else {})}
    project.run("up", "-d", "--wait", env=environment).ok()
    assert project.running()
    assert project.run("up", "-d", env=environment).ok().mutations == []
    project.run("down", "-t", "0", "-v", "--rmi", "local", env=environment).ok()
    shutil.rmtree(f"/dev/shm/{project.name}", ignore_errors=True)
    assert project.census.empty


def test_there_are_examples() -> None:
    assert {"quickstart", "migration", "files", "rolling", "encrypted-secrets"} <= {path.name for path in EXAMPLES}
