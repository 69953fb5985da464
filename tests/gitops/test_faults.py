"""What can go wrong with a repository that a host follows. Whatever it is: the last good revision runs on, nothing of it is touched,
it is said, and one poll after all is well again the newest commit is there.
"""

from __future__ import annotations

import os
import random
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.gitops.git import Caps
from tests.conftest import free_port
from tests.support.engines import Engine
from tests.support.following import SPEC, Followed, followed
from tests.support.gitserver import Authority, HttpsGit
from tests.support.waiting import eventually


class Daemons:
    """One daemon for all cases, and another for those after a case that it did not get over."""

    def __init__(self, make: Callable[[], AbstractContextManager[Followed]]) -> None:
        self._make, self._open = make, ExitStack()
        self._one: Followed | None = None

    def well(self) -> Followed:
        """A daemon whose stack has what the newest commit says."""
        if self._one is not None and not self._one.is_well():
            try:
                self._one.recover()
            except AssertionError:
                self.close()
        if self._one is None:
            self._one = self._open.enter_context(self._make())
        return self._one

    def close(self) -> None:
        self._one = None
        self._open.close()


@pytest.fixture(scope="module")
def daemons(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Daemons]:
    made = Daemons(lambda: followed(tmp_path_factory.mktemp("followed"), free_port(), engine))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def one(daemons: Daemons) -> Followed:
    """Well before each case, whatever the one before has left."""
    return daemons.well()


@contextmanager
def untouched(one: Followed) -> Iterator[None]:
    """Nothing was changed, started or removed when the block has ended."""
    ids, mutations = one.ids(), one.mutations()
    yield
    assert ids == one.ids()
    assert mutations == one.mutations()


def fails(one: Followed, said: str = "") -> None:
    """A poll fails, and the last that is told of the source says why."""
    before = one.source["failures"]
    one.poll()
    eventually(lambda: one.source["failures"] > before, what="the poll fails")

    def told() -> str:
        return [event["message"] for event in one.host.client.events() if event["event"] == "source-failed"][-1]

    eventually(lambda: said in told(), what=f"it says {said}")


SERVER = {
    "401": "token_file",
    "403": "token_file",
    "404": "no repository",
    "500": "500",
    "503": "503",
    "redirect": "leads elsewhere",
    "hang": "did not finish",
    "trickle": "did not finish",
    "endless": "",
    "login page": "",
    "closed": "",
    "truncated": "",
    "corrupted": "",
    "pack trickle": "did not finish",
    "pack hang": "did not finish",
}


@pytest.mark.parametrize("fault", SERVER)
def test_a_server_that_misbehaves(one: Followed, fault: str) -> None:
    with untouched(one), one.server.failing(fault):
        size = one.change()
        fails(one, SERVER[fault])
    one.poll()
    one.has(size)


def test_a_redirect_reaches_nobody(one: Followed) -> None:
    with HttpsGit(one.server.folder, one.authority.server()) as elsewhere:
        one.server.elsewhere = elsewhere.url("")[:-1]
        with untouched(one), one.server.failing("redirect"):
            size = one.change()
            fails(one)
        assert [] == elsewhere.asked
    one.poll()
    one.has(size)


URLS = {
    "there is no such host": ("https://nowhere.invalid/infra", "no host nowhere.invalid"),
    "nobody listens": ("https://127.0.0.1:9/infra", ""),
    "there is no such repository": ("{base}/other", "no repository"),
}


@pytest.mark.parametrize("case", URLS)
def test_a_url_that_leads_nowhere(one: Followed, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url, said = URLS[case]
    with untouched(one), monkeypatch.context() as patch:
        patch.setattr(one.follower.repository.git, "url", url.format(base=one.server.url("")[:-1]))
        size = one.change()
        fails(one, said)
    one.poll()
    one.has(size)


@pytest.mark.parametrize("kind", ["expired", "unknown authority", "another name"])
def test_a_certificate_that_does_not_count(one: Followed, kind: str, tmp_path: Path) -> None:
    good = one.server.context
    bad: dict[str, Callable[[], ssl.SSLContext]] = {
        "expired": lambda: one.authority.server(expired=True),
        "unknown authority": lambda: Authority(tmp_path / "other").server(),
        "another name": lambda: one.authority.server("elsewhere.example"),
    }
    one.server.context = bad[kind]()
    try:
        with untouched(one):
            size = one.change()
            fails(one, "ca_file")
    finally:
        one.server.context = good
    one.poll()
    one.has(size)


def test_a_head_that_goes_back_is_not_taken(one: Followed) -> None:
    with untouched(one):
        before = one.repo.git("rev-parse", "HEAD~1")
        newest = one.repo.git("rev-parse", "HEAD")
        one.repo.git("reset", "--quiet", "--hard", before)
        fails(one, "lies before")
        one.repo.git("reset", "--quiet", "--hard", newest)
    one.poll()
    one.has(one.change())


def test_a_branch_that_is_gone(one: Followed) -> None:
    with untouched(one):
        one.repo.git("symbolic-ref", "HEAD", "refs/heads/not-there")
        fails(one, "has no default branch")
        one.repo.git("symbolic-ref", "HEAD", "refs/heads/main")
    size = one.change()
    one.poll()
    one.has(size)


def test_a_history_written_anew_and_another_default_branch_are_followed(one: Followed) -> None:
    size = one.change(commit=False)
    one.repo.git("add", "--all")
    one.repo.git("commit", "--quiet", "--amend", "-m", "written anew")
    one.poll()
    one.has(size)
    one.repo.git("branch", "--move", "main", "trunk")
    try:
        size = one.change()
        one.poll()
        one.has(size)
    finally:
        one.repo.git("branch", "--move", "trunk", "main")


TOO_MUCH: dict[str, tuple[Callable[[Followed], Any], Caps, str]] = {
    "a large file": (lambda one: one.repo.write("big", "0" * (17 << 20)), Caps(), "big is larger"),
    "many files": (
        lambda one: [one.repo.write(f"many/{number}", str(number)) for number in range(50)],
        Caps(files=40),
        "more files",
    ),
    "a large pack": (
        lambda one: (one.repo.folder / "noise").write_bytes(os.urandom(2 << 20)),
        Caps(pack=1 << 20),
        "in one pack",
    ),
    "a link that leads out": (lambda one: (one.repo.folder / "out").symlink_to("/etc"), Caps(), "leads out"),
    "a deep path": (lambda one: one.repo.write(("d" * 200 + "/") * 11 + "file", "x"), Caps(), "longer path"),
}


@pytest.mark.parametrize("case", TOO_MUCH)
def test_a_repository_that_holds_more_or_other_than_is_taken(
    one: Followed, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, caps, said = TOO_MUCH[case]
    with untouched(one), monkeypatch.context() as patch:
        patch.setattr(one.follower.repository, "caps", caps)
        patch.setattr(one.follower.repository.git, "caps", caps)
        spoil(one)
        size = one.change()
        fails(one, said)
    one.repo.git("reset", "--quiet", "--hard", "HEAD~1")
    one.repo.git("clean", "-qfdx")
    size = one.change()
    one.poll()
    one.has(size)


GOOD = SPEC.format(megabytes=99)
BAD_COMMITS = {
    "no YAML": "services: [",
    "tabs": "services:\n\tweb: {image: a}\n",
    "empty": "",
    "only a comment": "# nothing\n",
    "a list": "- services\n",
    "no services": "services: {}\n",
    "an unknown key": GOOD.replace("mem_limit", "mem_limt"),
    "a wrong type": GOOD.replace("init: true", "init: [yes]"),
    "a key twice": GOOD + "services: {}\n",
    "a missing variable": GOOD.replace("sleep", "${MISSING:?must be set}"),
    "a bad variable": GOOD.replace("sleep", "${MISSING"),
    "a circle": "services: {a: {image: a, depends_on: [b]}, b: {image: b, depends_on: [a]}}\n",
    "depends on nobody": "services: {a: {image: a, depends_on: [nobody]}}\n",
    "no such network": "services: {a: {image: a, networks: [nowhere]}}\n",
    "no such volume": "services: {a: {image: a, volumes: ['data:/data']}}\n",
    "no such config": "services: {a: {image: a, configs: [nowhere]}}\n",
    "a bad port": "services: {a: {image: a, ports: ['99999:1']}}\n",
    "a bad duration": "services: {a: {image: a, stop_grace_period: soon}}\n",
    "no such include": "include: [nowhere.yml]\n" + GOOD,
    "no such base": "services: {a: {extends: {file: nowhere.yml, service: a}}}\n",
    "no such env file": "services: {a: {image: a, env_file: [nowhere.env]}}\n",
    "an include from elsewhere": "include: ['https://example.org/x.git']\n" + GOOD,
    "not text": "services: \x01\x02\n",
    "aliases without end": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "most services gone": "services: {db: {image: 'busybox:stable', command: sleep 100000}}\n",
}


@pytest.mark.parametrize("case", BAD_COMMITS)
def test_a_bad_commit(one: Followed, case: str) -> None:
    with untouched(one):
        one.repo.write(one.spec, BAD_COMMITS[case])
        commit = one.repo.commit()
        one.poll()
        eventually(lambda: one.source["commit"] == commit, what="it is fetched")
        one.host.settles(one.name, "invalid", "waiting")
        status = one.host.daemon.board.of(one.name)
        assert status is not None
        assert status.message
    size = one.change()
    one.poll()
    one.has(size)


def test_a_folder_that_is_gone(one: Followed) -> None:
    with untouched(one):
        one.repo.git("rm", "-r", "--quiet", "stacks")
        commit = one.repo.commit()
        one.poll()
        eventually(lambda: one.source["commit"] == commit, what="it is fetched")
        eventually(
            lambda: any(happening.kind == "source-empty" for happening in one.host.daemon.board.happenings()),
            what="it is said",
        )
    size = one.change()
    one.poll()
    one.has(size)


@pytest.mark.parametrize("what", ["mirror", "checkouts"])
@pytest.mark.parametrize("seed", range(3))
def test_bytes_that_flip_in_a_mirror_or_checkout(one: Followed, what: str, seed: int) -> None:
    """A commit that comes after that is taken, in this poll or the next: what is damaged is thrown away and made anew."""
    chance = random.Random(seed)
    with untouched(one):
        folder = Path(one.follower.repository.directory, "mirror.git/objects" if what == "mirror" else what)
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
        for path in files if what == "mirror" else chance.sample(files, min(3, len(files))):
            data = bytearray(path.read_bytes())
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            path.chmod(0o644)
            path.write_bytes(data)
        size = one.change(commit=False)
    one.repo.commit()

    def arrives() -> bool:
        one.poll()
        return one.memory() == size

    eventually(arrives, what="the newest commit is there")
    one.host.settles(one.name)


def test_of_pushes_in_quick_succession_the_newest_wins(one: Followed) -> None:
    for _ in range(20):
        size = one.change()
        one.poll()
    one.poll()
    one.has(size)
    assert one.repo.git("rev-parse", "HEAD") == one.source["commit"]
