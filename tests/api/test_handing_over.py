"""Stacks that leave a source in ways that are no removal: to another source, by a mode that changes nothing, while git is away."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.api.test_removals import APP, NAMES, all_run, host, push, repo, running, source, waits
from tests.conftest import free_port
from tests.support import daemons
from tests.support.gitrepos import Repo
from tests.support.waiting import eventually

__all__ = ["repo"]
WITH_DATA = "services:\n  db: {image: 'db:1', volumes: ['data:/data']}\nvolumes: {data: {}}\n"


def test_a_stack_that_moves_to_another_source_keeps_its_containers_and_its_volumes(repo: Repo, tmp_path: Path) -> None:
    other = Repo(tmp_path / "other")
    for one in (repo, other):
        one.write("stacks/wiki/app.yml", WITH_DATA)
        one.commit()
    more = "interval: 1h, prune: true, prune_volumes: true"
    (tmp_path / "host.yml").write_text(
        f"sources:\n  infra: {{url: ./repo, {more}}}\n  other: {{url: ./other, {more}}}\n"
    )
    with daemons.running(tmp_path, free_port()) as found:
        eventually(lambda: any(e["event"] == "claimed-twice" for e in found.client.events()), what="both claim it")
        all_run(found)
        before = {c.id for c in found.engine.engine.world.containers}
        push(found, repo, "wiki")
        eventually(lambda: found.client.stack("wiki")["source"] == "other", what="the other source has it")
        found.settles("wiki")
        assert before == {c.id for c in found.engine.engine.world.containers}
        assert ["wiki_data"] == [volume.name for volume in found.engine.engine.world.volumes]


@pytest.mark.parametrize("mode", ["report", "suspended"])
def test_what_is_only_looked_at_is_not_taken_down_either(repo: Repo, tmp_path: Path, mode: str) -> None:
    with host(tmp_path) as found:
        all_run(found)
    with host(tmp_path, mode=mode) as again:
        push(again, repo, "wiki")
        assert set(NAMES) == running(again)
        (leaving,) = source(again)["leaving"]
        assert f"mode: {mode}" in leaving["message"]


def test_a_stack_that_is_suspended_by_hand_is_not_taken_down_until_it_is_resumed(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        all_run(found)
        found.client.order("wiki", "suspend")
        push(found, repo, "wiki")
        assert "wiki" in running(found)
        found.client.order("wiki", "resume")
        push(found, repo)
        assert "wiki" not in running(found)


def test_while_git_is_away_nothing_is_taken_down_whatever_somebody_agrees_to(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path, approve="true") as found:
        for name in NAMES:
            waits(found, name, "waits-for-approval")
            found.client.approve(name)
        all_run(found)
        push(found, repo, "wiki")
        waits(found, "wiki")
        (tmp_path / "repo").rename(tmp_path / "away")
        found.client.approve("wiki")
        eventually(lambda: source(found)["failures"], what="git is away")
        assert "wiki" in running(found)
        (tmp_path / "away").rename(tmp_path / "repo")
        push(found, repo)
        assert "wiki" not in running(found)


def test_a_folder_that_somebody_took_out_of_a_checkout_is_no_removal(repo: Repo, tmp_path: Path) -> None:
    with host(tmp_path) as found:
        all_run(found)
        (checkout,) = (tmp_path / "state" / "git").glob("*/checkouts/[0-9a-f]*")
        shutil.rmtree(checkout / "stacks" / "wiki")
        (tmp_path / "mine.yml").write_text(APP)
        with (tmp_path / "host.yml").open("a") as file:
            file.write("stacks: {mine: ./mine.yml}\n")
        found.client.order_host("reload")
        push(found, repo)
        assert set(NAMES) <= running(found)
        push(found, repo, "wiki")
        assert "wiki" not in running(found)


def test_a_listed_stack_for_other_hosts_goes_also_where_nothing_else_is_found(repo: Repo, tmp_path: Path) -> None:
    repo.write("apps/one/app.yml", APP)
    repo.write("apps/two/app.yml", APP)
    repo.commit()
    with host(tmp_path, path="none", stacks="{one: apps/one, two: apps/two}") as found:
        all_run(found, "one", "two")
        repo.write("apps/two/app.yml", "x-stack: {hosts: [elsewhere]}\n" + APP)
        push(found, repo)
        assert {"one"} == running(found)
        assert not [e for e in found.client.events() if e["event"] == "source-empty"]
