"""Fetching that is killed: nothing half is ever trusted, nothing is left behind that grows, and the next one is as good as any."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.gitops import layout
from orchestrator.gitops.repository import Ref, Repository
from scripts.machine.commands import ROOT
from tests.support.gitrepos import Repo
from tests.support.waiting import eventually

FETCH = """
import sys
from orchestrator.gitops.repository import Ref, Repository
mirror = Repository(sys.argv[1], sys.argv[2])
print("ready", flush=True)
while True:
    print(mirror.checkout(mirror.fetch(Ref())), flush=True)
"""


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    for number in range(200):
        made.write(f"f{number % 10}/{number}", os.urandom(2000).hex())
    made.commit()
    return made


def killed_at(moments: Iterator[float], repo: Repo, state: Path) -> None:
    """Kill fetching at each of the moments (seconds after it began); look at what is there afterwards."""
    chance = random.Random(1)
    for moment in moments:
        repo.write(f"f{chance.randrange(10)}/{chance.randrange(200)}", os.urandom(2000).hex())
        commit = repo.commit()
        process = subprocess.Popen(
            [sys.executable, "-c", FETCH, repo.url, str(state)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert b"ready\n" == process.stdout.readline()
        time.sleep(moment)  # the moment of the kill is what is varied
        process.send_signal(signal.SIGKILL)
        process.communicate()
        mirror = Repository(repo.url, str(state))
        for mark in (Path(mirror.directory) / "checkouts").glob(".complete-*"):
            path = mark.with_name(mark.name.removeprefix(".complete-"))
            if path.exists():
                assert f"{path.name} {layout.digest(str(path))}\n" == mark.read_text()
        assert commit == mirror.fetch(Ref())
        place = Path(mirror.checkout(commit))
        assert repo.git("ls-tree", "-r", "--name-only", commit).splitlines() == sorted(
            str(one.relative_to(place)) for one in place.rglob("*") if one.is_file()
        )
        mirror.forget([commit])
    left = [
        path.name for path in state.rglob("*") if path.name.startswith((".incoming", "tmp_")) or path.suffix == ".lock"
    ]
    assert [] == left


def test_fetching_that_is_killed_at_some_moments_leaves_nothing_half(repo: Repo, tmp_path: Path) -> None:
    killed_at((moment / 1000 for moment in (0, 15, 40, 80, 120, 200, 300)), repo, tmp_path / "state")


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_fetching_that_is_killed_at_a_hundred_moments_leaves_nothing_half(repo: Repo, tmp_path: Path) -> None:
    chance = random.Random(int(os.environ.get("STACK_KILL_SEED", "7")))
    killed_at((chance.uniform(0, 0.5) for _ in range(100)), repo, tmp_path / "state")


def test_what_git_has_started_ends_with_the_one_who_called_it(tmp_path: Path) -> None:
    """A daemon that is killed leaves no git behind that hangs on a server."""
    mark = f"stack-orphan-{os.getpid()}"
    code = (
        "import sys; from orchestrator.gitops.call import Call; from orchestrator.gitops.confined import Confinement\n"
        "with Call(['sh', '-c', 'echo on; exec sleep 1000', sys.argv[1]], lambda home: {'PATH': '/usr/bin:/bin'},"
        " lambda home: Confinement(), seconds=900) as call:\n"
        "    print(call.line().decode(), flush=True); call.line()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, mark], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert b"on\n" == process.stdout.readline()
    children = Path(f"/proc/{process.pid}/task").glob("*/children")
    child = int(next(text for text in (path.read_text() for path in children) if text.strip()).split()[0])
    process.kill()
    process.communicate()

    eventually(lambda: not Path(f"/proc/{child}").exists(), within=10, what="git ends")
