"""Repositories as the operator sees and steers them: approval, sync by hand, windows, suspended sources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from orchestrator.api import views
from orchestrator.cli.main import main
from orchestrator.errors import NotFound, StackError
from orchestrator.model.host import DAYS
from tests.conftest import free_port
from tests.support import daemons
from tests.support.daemons import Running
from tests.support.gitrepos import Repo
from tests.support.waiting import eventually

APP = "services:\n  db: {{image: db:1}}\n  web: {{image: web:{version}}}\n"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    made = Repo(tmp_path / "repo")
    made.write("stacks/shop/app.yml", APP.format(version=1))
    made.commit()
    return made


def write(folder: Path, **settings: str) -> None:
    more = "".join(f", {key}: {value}" for key, value in settings.items())
    (folder / "host.yml").write_text(f"sources: {{infra: {{url: ./repo, interval: 1h{more}}}}}\n")


@contextmanager
def host(folder: Path, **settings: str) -> Iterator[Running]:
    write(folder, **settings)
    with daemons.running(folder, free_port()) as found:
        yield found


def push(found: Running, repo: Repo, version: int) -> str:
    """The commit, once the daemon has it."""
    repo.write("stacks/shop/app.yml", APP.format(version=version))
    commit = repo.commit()
    found.daemon.repositories.poke("infra")
    eventually(lambda: found.client.sources()[0]["commit"] == commit, what="the commit is fetched")
    return commit


def image(found: Running) -> list[str]:
    return [c.image for c in found.engine.engine.world.containers if c.service == "web"]


def waits(found: Running, reference: str, commit: str = "") -> None:
    def is_so() -> bool:
        status = found.daemon.board.of("shop")
        newer = views.stack(status)["newer"] if status is not None else None
        return newer is not None and newer["reference"] == reference and newer["version"].startswith(commit)

    eventually(is_so, what=f"it waits: {reference}")


def runs(found: Running, version: int) -> None:
    eventually(lambda: image(found) == [f"web:{version}"], what=f"version {version} runs")


def test_a_source_is_shown_with_its_commit_and_its_stacks(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        runs(found, 1)
        (shown,) = found.client.sources()

    assert ("infra", "current", ["shop"], "") == (shown["name"], shown["state"], shown["stacks"], shown["message"])
    assert repo.git("rev-parse", "HEAD") == shown["commit"]


def test_with_approval_each_version_waits_for_a_word_that_holds_for_it_alone(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path, approve="true") as found:
        waits(found, "waits-for-approval")
        assert not image(found)
        found.client.approve("shop")
        runs(found, 1)
        second = push(found, repo, 2)
        waits(found, "waits-for-approval", second)
        newer = found.client.stack("shop")["newer"]
        assert (newer["approvable"], newer["changes"]) == (True, 1)
        with pytest.raises(NotFound, match="is not what waits"):
            found.client.approve("shop", "0123456")
        third = push(found, repo, 3)
        waits(found, "waits-for-approval", third)
        with pytest.raises(NotFound):
            found.client.approve("shop", second)
        assert ["web:1"] == image(found)
        assert third == found.client.approve("shop", third[:8])
        runs(found, 3)
        with pytest.raises(NotFound, match="nothing of shop waits"):
            found.client.approve("shop")


def test_what_was_approved_before_is_mended_while_something_newer_waits(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path, approve="true") as found:
        waits(found, "waits-for-approval")
        found.client.approve("shop")
        runs(found, 1)
        waits(found, "waits-for-approval", push(found, repo, 2))
        found.engine.engine.change(
            lambda w: replace(w, containers=tuple(c for c in w.containers if c.service != "web"))
        )
        runs(found, 1)


def test_a_source_that_is_synced_by_hand_takes_a_commit_when_it_is_asked_to(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path, sync="manual") as found:
        waits(found, "waits-for-sync")
        found.client.order_source("infra", "sync")
        runs(found, 1)
        repo.write("stacks/shop/app.yml", APP.format(version=2))
        repo.commit()
        found.client.order_source("infra", "sync")
        runs(found, 2)


def test_asking_for_a_sync_is_no_approval(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path, sync="manual", approve="true") as found:
        waits(found, "waits-for-approval")
        found.client.order_source("infra", "sync")
        waits(found, "waits-for-approval")
        assert not image(found)


def test_a_suspended_source_brings_nothing_new_also_by_the_next_daemon(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        runs(found, 1)
        found.client.order_source("infra", "suspend")
        commit = push(found, repo, 2)
        waits(found, "source-suspended", commit)
    with host(tmp_path) as again:
        waits(again, "source-suspended", commit)
        assert ("suspended", ["web:1"]) == (again.client.sources()[0]["state"], image(again))
        again.client.order_source("infra", "resume")
        runs(again, 2)


def test_outside_of_its_windows_a_commit_waits(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        runs(found, 1)
    yesterday = DAYS[(datetime.now().astimezone().weekday() - 1) % 7]
    with host(tmp_path, windows=f'["{yesterday} 00:00-00:01"]') as found:
        waits(found, "waits-for-window", push(found, repo, 2))
        assert ["web:1"] == image(found)
    with host(tmp_path) as found:
        runs(found, 2)


def test_a_source_that_cannot_be_had_is_stale_and_says_why(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        runs(found, 1)
        repo.folder.rename(tmp_path / "away")
        with pytest.raises(StackError, match="repo"):
            found.client.order_source("infra", "sync")
        (shown,) = found.client.sources()
        assert ("stale", 1) == (shown["state"], shown["failures"])
        assert shown["message"]
        (tmp_path / "away").rename(repo.folder)
        found.client.order_source("infra", "sync")
        assert "current" == found.client.sources()[0]["state"]
        assert ["web:1"] == image(found)


@pytest.mark.parametrize("verb", ["sync", "suspend", "resume"])
def test_a_source_that_is_not_there_is_not_found(repo: Repo, tmp_path: Path, verb: str) -> None:
    with host(tmp_path) as found, pytest.raises(NotFound, match="no source"):
        found.client.order_source("nobody", verb)


def test_a_stack_that_is_resumed_is_kept_as_its_source_says(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path, mode="report") as found:
        found.settles("shop", "drifted")
        found.client.order("shop", "suspend")
        found.settles("shop", "suspended")
        found.client.order("shop", "resume")
        found.settles("shop", "drifted")
        assert "report" == found.client.stack("shop")["mode"]
        assert not image(found)


def test_new_settings_of_a_source_let_go_of_no_stack_that_it_still_has(repo: Repo, tmp_path: Path) -> None:
    repo.write("stacks/wiki/app.yml", APP.format(version=1))
    repo.commit()

    def released(found: Running) -> list[str]:
        return [one["message"] for one in found.client.events() if one["event"] == "released"]

    with host(tmp_path) as found:
        found.settles("wiki")
        write(tmp_path, approve="true")
        found.daemon.reload()
        found.settles("wiki")
        assert not released(found)
        waits(found, "waits-for-approval", push(found, repo, 2))
        write(tmp_path, verify="commit", keys="./keys")
        found.daemon.reload()
        assert ["kept again when"] * 2 == [text[:15] for text in released(found)]


def test_a_stack_that_the_host_file_no_longer_wants_of_a_source_is_told_as_let_go(repo: Repo, tmp_path: Path) -> None:
    repo.write("stacks/wiki/app.yml", APP.format(version=1))
    repo.commit()
    with host(tmp_path) as found:
        found.settles("shop")
        found.settles("wiki")
        write(tmp_path, only="[shop]")
        found.daemon.reload()
        found.settles("shop")
        assert [("wiki", "no longer in the host file; what runs of it is left alone")] == [
            (one["stack"], one["message"]) for one in found.client.events() if one["event"] == "released"
        ]


def test_a_folder_that_gives_no_name_is_told_once_with_its_own(repo: Repo, tmp_path: Path) -> None:
    repo.write("stacks/___/app.yml", APP.format(version=1))
    repo.commit()
    with host(tmp_path) as found:
        found.settles("___", "invalid")
        (event,) = [(one["event"], one["message"]) for one in found.client.events(stack="___")]
        assert "invalid" == event[0]
        assert "stacks/___: no stack can be called '___'" in event[1]


def test_a_name_in_a_spec_of_a_repository_is_told_to_have_no_effect(repo: Repo, tmp_path: Path) -> None:
    repo.write("stacks/shop/app.yml", "name: another\n" + APP.format(version=1))
    repo.commit()
    with host(tmp_path) as found:
        found.settles("shop")
        push(found, repo, 2)
        runs(found, 2)
        told = [one["message"] for one in found.client.events(stack="shop") if one["event"] == "warning"]
        assert ["a spec's own name has no effect in a repository; the stack is called shop"] == [
            text.split("\n")[0] for text in told
        ]
        assert "stacks/shop/app.yml:1:7" in told[0]


def test_a_repository_that_was_moved_away_is_asked_for_by_its_path(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        runs(found, 1)
        repo.folder.rename(tmp_path / "elsewhere")
        with pytest.raises(StackError) as caught:
            found.client.order_source("infra", "sync")
    assert "at this path" in caught.value.hint
    assert "token" not in str(caught.value)


def test_a_host_file_with_a_url_that_is_never_fetched_from_changes_nothing(repo: Repo, tmp_path: Path) -> None:
    """As with any other mistake in it: a source that nobody follows is in no list, and would be missed by nobody."""
    with host(tmp_path) as found:
        runs(found, 1)
        (tmp_path / "host.yml").write_text(
            "sources: {bad: {url: 'ext::sh -c x'}, infra: {url: ./repo, interval: 1h}}\n"
        )
        found.daemon.reload()
        assert ["sources.bad.url"] == [
            e["message"].rpartition(", ")[2] for e in found.client.events() if e["event"] == "invalid"
        ]
        assert ["infra"] == [one["name"] for one in found.client.sources()]
        push(found, repo, 2)
        runs(found, 2)


def test_a_repository_lies_in_a_folder_whatever_its_name(repo: Repo, tmp_path: Path) -> None:
    repo.folder.rename(tmp_path / "a repo")
    (tmp_path / "host.yml").write_text("sources: {infra: {url: ./a repo, interval: 1h}}\n")
    with daemons.running(tmp_path, free_port()) as found:
        runs(found, 1)


def test_a_sparse_source_has_the_folders_of_the_stacks_that_it_lists_too(repo: Repo, tmp_path: Path) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    for folder in ("apps/blog", "elsewhere"):
        repo.write(f"{folder}/app.yml", "include: [base/more.yml]\nservices: {web: {image: 'web:7'}}\n")
        repo.write(f"{folder}/base/more.yml", "services: {db: {image: 'db:7'}}\n")
    repo.commit()
    with host(tmp_path, sparse="true", stacks="{blog: apps/blog}") as found:
        for name in ("blog", "shop"):
            eventually(lambda name=name: found.daemon.board.of(name), what=f"{name} is known")
            found.settles(name)
        assert {"blog-db-1", "blog-web-1"} < {c.name for c in found.engine.engine.world.containers}
    (checkout,) = (tmp_path / "state" / "git").glob("*/checkouts/[0-9a-f]*")
    assert {"apps", "stacks"} == {one.name for one in checkout.iterdir() if not one.name.startswith(".")}


def test_a_source_is_shown_in_full_with_what_to_do(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with host(tmp_path, branch="nowhere") as found:
        eventually(lambda: [e for e in found.client.events() if e["event"] == "source-failed"], what="it was asked")
        assert 1 == main(["sources", "show", "infra", "--socket", str(found.socket)])
        said = capsys.readouterr().out
        assert "infra: failed" in said
        assert "git-no-such-ref" in said
        assert "hint: there are: main" in said
        assert 1 == main(["sources", "show", "nowhere", "--socket", str(found.socket)])
        assert 'no source "nowhere"' in capsys.readouterr().err


def test_whoever_fetches_a_suspended_source_is_told_that_nothing_is_taken(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with host(tmp_path) as found:
        found.settles("shop")
        found.client.order_source("infra", "suspend")
        assert 0 == main(["sources", "sync", "infra", "--socket", str(found.socket)])
        assert "suspended until `stack sources resume infra`" in capsys.readouterr().err
        found.client.order_source("infra", "resume")
        assert 0 == main(["sources", "sync", "infra", "--socket", str(found.socket)])
        assert "infra: sync done\n" == capsys.readouterr().err


def test_the_status_of_the_daemon_is_had_as_json_like_all_else(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with host(tmp_path) as found:
        found.settles("shop")
        assert 0 == main(["daemon", "status", "--json", "--socket", str(found.socket)])
        assert ["shop"] == [one["name"] for one in json.loads(capsys.readouterr().out)["stacks"]]
