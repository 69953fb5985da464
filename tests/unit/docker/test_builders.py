"""A build wish becomes one buildx command or one call of the engine's own builder; nothing of it is lost on the way."""

from __future__ import annotations

import base64
import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from orchestrator.engines.docker import build, build_context, buildx, classic_build
from orchestrator.engines.docker.build_request import BuildRequest
from orchestrator.engines.docker.buildkit_progress import BuildkitProgress
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.endpoint import parse_host
from orchestrator.errors import EngineError
from orchestrator.model.stack import Build, BuildSecret
from orchestrator.model.values import Ulimit

ENDPOINT = parse_host("unix:///run/x.sock")

FULL = Build(
    context="/srv/app",
    dockerfile="docker/Dockerfile",
    additional_contexts={"base": "docker-image://alpine"},
    args={"TOKEN": "hunter2", "PATH": "/odd", "INHERITED": None, "UNSET": None},
    target="final",
    labels={"one": "1"},
    tags=("app:extra",),
    cache_from=("app:cache",),
    cache_to=("type=inline",),
    no_cache=True,
    no_cache_filter=("a", "b"),
    pull=True,
    network="host",
    extra_hosts=("db=10.0.0.1", "six=[::1]"),
    platforms=("linux/amd64", "linux/arm64"),
    secrets=(BuildSecret(id="f", source="/srv/a,b"), BuildSecret(id="e", environment="INHERITED")),
    ssh=("default",),
    entitlements=("network.host",),
    privileged=True,
    provenance="mode=max",
    sbom="true",
    shm_size=1024,
    ulimits={"nofile": Ulimit(1, 2)},
)


def command(wish: Build, **environment: str) -> buildx.Command:
    request = BuildRequest(reference="app:1", build=wish, labels={"ours": "2"})
    return buildx.compose("/plugin", request, {"HOME": "/root", **environment}, ENDPOINT, {})


def test_an_image_of_one_platform_goes_to_the_engine_and_one_of_several_stays_with_its_builder() -> None:
    one = command(Build(context="/x", platforms=("linux/amd64",))).arguments
    several = command(Build(context="/x", platforms=("linux/amd64", "linux/arm64"))).arguments
    assert "--load" in one
    assert "--load" not in several


def test_every_option_reaches_buildx() -> None:
    got = command(FULL, INHERITED="v").arguments

    assert ["/plugin", "build", "--progress=rawjson"] == got[:3]
    assert ["--", "/srv/app"] == got[-2:]
    expected = {
        *("--tag=app:1", "--tag=app:extra", "--label=one=1", "--label=ours=2"),
        *("--build-arg=TOKEN", "--build-arg=PATH=/odd", "--build-arg=INHERITED"),
        *('--secret=id=f,"src=/srv/a,b"', "--secret=id=e,env=INHERITED"),
        *("--target=final", "--network=host", "--platform=linux/amd64,linux/arm64", "--no-cache-filter=a,b"),
        *("--provenance=mode=max", "--sbom=true", "--shm-size=1024", "--no-cache", "--pull"),
        *("--cache-from=app:cache", "--cache-to=type=inline", "--add-host=db:10.0.0.1", "--add-host=six:::1"),
        *("--ulimit=nofile=1:2", "--allow=network.host", "--allow=security.insecure", "--ssh=default"),
        *("--build-context=base=docker-image://alpine", "--file", "/srv/app/docker/Dockerfile"),
    }
    assert expected == set(got[3:-2])


def test_values_that_may_be_secret_are_in_nobodys_sight() -> None:
    """Arguments are visible to every user of the machine, reprs land in logs."""
    got = command(FULL, INHERITED="v")

    assert "hunter2" not in " ".join(got.arguments)
    assert "hunter2" not in repr(got)
    assert "hunter2" == got.environment["TOKEN"]


def test_build_arguments_cannot_steer_the_program() -> None:
    wish = Build(
        context="/x", args={"DOCKER_HOST": "tcp://evil", "https_proxy": "p", "LD_PRELOAD": "l", "PATH": "/odd"}
    )

    got = command(wish, PATH="/usr/bin").environment

    assert ("unix:///run/x.sock", "/usr/bin") == (got["DOCKER_HOST"], got["PATH"])
    assert not {"https_proxy", "LD_PRELOAD"} & set(got)


def test_buildx_talks_to_our_engine_whatever_the_environment_says() -> None:
    got = command(Build(context="/x"), DOCKER_HOST="tcp://other", DOCKER_CONTEXT="other").environment

    assert "unix:///run/x.sock" == got["DOCKER_HOST"]
    assert "DOCKER_CONTEXT" not in got


def test_an_inline_dockerfile_goes_in_by_standard_input() -> None:
    got = command(Build(context="/x", dockerfile_inline="FROM a\n"))

    assert ["--file", "-", "--", "/x"] == got.arguments[-4:]
    assert b"FROM a\n" == got.stdin


def test_a_secret_without_a_value_is_named() -> None:
    with pytest.raises(EngineError, match="'MISSING' is not set"):
        command(Build(context="/x", secrets=(BuildSecret(id="s", environment="MISSING"),)))


def test_the_plugin_is_found_where_docker_looks_for_it(tmp_path: Path) -> None:
    plugin = tmp_path / "cli-plugins" / "docker-buildx"
    plugin.parent.mkdir()
    plugin.touch(0o755)

    environment = {"DOCKER_CONFIG": str(tmp_path)}
    assert str(plugin) == buildx.find(environment)
    assert str(plugin) == build.chosen_plugin(environment)
    assert "" == build.chosen_plugin({**environment, "DOCKER_BUILDKIT": "0"})


BEYOND_CLASSIC = {
    "additional_contexts": "additional_contexts",
    "cache_to": "cache_to",
    "no_cache_filter": "no_cache_filter",
    "platforms": "multi-arch build",
    "secrets": "secrets",
    "ssh": "SSH keys",
    "entitlements": "entitlements",
    "privileged": "privileged mode",
    "provenance": "provenance",
    "sbom": "sbom",
}


@pytest.mark.parametrize("name", sorted(BEYOND_CLASSIC))
def test_what_the_engines_own_builder_cannot_do_is_refused_by_name(name: str) -> None:
    wish = Build(**{"context": "/x", name: getattr(FULL, name)})

    with pytest.raises(
        EngineError, match=f"the classic builder doesn't support {BEYOND_CLASSIC[name]}, set DOCKER_BUILDKIT=1"
    ):
        classic_build.refuse_what_is_beyond(BuildRequest(reference="x", build=wish))


def test_every_field_of_a_build_is_either_sent_to_the_engines_own_builder_or_refused() -> None:
    client = Client(ENDPOINT, {"HOME": "/nonexistent"})
    plain = classic_build.query(
        client, BuildRequest(reference="x", build=Build(context="https://x/y.git")), "Dockerfile"
    )

    def changes_something(name: str) -> bool:
        value = "hyperv" if name == "isolation" else getattr(FULL, name)
        wish = Build(**{"context": "https://x/y.git", name: value})
        changed = classic_build.query(client, BuildRequest(reference="x", build=wish), "Dockerfile")
        return changed != plain

    # The context is the body or `remote`; the Dockerfile is a parameter of its own; the version comes as a label.
    sent_otherwise = {"context", "dockerfile", "dockerfile_inline", "version"}
    unsent = {field.name for field in fields(Build)} - sent_otherwise - BEYOND_CLASSIC.keys()
    assert set() == {name for name in unsent if not changes_something(name)}


def test_the_engines_own_builder_gets_the_proxies_of_the_configuration_below_the_files_arguments(
    tmp_path: Path,
) -> None:
    (tmp_path / "config.json").write_text('{"proxies": {"default": {"httpProxy": "p", "noProxy": "n"}}}')
    client = Client(ENDPOINT, {"DOCKER_CONFIG": str(tmp_path)})
    wish = BuildRequest(reference="x", build=Build(context="/x", args={"NO_PROXY": "mine"}))

    sent = json.loads(str(classic_build.query(client, wish, "Dockerfile")["buildargs"]))

    assert {"HTTP_PROXY": "p", "http_proxy": "p", "NO_PROXY": "mine", "no_proxy": "n"} == sent


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    for name in ("Dockerfile", "kept", "dir/kept", "dir/secret", "node_modules/x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / ".dockerignore").write_text("\ufeff# comment\n\nnode_modules\ndir/*\n!dir/kept\nDockerfile\n")
    os.symlink("/etc/passwd", folder / "link")
    os.mkfifo(folder / "pipe")
    return folder


def packed(folder: Path, dockerfile: build_context.Dockerfile) -> dict[str, tarfile.TarInfo]:
    data = b"".join(build_context.pack(str(folder), dockerfile))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: member for member in archive.getmembers()}


def test_a_context_honours_dockerignore_and_follows_no_link(context: Path) -> None:
    """The Dockerfile and .dockerignore are always sent: the engine needs them, and removes them again itself."""
    members = packed(context, build_context.Dockerfile("Dockerfile"))

    assert {"Dockerfile", ".dockerignore", "kept", "dir", "dir/kept", "link"} == set(members)
    assert members["link"].issym()
    assert {(0, 0)} == {(member.uid, member.gid) for member in members.values()}


def test_a_dockerfile_in_a_folder_that_is_left_out_is_sent_with_whatever_is_an_exception(tmp_path: Path) -> None:
    for name in ("left/Dockerfile", "left/deep/kept", "left/out", "more/kept", "other"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".dockerignore").write_bytes(b"left\nmore\n\xff\n")
    dockerfile = build_context.Dockerfile("left/Dockerfile")
    assert {".dockerignore", "left/Dockerfile", "other"} == set(packed(tmp_path, dockerfile))

    (tmp_path / ".dockerignore").write_text("left\nmore\n!**/kept\n")
    assert {".dockerignore", "left/Dockerfile", "left/deep/kept", "more/kept", "other"} == set(
        packed(tmp_path, dockerfile)
    )


def test_the_ignore_file_beside_a_dockerfile_counts_before_the_contexts(context: Path) -> None:
    (context / "dir/kept.dockerignore").write_text("dir/secret\n*.dockerignore\n")
    wish = Build(context=str(context), dockerfile="dir/kept")
    members = packed(context, build_context.dockerfile_for_engine(wish))

    assert {"Dockerfile", ".dockerignore", "kept", "dir/kept", "node_modules/x"} <= set(members)
    assert "dir/secret" not in members
    assert "node_modules" not in packed(context, build_context.dockerfile_for_engine(Build(context=str(context))))


def test_an_ignore_file_with_many_wildcards_takes_nobody_up(context: Path) -> None:
    (context / ("a" * 200)).write_text("")
    (context / ".dockerignore").write_text("*a" * 30 + "b")
    assert "a" * 200 in packed(context, build_context.Dockerfile("Dockerfile"))


def test_a_dockerfile_from_outside_is_sent_along_and_hidden_from_copy(context: Path) -> None:
    (context.parent / "Other").write_text("FROM a")
    dockerfile = build_context.dockerfile_for_engine(Build(context=str(context), dockerfile="../Other"))
    data = b"".join(build_context.pack(str(context), dockerfile))

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        ignored = archive.extractfile(".dockerignore")
        sent = archive.extractfile(dockerfile.name)
        assert ignored is not None
        assert sent is not None
        assert dockerfile.name in ignored.read().decode().splitlines()
        assert b"FROM a" == sent.read()


def test_a_dockerfile_inside_is_named_relative_to_the_context(context: Path) -> None:
    wish = Build(context=str(context), dockerfile=str(context / "dir/kept"))

    assert "dir/kept" == build_context.dockerfile_for_engine(wish).name
    assert build_context.dockerfile_for_engine(wish).content is None


def test_a_missing_context_or_dockerfile_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="the build context is no folder"):
        build_context.check(Build(context=str(tmp_path / "nowhere")))
    with pytest.raises(EngineError, match="there is no Dockerfile"):
        build_context.check(Build(context=str(tmp_path)))
    build_context.check(Build(context=str(tmp_path), dockerfile_inline="FROM a"))
    build_context.check(Build(context="https://example.org/repo.git"))


def told_by(
    *messages: Mapping[str, object] | str,
) -> tuple[BuildkitProgress, list[str], list[tuple[str, str, int, int]]]:
    lines: list[str] = []
    moves: list[tuple[str, str, int, int]] = []
    progress = BuildkitProgress(lines.append, lambda *move: moves.append(move))
    for message in messages:
        progress.feed((message if isinstance(message, str) else json.dumps(message)).encode() + b"\n")
    return progress, lines, moves


def said(text: str) -> dict[str, object]:
    return {"logs": [{"vertex": "v", "data": base64.b64encode(text.encode()).decode()}]}


def test_buildkits_talk_becomes_lines_and_progress() -> None:
    started = {"vertexes": [{"digest": "v", "name": "[1/2] RUN x", "started": "t"}]}
    ended = {"vertexes": [{"digest": "v", "name": "[1/2] RUN x", "started": "t", "completed": "t"}]}
    cached = {"vertexes": [{"digest": "w", "name": "[2/2] COPY", "started": "t", "completed": "t", "cached": True}]}
    moved = {"statuses": [{"id": "layer", "vertex": "v", "current": 5, "total": 9}]}

    _, lines, moves = told_by(started, moved, said("one\ntw"), said("o\nrest"), started, ended, cached, cached)

    assert ["[1/2] RUN x", "one", "two", "rest", "CACHED [2/2] COPY"] == lines
    assert ("[1/2] RUN x", "layer", 5, 9) in moves


def test_the_reason_of_a_failure_is_buildkits_last_word() -> None:
    failure = {"vertexes": [{"digest": "v", "name": "RUN", "error": "exit code: 3"}]}

    progress, lines, _ = told_by(
        said("oops"), failure, "Dockerfile:2", "ERROR: failed to solve: exit code: 3", "{broken"
    )

    assert "failed to solve: exit code: 3" == progress.reason
    assert ["oops", "Dockerfile:2", "{broken"] == lines == progress.last_lines
