"""The commit of a checkout, read from git's own files: every way git keeps it, and folders that mean harm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.controller import origin

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_branch(tmp_path: Path) -> None:
    write(tmp_path / ".git" / "HEAD", "ref: refs/heads/feature/x\n")
    write(tmp_path / ".git" / "refs" / "heads" / "feature" / "x", f"{COMMIT}\n")
    (tmp_path / "deep" / "er").mkdir(parents=True)

    assert {"commit": COMMIT, "branch": "feature/x"} == origin.commit(str(tmp_path / "deep" / "er"))


def test_a_packed_branch(tmp_path: Path) -> None:
    write(tmp_path / ".git" / "HEAD", "ref: refs/heads/main\n")
    write(
        tmp_path / ".git" / "packed-refs",
        f"# pack-refs with: peeled\n{'f' * 40} refs/heads/main2\n{COMMIT} refs/heads/main\n",
    )

    assert {"commit": COMMIT, "branch": "main"} == origin.commit(str(tmp_path))


def test_a_detached_head(tmp_path: Path) -> None:
    write(tmp_path / ".git" / "HEAD", f"{COMMIT}\n")
    assert {"commit": COMMIT} == origin.commit(str(tmp_path))


def test_a_worktree_shares_the_references_of_its_repository(tmp_path: Path) -> None:
    main, worktree = tmp_path / "main" / ".git", tmp_path / "tree"
    write(main / "refs" / "heads" / "side", f"{COMMIT}\n")
    write(main / "worktrees" / "tree" / "HEAD", "ref: refs/heads/side\n")
    write(main / "worktrees" / "tree" / "commondir", "../..\n")
    write(worktree / ".git", f"gitdir: {main}/worktrees/tree\n")

    assert {"commit": COMMIT, "branch": "side"} == origin.commit(str(worktree))


def test_a_branch_without_a_commit_yet(tmp_path: Path) -> None:
    write(tmp_path / ".git" / "HEAD", "ref: refs/heads/main\n")
    assert {"branch": "main"} == origin.commit(str(tmp_path))


@pytest.mark.parametrize(
    "head",
    [
        "",
        "ref: ../../../etc/passwd",
        "ref: refs/../../secret",
        "ref: /etc/passwd",
        "nonsense",
        "ref: refs/heads/\x1b[2J",
        "x" * 10_000,
    ],
)
def test_what_is_no_reference_is_not_followed(tmp_path: Path, head: str) -> None:
    write(tmp_path / "secret", COMMIT)
    write(tmp_path / "repo" / ".git" / "HEAD", head)
    assert {} == origin.commit(str(tmp_path / "repo"))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git" / "HEAD")
    assert {} == origin.commit(str(tmp_path))


def test_no_checkout(tmp_path: Path) -> None:
    write(tmp_path / ".git", "gitdir: /no/such/place\n")
    assert {} == origin.commit(str(tmp_path))
    assert {} == origin.commit("")


def test_who() -> None:
    assert {"user", "host"} == origin.who({}).keys()
    assert "somebody" == origin.who({"SUDO_USER": "somebody"})["sudo"]
