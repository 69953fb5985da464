"""Going back on real engines: the very images, although tags moved on and images were pruned, and after a kill."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.machine.registry import Registry
from tests.conftest import EngineMaker, ProjectMaker
from tests.support.engines import Engine
from tests.support.faults import Fault, kill_after, kill_before
from tests.support.projects import Project

SPEC = """
    services:
      web:
        image: "{image}"
        command: sleep 1000
        stop_signal: SIGKILL
        environment: {{VERSION: "{version}", API_TOKEN: "{token}"}}
        deploy: {{replicas: 2, update_config: {{monitor: 200ms}}}}
"""


def write(project: Project, version: int, *, image: str = "busybox:stable", token: str = "t0ken-canary") -> None:
    project.write(SPEC.format(image=image, version=version, token=token))


def history(project: Project) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(project.run("history", "--json").ok().stdout)["revisions"]
    return found


def publish(project: Project, reference: str, version: int) -> str:
    """Push another image under the same name, as a release does; its id."""
    made = project.docker("create", "busybox:stable", "true").ok().stdout.strip()
    project.docker("commit", "--change", f"LABEL version={version}", made, reference).ok()
    project.docker("rm", made).ok()
    project.docker("push", reference).ok()
    identifier: str = project.engine.image(reference)["Id"]
    return identifier


def images_of(project: Project) -> set[str]:
    return {container["Image"] for container in project.containers("web")}


def test_the_image_of_before_is_pulled_by_its_digest_although_its_tag_has_moved_on(
    project: Project, registry: Registry
) -> None:
    reference = f"{registry.address}/{project.name}/web:1"
    first = publish(project, reference, 1)
    write(project, 1, image=reference)
    project.up()
    second = publish(project, reference, 2)
    project.up()
    assert images_of(project) == {second}

    kept = history(project)[1]["images"]["web"]
    assert kept["id"] == first
    assert kept["digests"][0].startswith(f"{registry.address}/{project.name}/web@sha256:")
    project.docker("rmi", *_names(project, first)).ok()
    assert not project.engine.image(first)
    said = project.run("rollback").ok()

    assert images_of(project) == {first}
    assert "revision 1 serves again" in said.stderr
    assert project.run("plan", "--detailed-exitcode").failed(2).stdout.count("image") > 0, (
        "the file's tag is what counts"
    )
    project.up()
    assert images_of(project) == {second}
    project.down("--rmi", "all")
    assert not _names(project, second)


def _names(project: Project, image: str) -> list[str]:
    found = project.engine.image(image)
    return [*(found.get("RepoTags") or ()), *(found.get("RepoDigests") or ())] if found else []


def build(project: Project, version: int) -> None:
    project.write(f"FROM busybox:stable\nLABEL version={version}\n", "Dockerfile")
    project.write("""
        services:
          web: {build: ., command: sleep 1000, stop_signal: SIGKILL, deploy: {update_config: {monitor: 200ms}}}
        """)


def test_what_was_built_survives_a_prune_and_where_it_does_not_nothing_is_touched(
    private_engine: EngineMaker, make_project: ProjectMaker
) -> None:
    project = make_project(on=private_engine())
    build(project, 1)
    project.up()
    (first,) = images_of(project)
    build(project, 2)
    project.up("--build")
    (second,) = images_of(project)
    assert first != second
    project.docker("image", "prune", "-f").ok()
    project.run("rollback").ok()
    assert images_of(project) == {first}

    project.docker("image", "prune", "-a", "-f").ok()
    before = project.ids()
    refused = project.run("rollback", "2").failed(1)
    assert f"web: {project.name}-web ({second})" in refused.stderr
    assert refused.mutations == []
    assert project.ids() == before


@pytest.mark.parametrize("fault", [kill_before(1), kill_after(3), kill_before(6), kill_after(8), kill_after(12)])
def test_a_rollback_that_was_killed_is_completed_by_the_same_command(project: Project, fault: Fault) -> None:
    write(project, 1)
    project.up()
    write(project, 2)
    project.up()
    project.run("rollback", fault=fault)
    project.run("rollback", "1").ok()

    assert sorted(project.running()) == ["web-1", "web-2"]
    assert all("VERSION=1" in container["Config"]["Env"] for container in project.containers())
    latest = history(project)[0]
    assert (latest["outcome"], latest["returns_to"], latest["serves"]) == ("applied", 1, True)
    write(project, 1)
    assert project.up().mutations == []


def test_revisions_hold_who_and_what_and_no_secret(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    write(project, 1)
    project.up()
    write(project, 2)
    assert "POST /images" not in " ".join(project.up().mutations), "the image serves on, nothing is to be kept"
    project.up()
    shown = json.loads(project.run("history", "show", "2", "--json").ok().stdout)

    assert [one["revision"] for one in history(project)] == [2, 1]
    assert shown["images"]["web"]["id"] == project.engine.image("busybox:stable")["Id"]
    assert any(step["text"].startswith("create container") and step["outcome"] == "done" for step in shown["steps"])
    files = list((project.home / "state" / "history").iterdir())
    assert files
    assert not any(b"t0ken-canary" in path.read_bytes() for path in files)


def test_the_last_lines_of_a_replaced_container_are_remembered(project: Project) -> None:
    project.write("""
        services:
          web:
            image: busybox:stable
            command: ["sh", "-c", "trap 'echo going down; exit' TERM; echo serving $$V; while :; do sleep 0.1; done"]
            environment: {V: "1"}
            deploy: {update_config: {monitor: 200ms}}
        """)
    project.up()
    text = (project.folder / "app.yml").read_text()
    (project.folder / "app.yml").write_text(text.replace('V: "1"', 'V: "2"'))
    project.up()
    shown = json.loads(project.run("history", "show", "--json").ok().stdout)

    assert shown["last_lines"] == {f"{project.name}-web-1": ["serving 1", "going down"]}


def test_a_failed_rollback_leaves_what_serves(project: Project) -> None:
    """What the revision needs is no longer as it was: nobody is left without a service for it."""
    data = project.folder / "state"
    data.write_text("1")
    project.write(_READS_STATE.format(wants=1))
    project.up()
    project.write(_READS_STATE.format(wants="."))
    data.write_text("2")
    project.up()
    failed = project.run("rollback").failed(1)

    assert "the state is not mine" in failed.stderr
    assert "revision 2 serves" in failed.stderr
    assert project.running() == ["web-1"]
    assert project.up().mutations == []


_READS_STATE = """
    services:
      web:
        image: busybox:stable
        command: ["sh", "-c", "grep -q '{wants}' /state || {{ echo the state is not mine; exit 3; }}; sleep 1000"]
        stop_signal: SIGKILL
        volumes: ["./state:/state"]
        deploy: {{update_config: {{monitor: 1s}}}}
"""
