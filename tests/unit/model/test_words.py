"""Small things that everybody shows: sizes, durations, masked text, fingerprints, actions in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.model import fingerprint, humane
from orchestrator.model.actions import CreateContainer, PullImage, RenameContainer
from orchestrator.model.container import Container
from orchestrator.model.describe import describe
from orchestrator.model.masking import is_secret_name, mask
from orchestrator.model.plan import Plan
from tests.support import builders


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (1000, "1000"), (1 << 20, "1m"), (3 << 29, "1536m"), (1 << 40, "1t"), (1025, "1025")]
)
def test_sizes(count: int, text: str) -> None:
    assert text == humane.size(count)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0s"), (90_000_000_000, "1m30s"), (1_500_000_000, "1s500ms"), (1, "1ns"), (-(10**9), "-1s")],
)
def test_durations(nanoseconds: int, text: str) -> None:
    assert text == humane.duration(nanoseconds)


def test_cpus() -> None:
    assert ["0.5", "2", "0.000000001"] == [humane.cpus(n) for n in (500_000_000, 2_000_000_000, 1)]


@pytest.mark.parametrize("name", ["DB_PASSWORD", "api_key", "AUTH_TOKEN", "client-secret", "MYSQL_ROOT_PASS", "PGPWD"])
def test_names_that_tell_a_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["PATH", "LANG", "COMPASS", "LOG_LEVEL", "PORT"])
def test_names_that_tell_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgres://me:hush@db/x", "postgres://***@db/x"),
        ("--password=hush -v", "--password=*** -v"),
        ("run --api-key hush now", "run --api-key *** now"),
        ("nothing to hide", "nothing to hide"),
        ("1 of 11", "1 of 11"),
        ("1", "***"),
        ("it is opensesame!", "it is ***!"),
    ],
)
def test_masking(text: str, masked: str) -> None:
    assert masked == mask(text, {"1", "opensesame"})


def test_a_fingerprint_covers_what_needs_a_new_container_and_nothing_else() -> None:
    stack = builders.stack({"web": {"environment": {"A": "1", "B": "2"}, "memory": "64m", "secrets": {"s": "x"}}})
    web = stack.services["web"]
    mark = fingerprint.of(web, stack)

    def of(**settings: object) -> str:
        return fingerprint.of(replace(web, container=replace(web.container, **settings)), stack)

    assert mark == of(environment={"B": "2", "A": "1"})
    assert mark == of(resources=replace(web.container.resources, memory=1))
    assert mark == of(networks={})
    assert mark == fingerprint.of(replace(web, replicas=5), stack)
    assert mark != of(environment={"A": "1"})
    assert mark != of(image="other")
    assert mark != of(files=())
    assert mark != fingerprint.of(web, stack, "sha256:known")
    assert mark != fingerprint.of(web, replace(stack, key=b"another"))


def test_digests_of_one_key_are_compared_and_of_two_keys_are_not() -> None:
    one, same, other = (fingerprint.digest(b"key", content) for content in (b"a", b"a", b"b"))
    assert fingerprint.same_content(one, same) is True
    assert fingerprint.same_content(one, other) is False
    assert fingerprint.same_content(one, fingerprint.digest(b"new key", b"a")) is None


def test_actions_in_words() -> None:
    from orchestrator.model.actions import ContainerRef

    web = ContainerRef("shop-web-1")
    assert "create container shop-web-1" == describe(CreateContainer(container=web, settings=Container()))
    assert "pull image nginx:1" == describe(PullImage(reference="nginx:1"))
    assert "rename container shop-web-1 to x" == describe(RenameContainer(container=web, new_name="x"))


def test_a_plan_without_steps_is_empty() -> None:
    assert Plan(stack="shop").empty
