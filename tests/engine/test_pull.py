"""Images come from a real registry, are pulled before anything is touched, and by a mirror under their public names."""

from __future__ import annotations

import yaml

from scripts.machine.registry import Registry
from tests.support.projects import Project


def test_a_missing_image_is_pulled_and_its_bytes_are_told(project: Project, registry: Registry) -> None:
    reference = f"{registry.address}/{project.name}/base:1"
    project.docker("tag", "busybox:stable", reference).ok()
    project.docker("push", reference).ok()
    project.docker("rmi", reference).ok()
    project.write(f'services: {{web: {{image: "{reference}", command: sleep 1000, stop_signal: SIGKILL}}}}')
    result = project.run("--progress", "json", "up", "-d").ok()

    assert project.running() == ["web-1"]
    assert "Pull" in result.stderr
    project.down()
    project.docker("rmi", reference).ok()


def test_an_image_that_nobody_has_is_named_with_who_needs_it(project: Project, registry: Registry) -> None:
    project.write(
        f'services: {{web: {{image: "{registry.address}/{project.name}/absent:1"}}, db: {{image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL}}}}'
    )
    result = project.run("up", "-d").failed(1)

    assert f"{project.name}/absent:1" in result.stderr
    assert "needed by web" in result.stderr
    assert project.running() == ["db-1"]


def test_pull_always_replaces_when_the_tag_has_moved(project: Project, registry: Registry) -> None:
    reference = f"{registry.address}/{project.name}/moving:1"
    project.docker("tag", "busybox:stable", reference).ok()
    project.docker("push", reference).ok()
    project.write(
        f'services: {{web: {{image: "{reference}", command: sleep 1000, stop_signal: SIGKILL, pull_policy: always, deploy: {{update_config: {{monitor: 1s}}}}}}}}'
    )
    project.up()
    before = project.container("web")["Id"]
    assert "POST /containers/create" not in " ".join(project.up().mutations)
    project.docker("commit", before, reference).ok()
    project.docker("push", reference).ok()
    project.docker("tag", "busybox:stable", reference).ok()
    project.up()

    assert project.container("web")["Id"] != before
    project.down()
    project.docker("rmi", reference).ok()


def test_images_are_pinned_to_what_the_registry_has(project: Project, registry: Registry) -> None:
    reference = f"{registry.address}/{project.name}/pinned:1"
    project.docker("tag", "busybox:stable", reference).ok()
    project.docker("push", reference).ok()
    project.write(f'services: {{web: {{image: "{reference}", command: sleep 1000}}}}')
    pinned = project.run("config", "--resolve-image-digests").ok().stdout
    project.run("config", "--lock-image-digests", "-o", "lock.yml").ok()
    digest = project.docker("image", "inspect", "-f", "{{index .RepoDigests 0}}", reference).ok().stdout.strip()

    lock = (project.folder / "lock.yml").read_text()
    assert f"{reference}@{digest.partition('@')[2]}" == yaml.safe_load(pinned)["services"]["web"]["image"]
    assert ("command" in pinned, "command" in lock) == (True, False)
    assert project.run("-f", "app.yml", "-f", "lock.yml", "config").ok().stdout == pinned
    project.write(f'services: {{web: {{image: "{registry.address}/{project.name}/absent:1"}}}}')
    assert "absent:1" in project.run("config", "--resolve-image-digests").failed(1).stderr
    project.docker("rmi", reference).ok()
