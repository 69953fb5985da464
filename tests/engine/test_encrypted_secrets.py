"""Secrets that are encrypted in the repository, on a real engine: in memory alone, and what changes replaces what uses it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ProjectMaker
from tests.support import sealing
from tests.support.engines import Engine
from tests.support.projects import Project, unique_name
from tests.support.sealing import AgeKey

SLEEP = "image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL, deploy: {update_config: {monitor: 1ms}}"
STACK = f"""
    services:
      web: {{{SLEEP}, secrets: [token], configs: [{{source: site, target: /site}}]}}
      api: {{{SLEEP}, env_file: api.env}}
      idle: {{{SLEEP}}}
    configs:
      site: {{file: site.age}}
    secrets:
      token: {{file: token.sops}}
"""


@pytest.fixture
def memory() -> Iterator[Path]:
    """A place on a tmpfs that this test has to itself."""
    place = Path("/dev/shm") / unique_name("sealed")
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def key(tmp_path: Path) -> AgeKey:
    return AgeKey(tmp_path / "age.key")


def write(project: Project, key: AgeKey, token: str = "canary-1", env: str = "canary-2") -> None:
    project.write(STACK)
    (project.folder / "token.sops").write_bytes(sealing.sops_binary(token.encode(), key))
    (project.folder / "site.age").write_bytes(sealing.age("canary-3", key))
    (project.folder / "api.env").write_bytes(sealing.sops_dotenv({"DB": env}, key))


def ids(project: Project) -> dict[str, str]:
    return {service: project.container(service)["Id"] for service in ("web", "api", "idle")}


def test_encrypted_files_reach_containers_from_memory_and_a_new_value_replaces_its_users_alone(
    each_engine: Engine, make_project: ProjectMaker, memory: Path, key: AgeKey
) -> None:
    project = make_project(on=each_engine)
    environment = {"STACK_SECRETS_DIR": str(memory), "SOPS_AGE_KEY_FILE": str(key.file)}
    write(project, key)
    project.up(env=environment)
    first = ids(project)

    assert each_engine.exec(first["web"], "cat", "/run/secrets/token", "/site") == (0, "canary-1canary-3")
    assert each_engine.exec(first["api"], "sh", "-c", "echo $DB") == (0, "canary-2\n")
    assert {Path(mount["Source"]).parent.parent for mount in project.container("web")["Mounts"]} == {
        memory / project.name
    }
    volumes = {volume["Name"] for volume in each_engine.api.get("/volumes")["Volumes"] or ()}
    assert not [name for name in volumes if name.startswith(project.name)]

    write(project, key)  # encrypted anew, the same values
    assert project.up(env=environment).mutations == []

    write(project, key, token="canary-4")
    project.up(env=environment)
    second = ids(project)
    assert ["web"] == [name for name in first if first[name] != second[name]]
    assert each_engine.exec(second["web"], "cat", "/run/secrets/token") == (0, "canary-4")

    write(project, key, token="canary-4", env="canary-5")
    project.up(env=environment)
    assert ["api"] == [name for name in second if second[name] != ids(project)[name]]

    project.run("down", env=environment).ok()
    assert not (memory / project.name).exists()


def test_a_key_that_does_not_fit_changes_nothing(
    engine: Engine, make_project: ProjectMaker, memory: Path, key: AgeKey, tmp_path: Path
) -> None:
    project = make_project()
    environment = {"STACK_SECRETS_DIR": str(memory), "SOPS_AGE_KEY_FILE": str(key.file)}
    write(project, key)
    project.up(env=environment)
    write(project, AgeKey(tmp_path / "other.key"), token="canary-6")

    refused = project.run("up", "-d", env=environment).failed(2)

    assert "no key at hand opens this file; it is encrypted to age age1" in refused.stderr
    assert str(key.file) in refused.stderr
    assert refused.mutations == []
    assert "canary" not in refused.stderr + refused.stdout
