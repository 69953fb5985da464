"""Who brings commits: what it knows is never older than what it has fetched."""

from __future__ import annotations

import threading
from pathlib import Path

from orchestrator.gitops.follower import Follower
from orchestrator.gitops.repository import Ref, Repository
from tests.support.gitrepos import Repo


class Late:
    """A lock, after whose first release something else comes between."""

    def __init__(self, between: list[object]) -> None:
        self._lock, self._between = threading.Lock(), between

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        if self._between:
            self._between.pop()()  # type: ignore[operator]


def test_who_fetches_at_the_same_time_and_is_later_has_the_last_word(tmp_path: Path) -> None:
    """A head that is older than the one before would have lost the stacks that are new in it."""
    repo = Repo(tmp_path / "repo")
    repo.write("a.txt", "1")
    repo.commit()
    follower = Follower(
        Repository(repo.url, str(tmp_path / "state")), Ref(), interval=1, changed=lambda: None, chance=lambda: 0.5
    )
    newest: list[str] = []

    def newer_one() -> None:
        repo.write("a.txt", "2")
        newest.append(repo.commit())
        follower.fetch()

    follower._fetching = Late([newer_one])  # type: ignore[assignment]
    follower.fetch()

    assert follower.head is not None
    assert newest == [follower.head.commit]


def test_a_head_of_a_former_run_is_there_while_somebody_else_fetches(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.write("a.txt", "1")
    commit = repo.commit()
    first = Repository(repo.url, str(tmp_path / "state"))
    first.checkout(first.fetch(Ref()))
    with first.held():
        second = Repository(repo.url, str(tmp_path / "state"))
        with second.git.within(1):
            assert second.remembered(commit)
