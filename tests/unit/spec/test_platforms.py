"""The default platform of the environment: what services are built and run for, and which file it does not fit."""

from __future__ import annotations

import pytest

from orchestrator.errors import StackError
from orchestrator.model.container import Container
from orchestrator.model.stack import Build, Service, Stack
from orchestrator.spec import platforms


def of(own: str, *built: str) -> Stack:
    build = Build(context="/x", platforms=built)
    return Stack(name="shop", services={"web": Service(name="web", container=Container(platform=own), build=build)})


def test_a_service_without_a_platform_gets_the_default_one() -> None:
    web = platforms.settled(of(""), "linux/arm64").services["web"]
    assert web.build is not None
    assert (("linux/arm64",), "linux/arm64") == (web.build.platforms, web.container.platform)


def test_its_own_platform_wins_and_is_what_is_built() -> None:
    web = platforms.settled(of("linux/386"), "linux/arm64").services["web"]
    assert web.build is not None
    assert (("linux/386",), "linux/386") == (web.build.platforms, web.container.platform)


def test_several_platforms_are_all_built_where_the_default_is_one_of_them() -> None:
    web = platforms.settled(of("", "linux/amd64", "linux/arm64"), "linux/arm64").services["web"]
    assert web.build is not None
    assert (("linux/amd64", "linux/arm64"), "linux/arm64") == (web.build.platforms, web.container.platform)


def test_a_default_that_is_not_built_is_refused() -> None:
    said = 'service "web" build.platforms does not support value set by DOCKER_DEFAULT_PLATFORM: windows/amd64'
    with pytest.raises(StackError, match=said) as refused:
        platforms.settled(of("", "linux/amd64"), "windows/amd64")
    assert refused.value.exit_code == 1


def test_without_a_default_nothing_changes() -> None:
    assert of("", "linux/amd64") == platforms.settled(of("", "linux/amd64"), "")
