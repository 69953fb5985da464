"""The plan of a commit that is no head: what the daemon answers, and that it changes nothing by that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import NotFound, StackError
from tests.conftest import free_port
from tests.support import daemons
from tests.support.daemons import Running
from tests.support.gitrepos import Repo
from tests.support.waiting import eventually

APP = "services:\n  db: {{image: db:1}}\n  web: {{image: web:{version}, depends_on: [db]}}\n"
HOST = """
sources:
  infra:
    url: ./repo
    interval: 1h
    prune: true
    variables: {{DOMAIN: example.org, GIVEN: k4n4ry-7f3a99c2e1}}
    {more}
"""
CANARY = "k4n4ry-7f3a99c2e1"


def made(folder: Path, *stacks: str) -> Repo:
    repo = Repo(folder / "repo")
    for name in stacks:
        repo.write(f"stacks/{name}/app.yml", APP.format(version=1))
    repo.commit()
    return repo


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of the host that most tests ask: what they ask for changes nothing, so that they may share it."""
    place = tmp_path_factory.mktemp("proposal")
    with pytest.MonkeyPatch.context() as patches:
        patches.setenv("STACK_LOCK_DIR", str(place / "locks"))
        (place / "host.yml").write_text("stacks: {mine: own.yml}\n" + HOST.format(more=""))
        (place / "own.yml").write_text(APP.format(version=1))
        yield place


@pytest.fixture(scope="module")
def repo(folder: Path) -> Repo:
    return made(folder, "shop", "wiki", "blog", "same")


@pytest.fixture(scope="module")
def host(repo: Repo, folder: Path) -> Iterator[Running]:
    with daemons.running(folder, free_port()) as found:
        for name in ("shop", "wiki", "blog", "same", "mine"):
            found.settles(name)
        yield found


@contextmanager
def other_host(folder: Path, settings: str) -> Iterator[Running]:
    (folder / "host.yml").write_text(f"sources: {{infra: {{url: ./repo, interval: 1h, {settings}}}}}\n")
    with pytest.MonkeyPatch.context() as patches, daemons.running(folder, free_port()) as found:
        patches.setenv("STACK_LOCK_DIR", str(folder / "locks"))
        eventually(found.client.sources, what="the source is followed")
        yield found


def on_branch(repo: Repo, **files: str | None) -> str:
    """A branch ``change`` with these specs of stacks (None: without the stack); its commit."""
    repo.git("checkout", "--quiet", "-B", "change", "main")
    for name, text in files.items():
        if text is None:
            shutil.rmtree(repo.folder / "stacks" / name)
        else:
            repo.write(f"stacks/{name}/app.yml", text)
    commit = repo.commit()
    repo.git("checkout", "--quiet", "main")
    return commit


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in found["stacks"]}


def states(found: dict[str, Any]) -> dict[str, str]:
    return {name: one["state"] for name, one in by_name(found).items()}


def remembered(folder: Path) -> dict[str, bytes]:
    """Every file that is there because of the repository, but for git's own objects and what says how deep they go."""
    place = folder / "state" / "git"
    kept = [path for path in place.rglob("*") if path.is_file() and "/objects/" not in str(path)]
    return {str(path.relative_to(place)): path.read_bytes() for path in kept if path.name != "shallow"}


def folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("state/git/*/*") if path.is_dir()) + sorted(
        path.name for path in folder.glob("state/git/*/checkouts/*")
    )


def test_each_stack_of_a_branch_is_told_as_it_would_become(host: Running, repo: Repo) -> None:
    commit = on_branch(
        repo,
        shop=APP.format(version=2),
        wiki=None,
        blog="services:\n  web: {imag: x}\n",
        more=APP.format(version=1),
        evil="services:\n  web: {image: 'x:1', privileged: true}\n",
    )
    found = host.client.plan_source("infra", "change")

    assert ("infra", "change", commit, True, False) == tuple(
        found[key] for key in ("source", "ref", "commit", "changes", "ok")
    )
    expected = {"shop": "changed", "wiki": "removed", "blog": "invalid", "more": "new", "same": "unchanged"}
    assert expected | {"evil": "refused"} == states(found)
    assert {"new": 1, "changed": 1, "unchanged": 1, "removed": 1, "invalid": 1, "refused": 1} == found["summary"]


def test_what_is_wrong_is_told_with_the_file_in_the_repository_its_line_and_what_to_do(
    host: Running, repo: Repo
) -> None:
    on_branch(
        repo,
        blog="services:\n  web: {imag: x}\n",
        evil="services:\n  web:\n    image: x:1\n    privileged: true\n",
    )
    found = by_name(host.client.plan_source("infra", "change"))

    (invalid,), (refused,) = found["blog"]["problems"], found["evil"]["problems"]
    assert ("stacks/blog/app.yml", 2, "did you mean `image`?") == (
        invalid["where"]["file"],
        invalid["where"]["line"],
        invalid["hint"],
    )
    assert ("stacks/evil/app.yml", 4, "policy-privileged") == (
        refused["where"]["file"],
        refused["where"]["line"],
        refused["reference"],
    )


def test_a_change_behind_an_image_that_is_not_here_is_told(host: Running, repo: Repo) -> None:
    on_branch(repo, shop=APP.format(version=2))
    plan = by_name(host.client.plan_source("infra", "change"))["shop"]["plan"]

    assert {"pull": 1, "replace": 1} == plan["summary"]
    differences = [one for step in plan["steps"] for one in step["differences"]]
    assert {("image", "web:1", "web:2")} == {(one["path"], one["before"], one["after"]) for one in differences}


def test_it_changes_nothing_and_leaves_nothing(host: Running, repo: Repo, folder: Path) -> None:
    before, there, shown = remembered(folder), folders(folder), host.client.sources()
    done = len(host.engine.engine.executed)
    on_branch(repo, shop=APP.format(version=2), wiki=None, blog="services: [")
    repo.git("tag", "v1", "change")
    for ref in ("change", "v1", repo.git("rev-parse", "change"), ""):
        host.client.plan_source("infra", ref)

    assert before == remembered(folder)
    assert there == folders(folder)
    assert shown == host.client.sources()
    assert done == len(host.engine.engine.executed)


def test_the_same_is_told_in_the_same_bytes(host: Running, repo: Repo) -> None:
    on_branch(repo, shop=APP.format(version=2), wiki=None, blog="services: [")

    first, second = (host.client.plan_source("infra", "change") for _ in range(2))
    assert json.dumps(first) == json.dumps(second)


ROUTES = {  # ways out for a value of the host, by stack
    "shop": "services: {web: {image: 'x:1', labels: {a: '${GIVEN}'}}}",
    "image": "services: {web: {image: 'x:${GIVEN}'}}",
    "wiki": "services: {web: {image: 'x:1', command: ['echo', '<${GIVEN}>', '${GIVEN}']}}",
    "network": "services: {web: {image: 'x:1', networks: [n]}}\nnetworks: {n: {name: 'n-${GIVEN}'}}",
    "container": "services: {web: {image: 'x:1', container_name: 'c-${GIVEN}'}}",
    "port": "services: {web: {image: 'x:1', ports: ['${GIVEN}']}}",
    "needed": "services: {web: {image: 'x:1', labels: {a: '${MISSING:?${GIVEN}}'}}}",
    "duration": "services: {web: {image: 'x:1', stop_grace_period: '${GIVEN}'}}",
    "include": "include: ['${GIVEN}.yml']\nservices: {web: {image: 'x:1'}}",
    "file": "services: {web: {image: 'x:1', env_file: '${GIVEN}.env'}}",
    "bind": "services: {web: {image: 'x:1', volumes: ['/srv/${GIVEN}:/x']}}",
    "blog": "services: {web: {image: 'x:1', extra_hosts: ['${GIVEN}:1']}}",
    "same": "services: {web: {image: 'x:1', hostname: '${GIVEN}', domainname: '${GIVEN}', user: '${GIVEN}'}}",
}


def test_no_value_of_the_host_gets_out(host: Running, repo: Repo) -> None:
    """What a stranger's branch puts anywhere is not to be read in the plan of it."""
    on_branch(repo, **ROUTES)
    told = {name: json.dumps(one) for name, one in by_name(host.client.plan_source("infra", "change")).items()}

    for way in ROUTES:
        assert "***" in told[way], f"{way} shows nothing of it"
        assert CANARY not in told[way].lower(), way
        assert CANARY[:8] not in told[way].lower(), way
        assert CANARY[-8:] not in told[way].lower(), way


def test_what_a_branch_no_longer_has_of_the_host_is_hidden_as_well(tmp_path: Path) -> None:
    repo = made(tmp_path)
    repo.write("stacks/shop/app.yml", "services: {web: {image: 'web:1', labels: {a: '${GIVEN}'}}}")
    repo.commit()
    with other_host(tmp_path, f"variables: {{GIVEN: {CANARY}}}") as host:
        host.settles("shop")
        assert CANARY in str(host.engine.engine.world)
        on_branch(repo, shop="services: {web: {image: 'web:1', labels: {a: other}}}")
        found = host.client.plan_source("infra", "change")

    assert "***" in json.dumps(by_name(found)["shop"]["plan"])
    assert CANARY not in json.dumps(found)


def test_an_unsigned_commit_is_refused_and_not_read(tmp_path: Path) -> None:
    made(tmp_path, "shop")
    (tmp_path / "signers").mkdir()
    with other_host(tmp_path, "verify: commit, keys: signers") as host:
        found = host.client.plan_source("infra", "main")

    assert (["signature-refused"], [], False) == (
        [one["reference"] for one in found["problems"]],
        found["stacks"],
        found["ok"],
    )


def test_a_branch_without_stacks_is_not_told_as_one_that_removes_all(host: Running, repo: Repo) -> None:
    on_branch(repo, shop=None, wiki=None, blog=None, same=None)
    found = host.client.plan_source("infra", "change")

    assert (["source-empty"], []) == ([one["reference"] for one in found["problems"]], found["stacks"])


def test_without_prune_what_is_gone_would_go_on(tmp_path: Path) -> None:
    repo = made(tmp_path, "shop", "wiki")
    with other_host(tmp_path, "prune: false") as host:
        host.settles("wiki")
        on_branch(repo, wiki=None)
        found = host.client.plan_source("infra", "change")

    assert "left" == states(found)["wiki"]
    assert (False, True) == (found["changes"], found["ok"])


def test_a_name_that_something_else_has_is_told(host: Running, repo: Repo) -> None:
    on_branch(repo, mine=APP.format(version=1))
    found = host.client.plan_source("infra", "change")

    assert "claimed" == states(found)["mine"]
    assert "the host file" in by_name(found)["mine"]["reason"]


def test_a_token_to_read_is_enough_and_none_is_not(host: Running, repo: Repo) -> None:
    on_branch(repo, shop=APP.format(version=2))
    path = "/v1/sources/infra/plan?ref=change"

    assert 401 == host.ask(path).status
    token = host.token("reader", "read")
    assert 200 == host.ask(path, token=token).status
    comment = host.ask(f"{path}&format=markdown", token=token)
    assert ("text/markdown; charset=utf-8", b"<!-- stack-plan: infra -->") == (
        comment.headers["content-type"],
        comment.body.splitlines()[0],
    )
    assert 400 == host.ask(f"{path}&format=other", token=token).status


def test_what_is_not_there_is_said(host: Running) -> None:
    with pytest.raises(NotFound, match="no source"):
        host.client.plan_source("other", "main")
    with pytest.raises(StackError, match="has no nothing"):
        host.client.plan_source("infra", "nothing")
