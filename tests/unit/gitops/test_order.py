"""Which stack of a repository is looked at first after a commit."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from orchestrator.controller.status import Board
from orchestrator.daemon.followings import Hooks
from orchestrator.daemon.overrides import Suspended
from orchestrator.daemon.repositories import Repositories
from orchestrator.gitops.differing import SMALL, differs
from orchestrator.secrets.stores import Stores
from orchestrator.spec.host import load_host
from tests.support.gitrepos import Repo
from tests.support.waiting import eventually

SPEC = "services: {{web: {{image: web:{version}}}}}\n"


def test_the_stack_that_a_commit_is_about_is_looked_at_before_the_others(tmp_path: Path) -> None:
    """Each look is a process that reads the stack: with twenty of them the last one would be seconds late."""
    repo = Repo(tmp_path / "repo")
    for name in "abcde":
        repo.write(f"stacks/{name}/app.yml", SPEC.format(version=1))
    repo.commit()
    (tmp_path / "host.yml").write_text("sources: {infra: {url: ./repo, interval: 1h}}\n")
    kept: list[str] = []
    looked: list[str] = []
    repositories = Repositories(
        str(tmp_path / "state"),
        Board(time.time),
        Hooks(
            keep=lambda entry: (repositories.source(entry), kept.append(entry.name)),
            release=lambda _, __: None,
            take_down=lambda *_: None,
            look_again=looked.append,
        ),
        key=lambda: b"k" * 32,
        chance=lambda: 0.5,
        stores=Stores({}, {}, say=lambda _: None),
        admitting=lambda _: None,  # type: ignore[arg-type, return-value]
        suspended=Suspended(str(tmp_path / "state")),
        wall=lambda: (0, 0),
    )
    try:
        repositories.follow(load_host(str(tmp_path / "host.yml")).sources, {})
        eventually(lambda: len(kept) == 5, what="the stacks are found")
        repo.write("stacks/d/app.yml", SPEC.format(version=2))
        repo.commit()
        repositories.poke("infra")
        eventually(lambda: len(looked) == 5, what="all of them are looked at again")
    finally:
        repositories.stop()

    assert ["d", "a", "b", "c", "e"] == looked


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a").write_text("2"),
        lambda folder: (folder / "new").write_text(""),
        lambda folder: (folder / "deep" / "b").unlink(),
        lambda folder: (folder / "a").chmod(0o755),
        lambda folder: (folder / "large").write_bytes(b"x" * (SMALL + 2)),
        lambda folder: ((folder / "link").unlink(), (folder / "link").symlink_to("deep")),
    ],
    ids=["content", "more", "less", "mode", "size", "link"],
)
def test_a_change_within_a_folder_is_seen(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    before, after = tmp_path / "before", tmp_path / "after"
    for folder in (before, after):
        (folder / "deep").mkdir(parents=True)
        (folder / "a").write_text("1")
        (folder / "deep" / "b").write_text("1")
        (folder / "large").write_bytes(b"x" * (SMALL + 1))
        (folder / "link").symlink_to("a")
        os.utime(folder / "a", (0, 0))

    assert not differs(str(before), str(after))
    change(after)

    assert differs(str(before), str(after))


def test_a_folder_that_is_not_there_differs_from_one_with_files(tmp_path: Path) -> None:
    (tmp_path / "after").mkdir()
    (tmp_path / "after" / "a").write_text("1")

    assert differs(str(tmp_path / "before"), str(tmp_path / "after"))
