"""`stack build` and `stack push` with their options, and what a registry then holds."""

from __future__ import annotations

import json
from urllib.request import urlopen

import pytest

from scripts.machine.registry import Registry
from tests.conftest import ProjectMaker, free_port
from tests.support.engines import Engine
from tests.support.projects import Project


@pytest.fixture
def project(make_project: ProjectMaker, engine: Engine) -> Project:
    return make_project(on=engine)


def tags(registry: Registry, name: str) -> list[str]:
    with urlopen(f"http://{registry.address}/v2/{name}/tags/list") as answer:
        return sorted(json.load(answer)["tags"])


def file(registry: Registry, name: str, *, more: str = "") -> str:
    return f"""
        services:
          web:
            image: {registry.address}/{name}/web:1
            build:
              context: .
              dockerfile_inline: "FROM busybox:stable\\nLABEL a=b\\n"
              tags: ["{registry.address}/{name}/web:other"]
          own:
            build: {{context: ., dockerfile_inline: "FROM busybox:stable\\n"}}
          pulled:
            image: busybox:stable
        {more}
    """


def test_what_is_built_and_named_is_pushed_under_all_its_names(project: Project, registry: Registry) -> None:
    project.write(file(registry, project.name))
    project.run("build", "-q").ok()

    said = project.run("push").ok()

    assert ["1", "other"] == tags(registry, f"{project.name}/web")
    assert "own Skipped" in said.stderr
    project.run("push", "-q", "web").ok()


def test_a_build_can_push_at_once(project: Project, registry: Registry) -> None:
    project.write(file(registry, project.name))
    project.run("build", "--push", "--provenance=false").ok()
    assert ["1", "other"] == tags(registry, f"{project.name}/web")


def test_a_push_that_fails_says_why_and_may_be_let_pass(project: Project, registry: Registry) -> None:
    project.write(file(registry, project.name).replace(registry.address, f"127.0.0.1:{free_port()}", 1))
    assert "build it first" in project.run("push").failed().stderr
    project.run("build", "-q").ok()

    failed = project.run("push").failed()
    assert "cannot push" in failed.stderr
    assert "refused" in failed.stderr

    passed = project.run("push", "--ignore-push-failures").ok()
    assert "warning: cannot push" in passed.stderr
    assert ["other"] == tags(registry, f"{project.name}/web")


def test_a_build_from_another_services_image_comes_after_it(make_project: ProjectMaker, newer_engine: Engine) -> None:
    project = make_project(on=newer_engine)
    project.write(
        """
        services:
          app:
            build:
              context: .
              dockerfile_inline: "FROM base\\nRUN cat /said\\n"
              additional_contexts: {base: "service:base"}
          base:
            build: {context: ., dockerfile_inline: "FROM busybox:stable\\nRUN echo hello > /said\\n"}
        """
    )
    project.run("build", "--no-cache", "app").ok()
    assert project.engine.image(f"{project.name}-app")
    assert project.engine.image(f"{project.name}-base")


def test_print_shows_what_bake_can_build(project: Project) -> None:
    project.write(
        """
        services:
          app:
            image: shop/app:1
            depends_on: [base]
            build:
              context: .
              target: last
              args: {A: "1"}
              additional_contexts: {base: "service:base"}
              secrets: [key]
              ulimits: {nofile: 12}
              extra_hosts: ["a:1.2.3.4"]
              shm_size: 64m
          base:
            build: {context: ., dockerfile_inline: "FROM busybox:stable\\n"}
        secrets: {key: {environment: KEY}}
        """
    )
    printed = json.loads(project.run("build", "--print", "--push", "--sbom=true", "app").ok().stdout)

    target = printed["target"]["app"]
    assert {"default": {"targets": ["app"]}} == printed["group"]
    assert {"app", "base"} == set(printed["target"])
    assert {"base": "target:base"} == target["contexts"]
    assert ["id=key,type=env,env=KEY"] == target["secret"]
    assert ["type=image,push=true"] == target["output"]
    assert ["type=sbom"] == target["attest"]
    assert ("67108864", ["nofile=12"], {"a": "1.2.3.4"}) == (
        target["shm-size"],
        target["ulimits"],
        target["extra-hosts"],
    )
    assert "FROM busybox:stable\n" == printed["target"]["base"]["dockerfile-inline"]


def test_check_finds_what_is_wrong_and_builds_nothing(make_project: ProjectMaker, newer_engine: Engine) -> None:
    project = make_project(on=newer_engine)
    project.write("services: {web: {build: .}}")
    project.write("from busybox:stable\nENV A b\n", "Dockerfile")
    assert "LegacyKeyValueFormat" in project.run("build", "--check").failed(1).stdout
    project.write("FROM busybox:stable\nENV A=b\n", "Dockerfile")
    assert "no warnings found" in project.run("build", "--check").ok().stdout
    assert not newer_engine.image(f"{project.name}-web")


def test_memory_limits_the_engines_own_builder_and_is_told_to_be_ignored_by_the_other(project: Project) -> None:
    project.write(
        "services: {web: {build: {context: ., dockerfile_inline: 'FROM busybox:stable\\nRUN cat /sys/fs/cgroup/memory/memory.limit_in_bytes\\n'}}}".replace(
            "'", '"'
        )
    )
    own = project.run("build", "--memory", "64m", "--no-cache", env={"DOCKER_BUILDKIT": "0"}).ok()
    assert "67108864" in own.stderr
    assert "--memory is ignored" in project.run("build", "--memory", "64m").ok().stderr
    assert "is no size" in project.run("build", "--memory", "much").failed(2).stderr


def test_an_unknown_builder_is_an_error(project: Project) -> None:
    project.write("services: {web: {build: {context: ., dockerfile_inline: 'FROM busybox:stable'}}}")
    assert "nobody" in project.run("build", "--builder", "nobody").failed().stderr
