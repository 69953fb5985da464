"""An engine on another host gets the project's files; nothing is assumed to be there."""

from __future__ import annotations

import json
import shutil

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
        read_only: true
        volumes:
          - ./html:/srv/html
          - ./site.conf:/etc/site.conf:ro
          - data:/data
        configs: [plain]
        secrets: [key]
        deploy: {update_config: {monitor: 1ms}}
      other: {image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL}
    volumes: {data: }
    configs: {plain: {file: ./plain.txt}}
    secrets: {key: {file: ./key.pem}}
"""


@pytest.fixture
def remote(ssh_to_here: dict[str, str], each_engine: Engine) -> dict[str, str]:
    return {**ssh_to_here, "DOCKER_HOST": f"ssh://me@open{each_engine.socket}"}


@pytest.fixture
def project(make_project: ProjectMaker, each_engine: Engine) -> Project:
    made = make_project(on=each_engine)
    made.write(STACK)
    for name in ("html/index.html", "html/deep/page", "site.conf", "plain.txt", "key.pem"):
        made.write(f"first {name}", name)
    return made


def test_files_and_folders_are_there_without_a_path_of_this_host(
    project: Project, remote: dict[str, str], each_engine: Engine
) -> None:
    said = project.up(env=remote)

    web = project.container("web")
    paths = ("/srv/html/index.html", "/srv/html/deep/page", "/etc/site.conf", "/plain", "/run/secrets/key")
    names = ("html/index.html", "html/deep/page", "site.conf", "plain.txt", "key.pem")
    shutil.rmtree(project.folder / "html")
    assert each_engine.exec(web["Id"], "cat", *paths) == (0, "".join(f"first {name}" for name in names))
    assert str(project.folder) not in json.dumps(web["Mounts"])
    assert each_engine.exec(web["Id"], "touch", "/srv/html/x")[0] != 0
    assert "html is copied to the engine's host and mounted read-only at /srv/html" in said.stderr
    assert "app.yml:" in said.stderr


def test_a_second_run_changes_nothing_and_a_changed_file_rolls_its_service(
    project: Project, remote: dict[str, str], each_engine: Engine
) -> None:
    project.up(env=remote)
    before = project.ids()
    assert project.run("plan", "--detailed-exitcode", env=remote).code == 0
    project.up(env=remote)
    assert project.ids() == before

    project.write("second", "html/deep/page")
    project.up(env=remote)

    after = project.ids()
    assert {name for name, one in after.items() if before[name] != one} == {f"{project.name}-web-1"}
    assert each_engine.exec(project.container("web")["Id"], "cat", "/srv/html/deep/page") == (0, "second")
    project.run("down", "-v", "-t", "0", env=remote).ok()
    assert project.census.empty


def test_a_mount_that_is_missing_here_is_refused_before_anything_is_touched(
    project: Project, remote: dict[str, str]
) -> None:
    project.write("""
        services:
          web:
            image: busybox:stable
            volumes: [{type: bind, source: ./gone, target: /x, bind: {create_host_path: false}}]
    """)
    refused = project.run("up", "-d", env=remote).failed(2)

    assert "/gone does not exist" in refused.stderr
    assert "app.yml:4:" in refused.stderr
    assert project.census.empty
