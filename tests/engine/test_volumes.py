"""`stack volumes` lists what the stack keeps."""

from __future__ import annotations

import json

import pytest

from tests.support.projects import Project


@pytest.fixture
def standing(project: Project) -> Project:
    project.write(
        """
        services:
          a: {image: "busybox:stable", command: sleep infinity, stop_signal: SIGKILL, volumes: ["data:/d"]}
          b: {image: "busybox:stable", command: sleep infinity, stop_signal: SIGKILL, volumes: ["extra:/e"]}
        volumes: {data: {labels: {kept: very}}, extra: {}}
        """
    )
    project.up()
    return project


def test_volumes_are_listed_as_docker_does(standing: Project) -> None:
    d, e = f"{standing.name}_data", f"{standing.name}_extra"
    lines = standing.run("volumes").ok().stdout.splitlines()
    assert ["DRIVER    VOLUME NAME", f"local     {d}", f"local     {e}"] == [line.rstrip() for line in lines]
    assert f"{d}\n{e}\n" == standing.run("volumes", "-q").ok().stdout
    assert f"{d}\n" == standing.run("volumes", "-q", "a").ok().stdout
    assert f"{e} local\n" == standing.run("volumes", "--format", "{{.Name}} {{.Driver}}", "b").ok().stdout
    assert "very\n" == standing.run("volumes", "--format", '{{.Label "kept"}}', "a").ok().stdout
    first = json.loads(standing.run("volumes", "--format", "json").ok().stdout.splitlines()[0])
    assert (d, "local", "N/A", "local") == (first["Name"], first["Driver"], first["Size"], first["Scope"])
    assert "no such service" in standing.run("volumes", "c").failed().stderr


def test_the_json_is_composes_own(standing: Project) -> None:
    ours = [json.loads(line) for line in standing.run("volumes", "--format", "json").ok().stdout.splitlines()]
    theirs = [json.loads(line) for line in standing.compose("volumes", "--format", "json").ok().stdout.splitlines()]
    by_name = sorted(theirs, key=lambda one: str(one["Name"]))
    assert [one.keys() for one in by_name] == [one.keys() for one in ours]
    for other, own in zip(by_name, ours, strict=True):
        assert {**other, "Labels": ""} == {**own, "Labels": ""}
        assert set(other["Labels"].split(",")) == set(own["Labels"].split(","))
