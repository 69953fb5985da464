"""Configs and secrets on a real engine: whose they are, where they lie, and what a change of one of them moves."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import ProjectMaker
from tests.support.engines import Engine
from tests.support.projects import Project

SLEEP = "image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL, deploy: {update_config: {monitor: 1ms}}"
STACK = f"""
    services:
      web:
        {{{SLEEP}, read_only: true, user: "7", tmpfs: [/run], configs: [{{source: site, target: /etc/site.conf}}],
         secrets: [{{source: token, uid: "7", mode: "0400"}}, {{source: key, uid: "7", gid: "9", mode: "0440"}}]}}
      api: {{{SLEEP}, secrets: [{{source: kept, target: /kept}}]}}
      db: {{{SLEEP}, secrets: [token]}}
      other: {{{SLEEP}}}
    configs:
      site: {{content: "listen ${{PORT:-80}}"}}
    secrets:
      token: {{environment: TOKEN}}
      key: {{file: ./key.pem}}
      kept: {{external: true}}
"""


def write(project: Project) -> dict[str, str]:
    """The stack, its file, and the host's store; the environment that finds them."""
    project.write(STACK)
    project.write("pem", "key.pem")
    return {"TOKEN": "canary-1", "STACK_STORE": str(keep(project, "from-the-store"))}


def keep(project: Project, content: str) -> Path:
    shelf = project.folder / "store" / "secrets"
    shelf.mkdir(parents=True, exist_ok=True)
    (shelf / "kept").write_text(content)
    (shelf / "kept").chmod(0o600)
    return shelf.parent


def test_every_source_has_the_owner_and_mode_that_the_file_gives_it(
    each_engine: Engine, make_project: ProjectMaker
) -> None:
    project = make_project(on=each_engine)
    project.up(env=write(project))

    web, api = project.container("web")["Id"], project.container("api")["Id"]
    listed = each_engine.exec(web, "stat", "-c", "%u %g %a", "/run/secrets/token", "/run/secrets/key", "/etc/site.conf")
    assert listed == (0, "7 0 400\n7 9 440\n0 0 444\n")
    assert each_engine.exec(web, "cat", "/run/secrets/token", "/run/secrets/key", "/etc/site.conf") == (
        0,
        "canary-1pemlisten 80",
    )
    assert each_engine.exec(api, "cat", "/kept") == (0, "from-the-store")
    assert each_engine.exec(web, "touch", "/etc/site.conf")[0] != 0
    assert project.up(env=write(project)).mutations == []


def test_a_change_rolls_exactly_the_services_that_use_it(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    environment = write(project)
    project.up(env=environment)
    before = project.ids()

    keep(project, "another")
    said = project.up(env=environment)
    assert _moved(project, before) == {"api-1"}
    assert each_engine.exec(project.container("api")["Id"], "cat", "/kept") == (0, "another")
    before = project.ids()

    said = project.up(env={**environment, "TOKEN": "canary-2"})
    assert _moved(project, before) == {"web-1", "db-1"}
    assert each_engine.exec(project.container("db")["Id"], "cat", "/run/secrets/token") == (0, "canary-2")
    assert "canary" not in said.stdout + said.stderr
    assert len(project.census.volumes) == 3  # one each of web, api and db: the former ones are gone


def _moved(project: Project, before: dict[str, str]) -> set[str]:
    return {name.removeprefix(f"{project.name}-") for name, one in project.ids().items() if before.get(name) != one}


def test_nothing_is_left_of_secrets_after_down(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    environment = write(project)
    project.up(env=environment)
    project.run("down", "-t", "0", env=environment).ok()

    assert project.census.empty


def test_a_secret_that_the_host_does_not_keep_stops_everything(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    environment = write(project)
    refused = project.run("up", "-d", env={**environment, "STACK_STORE": str(project.folder / "none")}).failed(2)

    assert "the external secret `kept` is not on this host" in refused.stderr
    assert "app.yml:" in refused.stderr
    assert refused.mutations == []
