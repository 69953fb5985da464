"""Containers whose configs and secrets another key recorded: the state directory was lost, or is another user's.

What is in them is read once and compared with the file, so that what has changed is rolled out and nothing else is.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import ProjectMaker
from tests.support.engines import Engine
from tests.support.faults import answer
from tests.support.projects import Project

SLEEP = "image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL, deploy: {update_config: {monitor: 1ms}}"
STACK = f"""
    services:
      web: {{{SLEEP}, scale: 2, secrets: [token, {{source: key, uid: "7", gid: "9", mode: "0440"}}]}}
      api: {{{SLEEP}, configs: [{{source: site, target: /etc/site.conf}}]}}
      db: {{{SLEEP}, configs: [{{source: plain, target: /plain}}]}}
    configs:
      site: {{content: "listen ${{PORT:-80}}"}}
      plain: {{file: ./plain.conf}}
    secrets:
      token: {{environment: TOKEN}}
      key: {{file: ./key.pem}}
"""
UNKNOWN = "is not known"


def brought_up(project: Project, spec: str = STACK) -> dict[str, str]:
    """The stack runs, made with a key that is lost afterwards: the environment of whoever comes next."""
    project.write(spec)
    project.write("pem", "key.pem")
    project.write("plain", "plain.conf")
    project.up(env={"TOKEN": "canary-1", "STACK_STATE_DIR": str(project.folder / "lost")})
    shutil.rmtree(project.folder / "lost")
    return {"TOKEN": "canary-1", "STACK_STATE_DIR": str(project.folder / "state")}


def moved(project: Project, before: dict[str, str]) -> set[str]:
    return {name.removeprefix(f"{project.name}-") for name, one in project.ids().items() if before.get(name) != one}


def read(requests: object) -> list[str]:
    return [str(one) for one in requests if str(one).endswith("/archive")]  # type: ignore[attr-defined]


def test_what_is_the_same_is_taken_over_untouched_and_read_once(
    each_engine: Engine, make_project: ProjectMaker
) -> None:
    project = make_project(on=each_engine)
    environment = brought_up(project)
    before = project.ids()

    first, second = project.up(env=environment), project.up(env=environment)
    assert first.mutations == second.mutations == []
    assert project.ids() == before
    assert UNKNOWN not in first.stderr + second.stderr
    assert len(read(first.requests)) == 6  # two of each web, one of api and of db
    assert read(second.requests) == []


def test_what_changed_meanwhile_is_rolled_out_and_nothing_else(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    environment = brought_up(project)
    before = project.ids()

    said = project.up(env={**environment, "TOKEN": "canary-2"})
    assert moved(project, before) == {"web-1", "web-2"}
    assert UNKNOWN not in said.stderr
    assert each_engine.exec(project.container("web")["Id"], "cat", "/run/secrets/token") == (0, "canary-2")
    before = project.ids()

    project.up(env={**environment, "TOKEN": "canary-2", "PORT": "81"})
    assert moved(project, before) == {"api-1"}
    before = project.ids()
    (project.folder / "plain.conf").write_text("another")

    project.up(env={**environment, "TOKEN": "canary-2", "PORT": "81"})
    assert moved(project, before) == {"db-1"}
    kept = [path.read_bytes() for path in (project.folder / "state").rglob("*") if path.is_file()]
    assert not any(b"canary" in content for content in kept)
    assert "canary" not in said.stdout + said.stderr


@pytest.mark.parametrize(("given", "fits"), [('"0440"', True), ('"0400"', False)])
def test_an_owner_or_mode_that_changed_meanwhile_is_rolled_out_too(
    each_engine: Engine, make_project: ProjectMaker, given: str, fits: bool
) -> None:
    project = make_project(on=each_engine)
    environment = brought_up(project)
    before = project.ids()
    project.write(STACK.replace('"0440"', given))

    project.up(env=environment)
    assert moved(project, before) == (set() if fits else {"web-1", "web-2"})


def test_a_plan_reads_them_and_changes_nothing(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    environment = {**brought_up(project), "TOKEN": "canary-2"}

    planned = project.run("plan", env=environment)
    assert "secret token changed" in planned.stdout
    assert UNKNOWN not in planned.stdout + planned.stderr
    assert "canary" not in planned.stdout + planned.stderr
    assert planned.mutations == []
    assert project.run("plan", env=environment).mutations == []


def test_a_file_that_was_replaced_on_the_host_does_not_pass_for_what_the_container_sees(
    each_engine: Engine, make_project: ProjectMaker
) -> None:
    """An editor saves by renaming; the engine would read the new file, the container still has the old one."""
    project = make_project(on=each_engine)
    environment = brought_up(project)
    before = project.ids()
    new = project.write("another", "plain.conf.new")
    os.replace(new, project.folder / "plain.conf")

    project.up(env=environment)
    assert moved(project, before) == {"db-1"}


def test_what_cannot_be_read_is_told_as_not_known(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    environment = brought_up(project)
    before = project.ids()
    refused = answer(500, match=f"GET /containers/{project.container('api')['Id']}/archive", times=100)

    said = project.run("up", "-d", env={**environment, "PORT": "81"}, fault=refused).ok()
    assert moved(project, before) == set()
    assert "api: whether config site changed is not known" in said.stderr
    assert "web: whether" not in said.stderr

    project.up(env={**environment, "PORT": "81"})
    assert moved(project, before) == {"api-1"}


def test_secrets_in_memory_are_compared_where_they_are(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    memory = Path("/dev/shm") / project.name
    try:
        project.write(
            f"x-stack: {{secrets: tmpfs}}\nservices: {{web: {{{SLEEP}, secrets: [token]}}}}\n"
            "secrets: {token: {environment: TOKEN}}\n"
        )
        common = {"STACK_SECRETS_DIR": str(memory)}
        project.up(env={**common, "TOKEN": "canary-1", "STACK_STATE_DIR": str(project.folder / "lost")})
        environment = {**common, "STACK_STATE_DIR": str(project.folder / "state")}
        before = project.ids()

        assert project.up(env={**environment, "TOKEN": "canary-1"}).mutations == []
        project.up(env={**environment, "TOKEN": "canary-2"})
        assert moved(project, before) == {"web-1"}
        assert len(os.listdir(memory / project.name)) == 1

        before = project.ids()
        project.docker("stop", "-t", "0", f"{project.name}-web-1").ok()
        shutil.rmtree(memory)  # a reboot, after which the key is another again
        project.up(env={**common, "TOKEN": "canary-2", "STACK_STATE_DIR": str(project.folder / "third")})
        assert moved(project, before) == {"web-1"}
    finally:
        shutil.rmtree(memory, ignore_errors=True)
