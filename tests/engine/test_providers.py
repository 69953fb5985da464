"""A service that a program provides: what it says reaches those that depend on it, on a real engine."""

from __future__ import annotations

import os

from tests.conftest import ProjectMaker
from tests.support.engines import Engine

PROGRAM = """#!/bin/sh
[ "$2" = metadata ] && exit 1
echo "$@" >> "$(dirname "$0")/../said"
[ "$3" = up ] && echo '{"type": "setenv", "message": "URL=db://somewhere"}'
exit 0
"""
STACK = """
    services:
      cloud: {provider: {type: cloudy, options: {size: small}}}
      web:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
        depends_on: [cloud]
      other: {image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL, depends_on: [web]}
"""


def test_what_a_provider_says_reaches_those_that_depend_on_it(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    program = project.write(PROGRAM, "bin/cloudy")
    program.chmod(0o755)
    project.write(STACK)
    environment = {"PATH": f"{program.parent}:{os.environ['PATH']}"}

    project.up(env=environment)

    assert "CLOUD_URL=db://somewhere" in project.container("web")["Config"]["Env"]
    assert "CLOUD_URL=db://somewhere" not in (project.container("other")["Config"]["Env"] or [])
    before = project.ids()
    again = project.up(env=environment)
    assert again.mutations == []
    assert project.ids() == before
    project.run("down", "-t", "0", env=environment).ok()
    said = (project.folder / "said").read_text().splitlines()
    up = f"compose --project-name={project.name} up --size=small cloud"
    assert said == [up, up, f"compose --project-name={project.name} down --size=small cloud"]
    assert project.census.empty


STOPPABLE = """#!/bin/sh
if [ "$2" = metadata ]; then
  echo '{"description": "clouds", "up": {"parameters": [{"name": "size"}]}, "down": {}, "stop": {"parameters": []}}'
  exit 0
fi
echo "$@" >> "$(dirname "$0")/../said"
"""


def test_a_provider_is_stopped_after_those_that_depend_on_it_where_it_can_be_stopped(
    each_engine: Engine, make_project: ProjectMaker
) -> None:
    project = make_project(on=each_engine)
    program = project.write(STOPPABLE, "bin/cloudy")
    program.chmod(0o755)
    project.write(STACK)
    environment = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    project.up(env=environment)

    project.run("stop", "-t", "0", "web", "other", env=environment).ok()
    project.run("stop", "-t", "0", env=environment).ok()

    said = (project.folder / "said").read_text().splitlines()
    assert [
        f"compose --project-name={project.name} up --size=small cloud",
        f"compose --project-name={project.name} stop cloud",
    ] == said
    project.run("down", "-t", "0", env=environment).ok()
