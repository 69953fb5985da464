"""Both builders make the image that was asked for, and say why where they cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker import build, images
from orchestrator.engines.docker.client import Client
from orchestrator.errors import EngineError, Interrupted
from orchestrator.model.stack import Build, BuildSecret
from orchestrator.model.values import Ulimit
from tests.support.engines import Engine
from tests.support.projects import unique_name


@pytest.fixture(params=["buildx", "own"])
def client(request: pytest.FixtureRequest, each_engine: Engine, tmp_path: Path) -> Iterator[Client]:
    """A client that builds with BuildKit's program, or with the engine's own builder."""
    environment = each_engine.client_environment(tmp_path / "home")
    if request.param == "own":
        environment["DOCKER_BUILDKIT"] = "0"
    with Client.from_environment(environment) as made:
        yield made


@pytest.fixture
def name(client: Client) -> Iterator[str]:
    made = f"{unique_name('build')}:1"
    yield made
    images.remove(client, made, force=True)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    return folder


def test_an_image_is_built_as_asked(client: Client, name: str, context: Path) -> None:
    (context / "Dockerfile").write_text(
        'FROM busybox:stable AS base\nARG SAID=nothing\nRUN echo "said $SAID"; ulimit -n; grep elsewhere /etc/hosts\n'
        "COPY . /context\nRUN find /context | sort\nFROM base AS never\nRUN false\n"
    )
    (context / "kept").touch()
    (context / "ignored").touch()
    (context / ".dockerignore").write_text("ignored\n")
    wish = Build(
        context=str(context),
        args={"SAID": "hello"},
        target="base",
        labels={"theirs": "1"},
        extra_hosts=("elsewhere=10.1.2.3",),
        ulimits={"nofile": Ulimit(1234, 1234)},
        no_cache=True,
    )
    lines: list[str] = []

    identifier = build.build(
        client, build.BuildRequest(reference=name, build=wish, labels={"ours": "2"}), output=lines.append
    )

    found = images.inspect(client, name)
    assert found is not None
    assert identifier == found["Id"]
    assert {"theirs": "1", "ours": "2"} == found["Config"]["Labels"]
    assert {"said hello", "1234", "10.1.2.3\telsewhere", "/context/kept"} <= set(lines)
    assert "/context/ignored" not in lines


def test_a_second_build_of_the_same_gives_the_same_image(client: Client, name: str, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM busybox:stable\nRUN echo same\n")
    request = build.BuildRequest(reference=name, build=Build(context=str(context)))

    assert build.build(client, request) == build.build(client, request)


def test_a_failing_build_ends_with_its_last_lines(client: Client, name: str, context: Path) -> None:
    wish = Build(context=str(context), dockerfile_inline="FROM busybox:stable\nRUN echo the-last-words; exit 7\n")

    with pytest.raises(EngineError) as caught:
        build.build(client, build.BuildRequest(reference=name, build=wish))

    assert "build-failed" == caught.value.ref
    assert "  | the-last-words" in caught.value.message.splitlines()
    assert "7" in caught.value.message


def test_a_dockerfile_may_lie_outside_its_context(client: Client, name: str, context: Path) -> None:
    (context.parent / "Elsewhere").write_text("FROM busybox:stable\nCOPY . /context\nRUN ls -A /context\n")
    (context / "only").touch()
    lines: list[str] = []

    wish = Build(context=str(context), dockerfile="../Elsewhere", no_cache=True)
    build.build(client, build.BuildRequest(reference=name, build=wish), output=lines.append)

    assert "only" in lines
    assert not [line for line in lines if line == "Elsewhere" or line.startswith(".dockerfile")]


def test_a_build_is_ended_when_cancelled(client: Client, name: str, context: Path) -> None:
    cancel = CancelToken()
    wish = Build(
        context=str(context), dockerfile_inline="FROM busybox:stable\nRUN echo begun; sleep 1000\n", no_cache=True
    )

    def listen(line: str) -> None:
        if line == "begun":
            cancel.set()

    with pytest.raises(Interrupted):
        build.build(client, build.BuildRequest(reference=name, build=wish), output=listen, cancel=cancel)


@pytest.mark.parametrize("client", ["buildx"], indirect=True)
def test_a_secret_reaches_the_step_that_asks_and_not_the_image(client: Client, name: str, context: Path) -> None:
    dockerfile = "FROM busybox:stable\nRUN --mount=type=secret,id=key wc -c /run/secrets/key\n"
    wish = Build(
        context=str(context),
        dockerfile_inline=dockerfile,
        no_cache=True,
        secrets=(BuildSecret(id="key", content=b"12345"),),
    )
    lines: list[str] = []

    build.build(client, build.BuildRequest(reference=name, build=wish), output=lines.append)

    assert "5 /run/secrets/key" in lines
