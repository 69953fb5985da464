"""Stacks that a repository no longer has: taken down only where the host says ``prune``, never many of them without a word."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import EngineError, NotFound, StackError
from orchestrator.model.actions import Action, RemoveContainer
from orchestrator.model.host import DAYS
from orchestrator.records import replace
from tests.conftest import free_port
from tests.support import daemons
from tests.support.daemons import Running
from tests.support.gitrepos import Repo
from tests.support.waiting import eventually

APP = "services:\n  db: {image: 'db:1'}\n"
NAMES = ("blog", "chat", "mail", "wiki")


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    made = Repo(tmp_path / "repo")
    for name in NAMES:
        made.write(f"stacks/{name}/app.yml", APP)
    made.commit()
    return made


@contextmanager
def host(folder: Path, **settings: str) -> Iterator[Running]:
    """A daemon whose first fetch is over."""
    more = "".join(f", {key}: {value}" for key, value in {"prune": "true", **settings}.items())
    (folder / "host.yml").write_text(f"sources: {{infra: {{url: ./repo, interval: 1h{more}}}}}\n")
    with daemons.running(folder, free_port()) as found:
        eventually(found.client.sources, what="the source is followed")
        eventually(lambda: source(found)["fetched_at"], what="it is fetched")
        yield found


def source(found: Running) -> dict[str, Any]:
    return found.client.sources()[0]


def running(found: Running) -> set[str]:
    """The stacks of which containers run."""
    return {c.name.partition("-")[0] for c in found.engine.engine.world.containers}


def all_run(found: Running, *names: str) -> None:
    for name in names or NAMES:
        eventually(lambda name=name: found.daemon.board.of(name), what=f"{name} is known")
        found.settles(name)
    assert set(names or NAMES) <= running(found)


def push(found: Running, repo: Repo, *gone: str) -> str:
    """A commit without these stacks, once the daemon has it and what may go at once has gone."""
    commit = remove(repo, *gone)
    found.client.order_source("infra", "sync")
    assert commit == source(found)["commit"]
    return commit


def remove(repo: Repo, *names: str) -> str:
    for name in names:
        shutil.rmtree(repo.folder / "stacks" / name)
    return repo.commit()


def busy(action: Action) -> StackError | None:
    return EngineError("device is busy") if isinstance(action, RemoveContainer) else None


def waits(found: Running, name: str, reference: str = "removal-waits") -> dict[str, Any]:
    def shown() -> dict[str, Any] | None:
        newer = found.client.stack(name)["newer"]
        return newer if newer is not None and newer["reference"] == reference else None

    return eventually(shown, what=f"{name} is shown: {reference}")


def test_a_few_stacks_go_at_once_and_most_wait_each_for_a_word_of_its_own(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        all_run(found)
        push(found, repo, "wiki")
        assert {"blog", "chat", "mail"} == running(found)
        commit = push(found, repo, "blog", "chat")
        for name in ("blog", "chat"):
            newer = waits(found, name)
            assert (True, commit) == (newer["approvable"], newer["version"])
            assert "2 of 3 stacks of source infra (blog, chat)" in newer["message"]
        assert ["blog", "chat"] == [one["stack"] for one in source(found)["leaving"]]
        assert {"blog", "chat", "mail"} == running(found)
        with pytest.raises(NotFound, match="is not what waits"):
            found.client.approve("blog", "0123456")
        assert commit == found.client.approve("blog", commit[:8])
        eventually(lambda: running(found) == {"chat", "mail"}, what="blog is taken down")
        eventually(lambda: found.daemon.board.of("blog") is None, what="blog is none of this host's any more")
        push(found, repo)
        assert {"chat", "mail"} == running(found), "half of what is left, but held before"
        found.settles("chat", "waiting")


def test_what_waits_to_go_is_mended_meanwhile_and_waits_over_restarts(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        all_run(found)
        push(found, repo, "blog", "chat", "mail")
        waits(found, "mail")
    with host(tmp_path) as again:
        waits(again, "mail")
        again.engine.engine.change(lambda w: replace(w, containers=()))
        again.client.order("mail", "sync")
        eventually(lambda: "mail" in running(again), what="mail is mended")
        again.client.approve("mail")
        eventually(lambda: "mail" not in running(again), what="mail is taken down")
        waits(again, "chat")


def test_a_commit_that_brings_the_stacks_back_ends_the_waiting_and_any_word_for_it(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        all_run(found)
        found.client.order_source("infra", "suspend")
        push(found, repo, "blog", "chat", "mail")
        waits(found, "mail", "source-suspended")
        repo.write("stacks/mail/app.yml", APP)
        push(found, repo)
        found.settles("mail")
        assert found.client.stack("mail")["newer"] is None
        found.client.order_source("infra", "resume")
        waits(found, "blog")
        found.settles("mail")
        assert set(NAMES) == running(found)


def test_a_suspended_source_takes_nothing_down_until_it_is_resumed(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        all_run(found)
        found.client.order_source("infra", "suspend")
        push(found, repo, "wiki")
        waits(found, "wiki", "source-suspended")
        assert set(NAMES) == running(found)
        found.client.order_source("infra", "resume")
        eventually(lambda: "wiki" not in running(found), what="wiki is taken down")


def test_where_each_version_waits_for_a_word_a_removal_does_too(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        all_run(found)
    with host(tmp_path, approve="true") as found:
        push(found, repo, "wiki")
        assert "it removes the stack" in waits(found, "wiki")["message"]
        found.client.approve("wiki")
        eventually(lambda: "wiki" not in running(found), what="wiki is taken down")


def test_outside_of_its_windows_a_source_takes_nothing_down(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        all_run(found)
    yesterday = DAYS[(datetime.now().astimezone().weekday() - 1) % 7]
    with host(tmp_path, windows=f'["{yesterday} 00:00-00:01"]') as found:
        push(found, repo, "wiki")
        waits(found, "wiki", "waits-for-window")
    with host(tmp_path) as found:
        eventually(lambda: "wiki" not in running(found), what="wiki is taken down")


def test_what_is_synced_by_hand_goes_with_the_next_sync(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        all_run(found)
    with host(tmp_path, sync="manual") as found:
        remove(repo, "wiki")
        found.daemon.repositories.poke("infra")
        waits(found, "wiki", "waits-for-sync")
        found.client.order_source("infra", "sync")
        eventually(lambda: "wiki" not in running(found), what="wiki is taken down")


def test_what_was_removed_while_the_daemon_was_down_is_taken_down_by_the_next_one(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        all_run(found)
    remove(repo, "wiki")
    with host(tmp_path) as again:
        eventually(lambda: "wiki" not in running(again), what="wiki is taken down")
        all_run(again, "blog", "chat", "mail")
        eventually(
            lambda: [e for e in again.client.events(stack="wiki") if e["event"] == "pruned"], what="the removal is told"
        )


def test_without_prune_what_was_removed_is_told_and_kept_also_by_the_next_daemon(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path, prune="false") as found:
        all_run(found)
        push(found, repo, "wiki")
        waits(found, "wiki", "stack-left")
    with host(tmp_path, prune="false") as again:
        waits(again, "wiki", "stack-left")
        again.settles("wiki", "converged")
        assert [e for e in again.client.events(stack="wiki") if e["event"] == "left"]
        again.engine.engine.change(lambda w: replace(w, containers=()))
        again.client.order("wiki", "sync")
        eventually(lambda: "wiki" in running(again), what="wiki is mended")
    with host(tmp_path, prune="true") as pruning:
        eventually(lambda: "wiki" not in running(pruning), what="wiki is taken down once the host says so")


def test_what_is_taken_out_of_the_host_file_while_the_daemon_is_down_is_left_alone(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        all_run(found)
    with host(tmp_path, only="[blog]") as again:
        all_run(again, "blog")
        push(again, repo)
        assert set(NAMES) == running(again)


def test_a_stack_that_could_not_be_taken_down_is_tried_again(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        all_run(found)
        found.engine.engine.failure = busy
        push(found, repo, "wiki")
        assert [e for e in found.client.events(stack="wiki") if e["event"] == "failed"]
        found.engine.engine.failure = None
        push(found, repo)
        assert {"blog", "chat", "mail"} == running(found)


@pytest.mark.parametrize("what", ["the spec", "the path", "all for elsewhere"])
def test_what_is_missing_never_means_that_something_goes(repo: Repo, tmp_path: Path, what: str) -> None:
    listed = "{listed: apps/listed}"
    repo.write("apps/listed/app.yml", APP)
    repo.commit()
    with host(tmp_path, stacks=listed) as found:
        all_run(found, *NAMES, "listed")
        match what:
            case "the spec":
                repo.git("mv", "stacks/wiki/app.yml", "stacks/wiki/app.yaml.off")
            case "the path":
                shutil.rmtree(repo.folder / "stacks")
            case "all for elsewhere":
                for name in NAMES:
                    repo.write(f"stacks/{name}/app.yml", "x-stack: {hosts: [elsewhere]}\n" + APP)
        push(found, repo)
        assert {*NAMES, "listed"} == running(found)
        found.settles("wiki", "waiting" if what == "all for elsewhere" else "invalid")


def test_a_note_that_cannot_be_read_removes_nothing(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        all_run(found)
        push(found, repo, "blog", "chat", "mail")
        waits(found, "mail")
    (note,) = (tmp_path / "state" / "git").glob("known-*")
    for damage in ('{"asked": 1', "\0\0", "[]", '{"asked": "", "stacks": []}'):
        note.write_text(damage)
        with host(tmp_path) as again:
            all_run(again, "wiki")
            assert set(NAMES) == running(again)
