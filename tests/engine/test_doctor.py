"""What would fail later is said before anything is touched, by `up`, `plan` and `doctor` in the same words."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.machine.registry import Registry
from tests.conftest import ProjectMaker, free_port
from tests.support.engines import Engine
from tests.support.projects import Project

SLEEPER = '{image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL'


def findings(project: Project, *, code: int = 0, **env: str) -> dict[str, list[dict[str, Any]]]:
    """By check; that all is well is left out."""
    said = project.run("doctor", "--format", "json", env=env).failed(code)
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(said.stdout)["findings"]:
        found.setdefault(finding["check"], [])
        if finding["level"] != "ok":
            found[finding["check"]].append(finding)
    return found


@pytest.fixture
def listening() -> Iterator[int]:
    """A port of 127.0.0.1 on which this very process listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_port_of_another_stack_stops_the_up_before_anything_is_made(make_project: ProjectMaker) -> None:
    port = free_port()
    other, project = make_project(), make_project()
    other.write(f"services: {{web: {SLEEPER}, ports: ['127.0.0.1:{port}:80']}}}}")
    other.up()
    project.write(f"services: {{db: {SLEEPER}}}, web: {SLEEPER}, ports: ['{port}:80']}}}}")
    refused = project.run("up", "-d").failed(1)

    words = f'host port {port} is held by container "{other.name}-web-1" of stack "{other.name}"'
    assert words in refused.stderr
    assert "app.yml:1" in refused.stderr
    assert [] == refused.mutations
    assert project.census.empty
    (finding,) = findings(project, code=1)["ports"]
    assert words in finding["text"]
    assert f"stack down -p {other.name}" in finding["hint"]
    assert words in project.run("plan").stdout + project.run("plan").stderr

    other.down()
    project.up()
    assert project.up().mutations == []


def test_a_port_that_a_process_listens_on_is_found_with_the_process(project: Project, listening: int) -> None:
    project.write(f"services: {{web: {SLEEPER}, ports: ['{listening}:80']}}}}")
    refused = project.run("up", "-d").failed(1)
    assert f"host port {listening} is held by process {os.getpid()} (" in refused.stderr
    assert [] == refused.mutations


def test_the_same_port_on_another_address_is_free(project: Project, listening: int) -> None:
    project.write(f"services: {{web: {SLEEPER}, ports: ['127.0.0.2:{listening}:80']}}}}")
    project.up()
    assert ["web-1"] == project.running()


def test_a_missing_bind_source_stops_the_up_before_anything_is_made(
    each_engine: Engine, make_project: ProjectMaker
) -> None:
    project = make_project(on=each_engine)
    project.write(
        f"services: {{web: {SLEEPER}, volumes: [{{type: bind, source: ./absent, target: /x, "
        "bind: {create_host_path: false}}]}}"
    )
    refused = project.run("up", "-d").failed(1)
    assert "absent does not exist" in refused.stderr
    assert [] == refused.mutations
    assert "absent does not exist" in findings(project, code=1)["binds"][0]["text"]
    (project.folder / "absent").mkdir()
    project.up()


def test_a_healthy_stack_gets_a_clean_bill(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    project.write(f"services: {{web: {SLEEPER}, mem_limit: 32m}}}}")
    found = findings(project)
    assert {"file", "engine", "disk", "clock", "limits", "networks", "ports", "binds", "images"} == set(found)
    assert [] == [one for check, some in found.items() if check != "disk" for one in some]
    version = each_engine.api.get("/version")["Version"]
    assert f"version {version} at unix://" in project.run("doctor").ok().stdout
    assert [] == project.run("doctor").mutations


def test_an_image_that_its_registry_does_not_have_is_an_error(project: Project, registry: Registry) -> None:
    reference = f"{registry.address}/{project.name}/there:1"
    project.docker("tag", "busybox:stable", reference).ok()
    project.docker("push", reference).ok()
    project.docker("rmi", reference).ok()
    project.write(
        f"services: {{a: {{image: '{registry.address}/{project.name}/absent:1'}}, b: {{image: '{reference}'}}}}"
    )
    (finding,) = findings(project, code=1)["images"]
    assert f"{project.name}/absent:1" in finding["text"]
    assert finding["hint"]
    assert not project.engine.image(reference)


def test_a_secret_that_others_can_read_is_a_warning(project: Project) -> None:
    project.write("hush", "token").chmod(0o644)
    project.write(f"services: {{web: {SLEEPER}, secrets: [token]}}}}\nsecrets: {{token: {{file: ./token}}}}\n")
    (finding,) = findings(project)["secrets"]
    assert f"chmod 600 {project.folder}/token" == finding["hint"]
    (project.folder / "token").chmod(0o600)
    assert [] == findings(project)["secrets"]


def test_a_stack_of_the_same_name_from_elsewhere_is_noticed(project: Project) -> None:
    project.write(f"services: {{web: {SLEEPER}}}}}")
    project.write(f"services: {{web: {SLEEPER}}}}}", "elsewhere/app.yml")
    project.run("up", "-d", file="elsewhere/app.yml").ok()
    (finding,) = findings(project)["names"]
    assert "/elsewhere" in finding["text"]


def test_an_engine_that_does_not_answer_is_a_finding_and_so_is_a_broken_file(project: Project) -> None:
    project.write(f"services: {{web: {SLEEPER}}}}}")
    said = project.run("doctor", "-H", "unix:///nowhere.sock").failed(1)
    assert "error    engine    cannot reach the Docker engine at unix:///nowhere.sock" in said.stdout
    assert "->" in said.stdout
    project.write("services: {web: {imagge: x}}")
    assert "imagge" in findings(project, code=1)["file"][0]["text"]
