"""What a revision remembers: secrets become marks with digests, and come back from where they are now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.controller.revision import (
    Present,
    Restored,
    RevisionUnusable,
    document,
    joined,
    masked_text,
    place,
    restored,
)
from orchestrator.model import fingerprint
from orchestrator.spec import build
from orchestrator.spec.load import Canonical, LoadRequest, load_canonical

KEY = b"k" * 32
SHOP = """
name: shop
services:
  db:
    image: db:1
    environment: {PASSWORD: first-secret, URL: "postgres://me:url-secret@db/x$$y", MODE: fast}
    command: [serve, --password, word-secret, --level, "3"]
    labels: {note: "it costs $$5"}
    ports: ["8080:80"]
    volumes: ["data:/data", "./conf:/conf:ro"]
    healthcheck: {test: "curl -u me:x localhost", interval: 3s}
    deploy: {replicas: 2, resources: {limits: {memory: 64m}}}
  tool: {image: tool, profiles: [debug]}
volumes: {data: {x-stack: {protect: true}}}
networks: {default: {ipam: {driver: default, options: {a: b}, config: [{subnet: 10.9.0.0/24}]}}}
"""


def load(text: str, folder: Path, **environment: str) -> Canonical:
    return load_canonical(LoadRequest(files=("-",), stdin=text, project_directory=str(folder), environment=environment))


def recorded(canonical: Canonical, key: bytes = KEY) -> dict[str, Any]:
    """The document, after its way through a file."""
    stack = build.to_stack(
        canonical.model,
        name=canonical.name,
        working_dir=canonical.working_dir,
        config_files=canonical.config_files,
        disabled=canonical.disabled,
        key=key,
    )
    found: dict[str, Any] = json.loads(json.dumps(document(stack, canonical, key)))
    return found


def back(spec: dict[str, Any], present: Present, key: bytes = KEY) -> Restored:
    return restored(spec, 1, key, present)


def test_the_stack_that_comes_back_is_the_stack_that_was(tmp_path: Path) -> None:
    canonical = load(SHOP, tmp_path)
    before = build.to_stack(
        canonical.model,
        name="shop",
        working_dir=str(tmp_path),
        config_files=("-",),
        disabled=canonical.disabled,
        key=KEY,
    )
    after = back(recorded(canonical), Present(environment={}, canonical=canonical))

    assert () == after.changed
    assert before == after.stack
    assert {"tool"} == after.stack.disabled
    assert recorded(canonical) == json.loads(json.dumps(document(after.stack, after.canonical, KEY)))


def test_no_secret_is_in_it(tmp_path: Path) -> None:
    text = json.dumps(recorded(load(SHOP, tmp_path)))
    for secret in ("first-secret", "url-secret", "word-secret"):
        assert secret not in text
    assert "postgres://***@db/x$y" in text


def test_a_variable_with_a_telling_name_is_secret_wherever_it_went(tmp_path: Path) -> None:
    text = "name: shop\nservices: {web: {image: i, environment: {HARMLESS: 'a ${DB_TOKEN} b'}}}"
    found = recorded(load(text, tmp_path, DB_TOKEN="tok-secret"))
    assert "a *** b" == found["model"]["services"]["web"]["environment"]["HARMLESS"]


def test_lines_of_longer_texts(tmp_path: Path) -> None:
    del tmp_path
    text = "user: me\npassword: one two\n'api_key' = three\nplain: x\n"
    assert "user: me\npassword: ***\n'api_key' = ***\nplain: x\n" == masked_text(text, frozenset())


def test_a_secret_is_found_by_its_digest_wherever_it_is_now(tmp_path: Path) -> None:
    spec = recorded(load(SHOP, tmp_path))
    elsewhere = SHOP.replace("PASSWORD: first-secret", "OTHER: first-secret").replace("  db:", "  database:")
    texts = frozenset(("postgres://me:url-secret@db/x$y", "word-secret", "curl -u me:x localhost"))
    after = back(spec, Present(environment={}, canonical=load(elsewhere, tmp_path), texts=texts))

    assert () == after.changed
    assert "first-secret" == after.stack.services["db"].container.environment["PASSWORD"]


def test_a_changed_secret_is_taken_as_it_is_now(tmp_path: Path) -> None:
    spec = recorded(load(SHOP, tmp_path))
    now = load(SHOP.replace("first-secret", "second-secret").replace("url-secret", "newer"), tmp_path)
    after = back(spec, Present(environment={}, canonical=now))

    assert {
        "services.db.environment.PASSWORD: not what revision 1 had; the present value is used",
        "services.db.environment.URL: not what revision 1 had; the present value is used",
    } == set(after.changed)
    assert "postgres://me:newer@db/x$y" == after.stack.services["db"].container.environment["URL"]


def test_where_more_than_the_secret_differs_the_present_value_is_no_substitute(tmp_path: Path) -> None:
    """Another host in the address is a difference that the rollback is meant to undo."""
    spec = recorded(load(SHOP, tmp_path))
    now = load(SHOP.replace("url-secret@db", "newer@elsewhere"), tmp_path)
    with pytest.raises(RevisionUnusable, match=r"services\.db\.environment\.URL"):
        back(spec, Present(environment={}, canonical=now))


def test_with_another_key_nothing_can_be_compared_and_the_present_values_are_used(tmp_path: Path) -> None:
    canonical = load(SHOP, tmp_path)
    after = back(recorded(canonical), Present(environment={}, canonical=canonical), key=b"other" * 8)
    assert 3 <= len(after.changed)
    assert "first-secret" == after.stack.services["db"].container.environment["PASSWORD"]


def test_digests_are_keyed(tmp_path: Path) -> None:
    canonical = load(SHOP, tmp_path)
    one, other = recorded(canonical), recorded(canonical, key=b"other" * 8)
    assert one["masked"].keys() == other["masked"].keys()
    assert not set(one["masked"].values()) & set(other["masked"].values())
    assert fingerprint.digest(KEY, b"first-secret") == one["masked"]["/services/db/environment/PASSWORD"]


def test_a_partial_run_joins_what_was_with_what_is(tmp_path: Path) -> None:
    first = recorded(
        load("name: shop\nservices: {a: {image: a:1, environment: {TOKEN: t1}}, b: {image: b:1}}", tmp_path)
    )
    text = "name: shop\nservices: {a: {image: a:2, environment: {TOKEN: t2}}, b: {image: b:2}, c: {image: c}}"
    second = recorded(load(text, tmp_path))
    found = joined(second, first, frozenset("b"))

    assert {"a": "a:1", "b": "b:2"} == {name: one["image"] for name, one in found["model"]["services"].items()}
    assert first["masked"] == found["masked"]
    assert ["c"] == found["disabled"], "not applied yet, and no orphan either"
    assert {"a": 1, "b": 1} == found["replicas"]


def test_services_taken_down_without_the_file_are_remembered_as_not_running(tmp_path: Path) -> None:
    first = recorded(load("name: shop\nservices: {a: {image: a:1}, b: {image: b:1}}", tmp_path))
    found = joined({"name": "shop", "replicas": {}}, first, frozenset("b"))
    assert {"a": 1, "b": 0} == found["replicas"]
    assert first["model"] == found["model"]


def test_pointers_are_shown_as_people_write_paths() -> None:
    assert "services.web.command[1]" == place("/services/web/command/1")
