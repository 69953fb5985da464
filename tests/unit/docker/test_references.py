"""Image references have one full form, whatever people write."""

from __future__ import annotations

import pytest

from orchestrator.engines.docker import references
from orchestrator.errors import EngineError

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("written", "full", "familiar"),
    [
        ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("nginx:1.27-alpine", "docker.io/library/nginx:1.27-alpine", "nginx:1.27-alpine"),
        ("user/app", "docker.io/user/app:latest", "user/app:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("index.docker.io/library/redis", "docker.io/library/redis:latest", "redis:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:1"),
        ("[::1]:5000/app:1", "[::1]:5000/app:1", "[::1]:5000/app:1"),
        ("ghcr.io/a/b/c__d-e:v1", "ghcr.io/a/b/c__d-e:v1", "ghcr.io/a/b/c__d-e:v1"),
        (f"nginx@{DIGEST}", f"docker.io/library/nginx@{DIGEST}", f"nginx@{DIGEST}"),
        (f"nginx:1@{DIGEST}", f"docker.io/library/nginx:1@{DIGEST}", f"nginx:1@{DIGEST}"),
    ],
)
def test_every_way_of_writing_has_one_full_and_one_short_form(written: str, full: str, familiar: str) -> None:
    reference = references.normalize(written)

    assert full == str(reference)
    assert familiar == reference.familiar
    assert reference == references.normalize(full) == references.normalize(familiar)


def test_a_pull_asks_for_the_digest_where_there_is_one() -> None:
    reference = references.normalize(f"ghcr.io/a/b:1@{DIGEST}")

    assert ("ghcr.io/a/b", DIGEST) == (reference.name, reference.version)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":1", "Nginx", "nginx:", "a b", "-a", "a-", "a..b", "a___b", "a//b", "/a", "a/../b", "x:.t"),
        *("x:" + "t" * 129, "x@sha256:12", "x@", "x@sha256:" + "Z" * 64, "https://x/y", "x\n", "ü", "x:é"),
    ],
)
def test_what_no_registry_takes_is_refused(text: str) -> None:
    with pytest.raises(EngineError, match="is not an image reference"):
        references.normalize(text)


def test_an_empty_variable_behind_the_colon_is_guessed() -> None:
    with pytest.raises(EngineError) as caught:
        references.normalize("nginx:")

    assert "a variable may be empty" in caught.value.hint


def test_names_are_compared_by_meaning() -> None:
    assert references.same("nginx", "docker.io/library/nginx:latest")
    assert not references.same("nginx:1", "nginx:2")


def test_an_image_id_is_no_reference() -> None:
    assert references.is_image_id(DIGEST)
    assert not references.is_image_id("sha256:abc")
    assert not references.is_image_id("nginx")
