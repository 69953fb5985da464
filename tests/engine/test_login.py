"""Logging in to a real registry that serves only users it knows, so that private images can be pulled."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from scripts.machine import packages
from scripts.machine import registry as registries
from tests.conftest import free_port
from tests.support.commands import Result, run_stack, start_stack
from tests.support.projects import Project
from tests.support.terminal import Terminal
from tests.support.waiting import eventually

PASSWORD = "correct-horse"
USERS = "kim:$2b$05$iXNtRuyfxMB4skcuJnnV2..0EnIRfjBmduDxTQcktdqGRdhcbNuT2\n"
HELPER = """#!/bin/sh
# A credential helper that keeps one secret per server in a folder.
cd "$(dirname "$0")/kept" || exit 1
case "$1" in
  store) cat > entry; name=$(sed 's/.*"ServerURL": *"\\([^"]*\\)".*/\\1/' entry | tr '/:' '__'); mv entry "$name" ;;
  get) name=$(tr '/:' '__'); cat "$name" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
  erase) name=$(tr '/:' '__'); rm "$name" ;;
esac
"""


@pytest.fixture
def private(tmp_path: Path) -> Iterator[registries.Registry]:
    packages.have(packages.REGISTRY)
    running = registries.start(tmp_path / "registry", free_port(), htpasswd=USERS)
    try:
        yield running
    finally:
        registries.stop(running)


def configured(project: Project) -> dict[str, str]:
    """A client configuration that stays from one command to the next."""
    return {"DOCKER_CONFIG": str(project.home / "kept-client")}


def configuration(project: Project) -> Path:
    path = Path(configured(project)["DOCKER_CONFIG"]) / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text("{}")
    return path


def stack(project: Project, *words: str, env: Mapping[str, str] | None = None) -> Result:
    return project.run(*words, env={**configured(project), **(env or {})})


def login(project: Project, server: str, password: str = PASSWORD, env: Mapping[str, str] | None = None) -> Result:
    words = ("login", "--username", "kim", "--password-stdin", server)
    environment = project.environment({**configured(project), **(env or {})})
    with start_stack(words, cwd=project.folder, env=environment, stdin=password + "\n") as run:
        return run.finish()


def private_image(project: Project, registry: registries.Registry) -> str:
    """An image that only the registry has, and only for those it knows."""
    reference = f"{registry.address}/{project.name}/secret:1"
    project.docker("tag", "busybox:stable", reference).ok()
    login(project, registry.address).ok()
    environment = project.environment(configured(project))
    run_stack((), cwd=project.folder, env=environment, command=("docker", "push", reference)).ok()
    project.docker("rmi", reference).ok()
    stack(project, "logout", registry.address).ok()
    project.write(f'services: {{web: {{image: "{reference}", command: sleep 1000, stop_signal: SIGKILL}}}}')
    return reference


def test_a_private_image_is_pulled_once_logged_in_and_not_after_logging_out(
    project: Project, private: registries.Registry
) -> None:
    reference = private_image(project, private)
    refused = stack(project, "pull").failed(1)
    assert f"stack login {private.address}" in refused.stderr

    said = login(project, private.address).ok()
    assert "Login Succeeded" in said.stdout
    assert PASSWORD not in said.stdout + said.stderr
    stack(project, "up", "-d").ok()
    assert ["web-1"] == project.running()

    project.down()
    stack(project, "image", "rm", "web").ok()
    assert f"Removed login credentials for {private.address}" in stack(project, "logout", private.address).ok().stdout
    stack(project, "pull").failed(1)
    assert f"Not logged in to {private.address}" in stack(project, "logout", private.address).ok().stdout
    assert not project.engine.image(reference)


def test_a_wrong_password_is_refused_and_nothing_is_kept(project: Project, private: registries.Registry) -> None:
    before = configuration(project).read_text()
    said = login(project, private.address, "wrong-horse").failed(1)
    assert "login-failed" in said.stderr
    assert "wrong-horse" not in said.stdout + said.stderr
    assert before == configuration(project).read_text()


def test_the_configuration_keeps_everything_else_and_only_its_owner_reads_it(
    project: Project, private: registries.Registry
) -> None:
    path = configuration(project)
    before = {**json.loads(path.read_text()), "HttpHeaders": {"a": "b"}, "auths": {"other.example": {"auth": "eDp5"}}}
    path.write_text(json.dumps(before))
    path.chmod(0o644)
    login(project, private.address).ok()
    after = json.loads(path.read_text())
    assert before == {**after, "auths": {"other.example": {"auth": "eDp5"}}}
    assert {"other.example", private.address} == set(after["auths"])
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_a_credential_helper_keeps_the_password_and_gives_it_for_pulls(
    project: Project, private: registries.Registry, tmp_path: Path
) -> None:
    private_image(project, private)
    programs = tmp_path / "programs"
    (programs / "kept").mkdir(parents=True)
    (programs / "docker-credential-folder").write_text(HELPER)
    (programs / "docker-credential-folder").chmod(0o755)
    path = configuration(project)
    path.write_text(json.dumps({**json.loads(path.read_text()), "credsStore": "folder"}))
    env = {"PATH": f"{programs}:{project.environment()['PATH']}"}

    said = login(project, private.address, env=env).ok()
    assert "unencrypted" not in said.stderr
    assert PASSWORD not in path.read_text()
    assert {private.address: {}} == json.loads(path.read_text())["auths"]
    stack(project, "pull", env=env).ok()
    stack(project, "logout", private.address, env=env).ok()
    assert [] == list((programs / "kept").iterdir())
    stack(project, "image", "rm", "web").ok()


def test_a_password_among_the_arguments_is_refused(project: Project) -> None:
    said = stack(project, "login", "--username", "kim", "--password", "very-secret").failed(2)
    assert "--password-stdin" in said.stderr
    assert "very-secret" not in said.stderr


def test_a_person_is_asked_and_the_password_is_not_shown(project: Project, private: registries.Registry) -> None:
    configuration(project)
    environment = project.environment(configured(project))
    with Terminal(("login", private.address), cwd=project.folder, env=environment) as terminal:
        terminal.says("Username: ")
        terminal.type("kim\n")
        terminal.says("Password: ")
        eventually(lambda: not terminal.echoes(), what="the terminal to hide what is typed")
        terminal.type(PASSWORD + "\n")
        assert 0 == terminal.finish()
    assert "Login Succeeded" in terminal.shown
    assert PASSWORD not in terminal.shown
    assert [private.address] == list(json.loads(configuration(project).read_text())["auths"])
