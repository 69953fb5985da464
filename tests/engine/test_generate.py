"""`stack alpha generate` describes containers so that the file brings up the same."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.support.projects import Project, unique_name


@pytest.fixture
def handmade(project: Project) -> Iterator[str]:
    name = unique_name("handmade")
    project.engine.run(
        name, Cmd=["sleep", "777"], Env=["LEVEL=a $x"], HostConfig={"Binds": ["/tmp:/x:ro"], "Memory": 64 << 20}
    )
    yield name
    project.engine.api.delete(f"/containers/{name}", force=True)


def test_containers_of_a_project_and_of_nobody_get_one_file(project: Project, handmade: str) -> None:
    project.write(
        "services: {web: {image: 'busybox:stable', command: sleep infinity, stop_signal: SIGKILL, hostname: w}}"
    )
    project.up()

    said = project.run("alpha", "generate", "--name", "both", handmade, f"{project.name}-web-1").ok()

    model = yaml.safe_load(said.stdout)
    assert "both" == model["name"]
    assert {handmade, "web"} == model["services"].keys()
    mine = model["services"][handmade]
    assert ["sleep", "777"] == mine["command"]
    assert "a $$x" == mine["environment"]["LEVEL"]
    assert "w" == model["services"]["web"]["hostname"]
    as_json = json.loads(project.run("alpha", "generate", "--format", "json", "--name", "both", handmade).ok().stdout)
    assert mine == as_json["services"][handmade]


def test_the_file_can_be_loaded_and_planned(project: Project, handmade: str) -> None:
    project.write(project.run("alpha", "generate", handmade).ok().stdout, "made.yml")
    assert "create container" in project.run("plan", file="made.yml").ok().stdout


def test_an_unknown_container_is_an_error(project: Project) -> None:
    assert "no container(s) found" in project.run("alpha", "generate", "nobody-is-called-so").failed().stderr
    assert "needs CONTAINER" in project.run("alpha", "generate").failed(2).stderr
