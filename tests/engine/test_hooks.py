"""Hooks run on every way up and down, on a real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ProjectMaker
from tests.support.engines import Engine
from tests.support.projects import Project

STACK = """
    services:
      web:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
        environment: {COLOUR: "${COLOUR:-blue}"}
        volumes: [./log:/log]
        secrets: [token]
        scale: 2
        deploy: {update_config: {monitor: 1ms}}
        pre_start:
          - command: [sh, -c, "echo pre_start $$COLOUR $$(cat /run/secrets/token) >> /log/said"]
        post_start:
          - {command: [sh, -c, "echo post_start $$WHO $$(pwd) >> /log/said"], environment: {WHO: me}, working_dir: /tmp}
        pre_stop:
          - command: [sh, -c, "echo pre_stop >> /log/said"]
    secrets: {token: {environment: TOKEN}}
"""


class Said:
    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir()

    def now(self) -> list[str]:
        """What hooks said since the last question."""
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        self._path.write_text("")
        return lines


@pytest.fixture
def project(make_project: ProjectMaker, each_engine: Engine) -> Project:
    made = make_project(on=each_engine)
    made.write(STACK)
    return made


def test_hooks_run_on_every_way_up_and_down(project: Project) -> None:
    said = Said(project.folder / "log" / "said")
    environment = {"TOKEN": "hush"}
    first, after, before = "pre_start blue hush", "post_start me /tmp", "pre_stop"

    project.up(env=environment)
    assert said.now() == [first, after, after]
    project.up("--scale", "web=1", env=environment)
    assert said.now() == [before]
    project.run("restart", env=environment).ok()
    assert said.now() == [before, after]
    project.up("--scale", "web=1", env={**environment, "COLOUR": "green"})
    assert said.now() == ["pre_start green hush", before, after]
    project.run("stop", env=environment).ok()
    assert said.now() == [before]
    project.run("start", env={**environment, "COLOUR": "green"}).ok()
    assert said.now() == ["pre_start green hush", after]
    project.run("rm", "-s", "-f", env=environment).ok()
    assert said.now() == [before]
    project.up("--scale", "web=1", env=environment)
    assert said.now() == [first, after]
    project.run("kill", env=environment).ok()
    assert said.now() == []
    project.up("--scale", "web=1", env=environment)
    assert said.now() == [first, after]
    project.run("down", env=environment).ok()
    assert said.now() == [before]
    assert project.census.empty


def test_the_end_of_an_attached_up_runs_them_too(project: Project) -> None:
    said = Said(project.folder / "log" / "said")
    with project.start("up", "--scale", "web=1", env={"TOKEN": "hush"}) as running:
        running.says("Attaching to")
        running.signal()
        running.finish()

    assert said.now() == ["pre_start blue hush", "post_start me /tmp", "pre_stop"]


def test_a_hook_that_fails_before_the_start_leaves_what_serves(project: Project) -> None:
    said = Said(project.folder / "log" / "said")
    project.up(env={"TOKEN": "hush"})
    said.now()
    ids = project.ids()
    project.write(STACK.replace('"echo pre_start', '"false && echo pre_start').replace(":-blue", ":-red"))

    refused = project.run("up", "-d", env={"TOKEN": "hush"}).failed()

    assert "pre_start" in refused.stderr
    assert said.now() == []
    assert {name: one for name, one in project.ids().items() if name in ids} == ids
    assert sorted(project.running()) == ["web-1", "web-2"]


def test_a_hook_that_fails_before_the_stop_keeps_the_container(project: Project) -> None:
    Said(project.folder / "log" / "said")
    project.up(env={"TOKEN": "hush"})
    project.write(STACK.replace('"echo pre_stop', '"exit 3; echo pre_stop'))

    refused = project.run("stop", env={"TOKEN": "hush"}).failed()

    assert "exited with status 3" in refused.stderr
    assert sorted(project.running()) == ["web-1", "web-2"]
