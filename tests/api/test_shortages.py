"""A machine that is short of memory for a moment: no good commit is held because of that, and nothing is guessed meanwhile."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.support import daemons
from tests.support.daemons import Running
from tests.support.gitrepos import Repo
from tests.support.shortages import no_memory
from tests.support.waiting import eventually

APP = "services: {{web: {{image: 'web:{version}'}}}}\n"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    (tmp_path / "host.yml").write_text("sources: {infra: {url: ./repo, interval: 1h, prune: true}}\n")
    made = Repo(tmp_path / "repo")
    for name in ("shop", "wiki"):
        made.write(f"stacks/{name}/app.yml", APP.format(version=1))
    made.commit()
    return made


def begun(host: Running) -> Running:
    """The daemon, once it keeps both stacks."""
    for name in ("shop", "wiki"):
        eventually(lambda name=name: host.daemon.board.of(name), what=f"{name} is discovered")
        host.settles(name)
    return host


def images(host: Running) -> dict[str, str]:
    return {c.name.partition("-")[0]: c.image for c in host.engine.engine.world.containers}


def push(host: Running, repo: Repo) -> None:
    repo.commit()
    host.client.order_source("infra", "sync")


def test_a_good_commit_whose_reading_is_killed_for_a_moment_is_read_again_and_taken(repo: Repo, tmp_path: Path) -> None:
    with daemons.running(tmp_path, free_port()) as host:
        begun(host)
        with no_memory():
            repo.write("stacks/shop/app.yml", APP.format(version=2))
            push(host, repo)
            said = "it is read again (2 of 4)"
            eventually(lambda: said in host.client.stack("shop")["message"], within=60, what="it is said")
            assert "reading it was ended by SIGKILL" in host.client.stack("shop")["message"]
            assert {"shop": "web:1", "wiki": "web:1"} == images(host)
        eventually(lambda: images(host)["shop"] == "web:2", within=60, what="the commit is taken after all")
        host.settles("shop")
        told = [e["message"] for e in host.client.events(stack="shop") if e["event"] == "invalid"]
        assert ["(1 of 4)", "(2 of 4)"] == [message.splitlines()[0][-8:] for message in told]


def test_a_daemon_that_begins_while_memory_is_short_keeps_what_was_kept(repo: Repo, tmp_path: Path) -> None:
    with daemons.running(tmp_path, free_port()) as first:
        before = images(begun(first))
    with ExitStack() as ending:
        with no_memory():
            again = ending.enter_context(daemons.running_again(first, tmp_path))
            eventually(lambda: again.daemon.board.of("shop"), what="shop is known")
            again.settles("shop", "invalid")
        again.settles("shop")
        assert before == images(again)


def test_whose_hosts_could_not_be_read_is_neither_taken_nor_removed(repo: Repo, tmp_path: Path) -> None:
    """A stack for other hosts never runs here, and one of this host never goes, because nobody could tell."""
    with daemons.running(tmp_path, free_port()) as host:
        begun(host)
        with no_memory():
            repo.write("stacks/more/app.yml", "x-stack: {hosts: [elsewhere]}\n" + APP.format(version=1))
            repo.write("stacks/wiki/app.yml", "x-stack: {hosts: ['*']}\n" + APP.format(version=1))
            push(host, repo)
            said = [e["message"] for e in host.client.events() if e["event"] == "source-failed"]
            assert any("stacks/more/app.yml cannot be read" in message for message in said)
        push(host, repo)
        host.settles("wiki")
        assert {"shop": "web:1", "wiki": "web:1"} == images(host)
        assert host.daemon.board.of("more") is None
