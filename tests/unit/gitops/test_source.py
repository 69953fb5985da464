"""What a stack loads from a repository, where something else than its commit is what goes wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import EngineUnreachable
from orchestrator.gitops.folder import Folder
from orchestrator.gitops.follower import Follower
from orchestrator.gitops.repository import Ref, Repository
from orchestrator.gitops.selection import Chosen
from orchestrator.gitops.source import GitSource
from orchestrator.model.host import HostStack
from tests.support.gitrepos import Repo


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    repo = Repo(tmp_path / "repo")
    repo.write("shop/app.yml", "services: {web: {image: 'web:1'}}\n")
    repo.commit()
    made = Follower(
        Repository(repo.url, str(tmp_path / "state")), Ref(), interval=0.0, changed=lambda: None, chance=random.random
    )
    made.fetch()
    return made


def test_a_commit_that_could_not_be_read_for_a_moment_is_read_at_the_next_look(follower: Follower) -> None:
    answers: Iterator[bytes | Exception] = iter([EngineUnreachable("away"), b"k" * 32, b"k" * 32, b"k" * 32])

    def key() -> bytes:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    source = GitSource(Folder(Chosen(folder="shop", entry=HostStack(name="shop", directory="")), follower, key))
    with pytest.raises(EngineUnreachable):
        source.candidate()

    candidate = source.candidate()
    assert candidate is not None
    source.take(candidate)
    assert ["web"] == list(source.load().stack.services)
