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
    environment = {"PORT": "0", "QUICKSTART_PORT": "0"}
    project.run("up", "-d", "--wait", env=environment).ok()
    assert project.running()
    assert project.run("up", "-d", env=environment).ok().mutations == []
    project.down("-v", "--rmi", "local")
    assert project.census.empty


def test_there_are_examples() -> None:
    assert {"quickstart", "migration", "files", "rolling"} <= {path.name for path in EXAMPLES}
