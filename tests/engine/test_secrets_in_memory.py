"""`x-stack: {secrets: tmpfs}` on a real engine: what secrets hold is in files of a tmpfs, and nowhere else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ProjectMaker
from tests.support.engines import Engine
from tests.support.projects import Project, unique_name

SLEEP = "image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL, deploy: {update_config: {monitor: 1ms}}"
STACK = f"""
    x-stack: {{secrets: tmpfs}}
    services:
      web: {{{SLEEP}, user: "7", secrets: [key, {{source: token, uid: "7", gid: "9", mode: "0400"}}]}}
      api: {{{SLEEP}, secrets: [token], configs: [{{source: site, target: /site}}]}}
    configs:
      site: {{content: plain}}
    secrets:
      token: {{environment: TOKEN}}
      key: {{file: ./key.pem}}
"""


@pytest.fixture
def memory() -> Iterator[Path]:
    """A place on a tmpfs that this test has to itself."""
    place = Path("/dev/shm") / unique_name("secrets")
    yield place
    shutil.rmtree(place, ignore_errors=True)


def write(project: Project, memory: Path, token: str = "canary-1") -> dict[str, str]:
    project.write(STACK)
    project.write("pem", "key.pem")
    return {"TOKEN": token, "STACK_SECRETS_DIR": str(memory)}


def folders(project: Project, memory: Path) -> list[str]:
    shelf = memory / project.name
    return sorted(entry.partition(".")[0] for entry in os.listdir(shelf)) if shelf.exists() else []


def test_they_are_given_from_memory_with_owner_and_mode_and_lie_on_no_disk(
    each_engine: Engine, make_project: ProjectMaker, memory: Path
) -> None:
    project = make_project(on=each_engine)
    environment = write(project, memory)
    project.up(env=environment)

    web, api = project.container("web")["Id"], project.container("api")["Id"]
    assert each_engine.exec(web, "cat", "/run/secrets/key", "/run/secrets/token") == (0, "pemcanary-1")
    listed = each_engine.exec(web, "stat", "-c", "%u %g %a", "/run/secrets/key", "/run/secrets/token")
    assert listed == (0, "0 0 444\n7 9 400\n")
    assert each_engine.exec(api, "cat", "/run/secrets/token", "/site") == (0, "canary-1plain")
    assert each_engine.exec(web, "touch", "/run/secrets/key")[0] != 0
    sources = [mount["Source"] for mount in project.container("web")["HostConfig"]["Mounts"]]
    assert all(Path(source).is_relative_to(memory) for source in sources)
    assert ["api", "web"] == folders(project, memory)
    assert {0o700} == {path.stat().st_mode & 0o777 for path in (memory, *memory.glob("*"), *memory.glob("*/*"))}
    assert project.up(env=environment).mutations == []


def test_a_change_rolls_the_services_that_use_it_and_the_former_files_go(
    each_engine: Engine, make_project: ProjectMaker, memory: Path
) -> None:
    project = make_project(on=each_engine)
    project.up(env=write(project, memory))
    before = sorted(os.listdir(memory / project.name))

    said = project.up(env=write(project, memory, token="canary-2"))

    assert each_engine.exec(project.container("web")["Id"], "cat", "/run/secrets/token") == (0, "canary-2")
    after = sorted(os.listdir(memory / project.name))
    assert len(after) == len(before) == 2
    assert not set(after) & set(before)
    assert "canary" not in said.stdout + said.stderr


def test_after_a_reboot_they_are_written_again_before_anything_starts(
    each_engine: Engine, make_project: ProjectMaker, memory: Path
) -> None:
    project = make_project(on=each_engine)
    environment = write(project, memory)
    project.up(env=environment)
    before = project.ids()
    project.run("stop", "-t", "0", env=environment).ok()
    shutil.rmtree(memory)

    project.up(env=environment)

    assert project.ids() == before
    assert each_engine.exec(project.container("web")["Id"], "cat", "/run/secrets/token") == (0, "canary-1")
    assert project.up(env=environment).mutations == []


def test_nothing_is_left_of_them_after_down(each_engine: Engine, make_project: ProjectMaker, memory: Path) -> None:
    project = make_project(on=each_engine)
    environment = write(project, memory)
    project.up(env=environment)
    stranger = memory / project.name / "web.secrets-0123456789ab.anotherengine"
    stranger.mkdir()

    project.run("down", "-t", "0", env=environment).ok()

    assert [stranger.name] == os.listdir(memory / project.name)
    assert project.census.empty


def test_a_disk_is_refused_and_nothing_is_made(each_engine: Engine, make_project: ProjectMaker, memory: Path) -> None:
    project = make_project(on=each_engine)
    disk = project.folder / "secrets"
    environment = {**write(project, memory), "STACK_SECRETS_DIR": str(disk)}

    refused = project.run("up", "-d", env=environment).failed(1)

    assert "not on a tmpfs" in refused.stderr
    assert "mount -t tmpfs" in refused.stderr
    assert [] == os.listdir(disk)
    assert project.ids() == {}


def test_they_move_from_the_disk_into_memory_and_back(
    each_engine: Engine, make_project: ProjectMaker, memory: Path
) -> None:
    project = make_project(on=each_engine)
    environment = write(project, memory)
    project.write(STACK.replace("x-stack: {secrets: tmpfs}", ""))
    project.up(env=environment)
    assert not memory.exists()

    project.write(STACK)
    project.up(env=environment)
    assert ["api", "web"] == folders(project, memory)
    assert project.up(env=environment).mutations == []

    project.write(STACK.replace("x-stack: {secrets: tmpfs}", ""))
    project.up(env=environment)
    assert [] == folders(project, memory)
    assert each_engine.exec(project.container("web")["Id"], "cat", "/run/secrets/token") == (0, "canary-1")
    assert project.up(env=environment).mutations == []
