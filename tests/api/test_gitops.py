"""A host whose stacks lie in a git repository: what a commit does, what it does not do, and what happens when git is away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.support import daemons
from tests.support.daemons import Running
from tests.support.gitrepos import Repo
from tests.support.waiting import eventually

APP = "services:\n  db: {{image: db:1}}\n  web: {{image: web:{version}, depends_on: [db]}}\n"
HOST = "sources: {infra: {url: ./repo, interval: 1h}}\n"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    for name in ("shop", "wiki"):
        made.write(f"stacks/{name}/app.yml", APP.format(version=1))
    made.commit()
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    (tmp_path / "host.yml").write_text(HOST)
    return tmp_path


@pytest.fixture
def host(repo: Repo, folder: Path) -> Iterator[Running]:
    with daemons.running(folder, free_port()) as found:
        for name in ("shop", "wiki"):
            found.settles(name)
        yield found


def push(host: Running, repo: Repo) -> str:
    commit = repo.commit()
    host.daemon.repositories.poke("infra")
    return commit


def images(host: Running, stack: str) -> set[str]:
    return {c.image for c in host.engine.engine.world.containers if c.name.startswith(f"{stack}-")}


def ids(host: Running, stack: str) -> set[str]:
    return {c.id for c in host.engine.engine.world.containers if c.name.startswith(f"{stack}-")}


def test_a_commit_reaches_the_stack_that_it_is_about_and_no_other(host: Running, repo: Repo) -> None:
    wiki = ids(host, "wiki")
    repo.write("stacks/shop/app.yml", APP.format(version=2))
    push(host, repo)

    eventually(lambda: images(host, "shop") == {"db:1", "web:2"}, what="the new version")
    host.settles("shop")
    assert wiki == ids(host, "wiki")
    assert host.client.plan("wiki")["changes"] is False


def test_a_new_folder_is_a_new_stack(host: Running, repo: Repo) -> None:
    repo.write("stacks/more/app.yml", APP.format(version=1))
    push(host, repo)

    eventually(lambda: images(host, "more") == {"db:1", "web:1"}, what="the new stack")


@pytest.mark.parametrize(
    "text",
    ["services: {web: {imag: x}}", "services: [", "", "services: {}", "services: {web: {image: '${X:?needed}'}}"],
)
def test_a_bad_commit_changes_nothing_and_is_shown(host: Running, repo: Repo, text: str) -> None:
    before = ids(host, "shop")
    repo.write("stacks/shop/app.yml", text)
    push(host, repo)
    host.settles("shop", "invalid")

    assert before == ids(host, "shop")
    repo.write("stacks/shop/app.yml", APP.format(version=3))
    push(host, repo)
    eventually(lambda: images(host, "shop") == {"db:1", "web:3"}, what="the mended version")


def test_a_stack_that_has_gone_goes_on_unless_the_host_says_prune(host: Running, repo: Repo, folder: Path) -> None:
    shutil.rmtree(repo.folder / "stacks/wiki")
    push(host, repo)
    eventually(lambda: [e for e in host.client.events(stack="wiki") if e["event"] == "left"], what="it is said")
    assert {"db:1", "web:1"} == images(host, "wiki")
    (folder / "host.yml").write_text(HOST.replace("interval", "prune: true, interval"))
    host.client.order_host("reload")
    repo.write("a", "a")
    repo.write("stacks/wiki/app.yml", APP.format(version=1))
    push(host, repo)
    host.settles("wiki")
    shutil.rmtree(repo.folder / "stacks/wiki")
    push(host, repo)

    eventually(lambda: not images(host, "wiki"), what="it is taken down")
    assert images(host, "shop")


def test_an_empty_repository_never_means_that_everything_goes(host: Running, repo: Repo, folder: Path) -> None:
    (folder / "host.yml").write_text(HOST.replace("interval", "prune: true, interval"))
    host.client.order_host("reload")
    shutil.rmtree(repo.folder / "stacks")
    push(host, repo)
    eventually(lambda: [e for e in host.client.events() if e["event"] == "source-empty"], what="it is said")

    assert images(host, "shop")
    assert images(host, "wiki")


def test_a_commit_that_removes_most_services_is_held_until_somebody_agrees(
    host: Running, repo: Repo, folder: Path
) -> None:
    (folder / "host.yml").write_text(HOST.replace("interval", "prune: true, interval"))
    host.client.order_host("reload")
    big = "services:\n" + "".join(f"  s{number}: {{image: x:1}}\n" for number in range(6))
    repo.write("stacks/shop/app.yml", big)
    push(host, repo)
    host.settles("shop", "invalid")
    host.client.order("shop", "apply")
    eventually(lambda: images(host, "shop") == {"x:1"}, what="what was agreed to")


def test_while_git_is_away_the_last_good_commit_is_kept_and_boots(repo: Repo, folder: Path) -> None:
    with daemons.running(folder, free_port()) as first:
        eventually(lambda: first.daemon.board.of("shop"), what="shop is discovered")
        first.settles("shop")
        before = ids(first, "shop")
    repo.folder.rename(folder / "away")
    (folder / "stack.sock").unlink(missing_ok=True)
    with daemons.running(folder, free_port()) as second:
        second.settles("shop")
        eventually(lambda: [e for e in second.client.events() if e["event"] == "source-failed"], what="it is said")
        assert before == ids(second, "shop")


def test_mounts_do_not_move_with_commits_that_are_about_something_else(repo: Repo, folder: Path) -> None:
    repo.write("stacks/shop/app.yml", "services: {web: {image: web:1, volumes: ['./www:/www:ro']}}\n")
    repo.write("stacks/shop/www/index.html", "one")
    repo.commit()
    with daemons.running(folder, free_port()) as host:
        host.settles("shop")
        before = ids(host, "shop")
        for number in range(3):
            repo.write("README.md", str(number))
            commit = push(host, repo)[:12]
            eventually(lambda commit=commit: commit in str(host.client.events()), what="the commit is taken")
        host.client.order("shop", "sync")
        host.settles("shop")
        assert before == ids(host, "shop")
        repo.write("stacks/shop/www/index.html", "two")
        push(host, repo)
        eventually(lambda: before != ids(host, "shop"), what="the page's service follows")
