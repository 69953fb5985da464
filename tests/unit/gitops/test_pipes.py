"""Named pipes in a checkout, where a container that may write has put them: nobody who reads there waits for a writer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.gitops.checkouts import Checkouts
from orchestrator.gitops.repository import Ref, Repository
from scripts.machine.commands import ROOT
from tests.support.gitrepos import Repo

SWAPPING = """
import os, sys
from orchestrator.gitops import differing, layout, selection

place, reader = sys.argv[1:]

def swaps(event, arguments):
    path = os.path.join(place, "app.yml")
    if event == "open" and os.path.basename(str(arguments[0])) == "app.yml" and os.path.isfile(path):
        os.unlink(path)
        os.mkfifo(path)

sys.addaudithook(swaps)
match reader:
    case "which hosts": selection.hosts_of([os.path.join(place, "app.yml")], place)
    case "what differs": differing.differs(place, place)
    case "whether it is whole": layout.digest(place)
assert not os.path.isfile(os.path.join(place, "app.yml")), "the pipe came between looking and opening"
"""


@pytest.mark.parametrize("reader", ["which hosts", "what differs", "whether it is whole"])
def test_a_pipe_that_comes_between_looking_and_opening_is_not_waited_for(tmp_path: Path, reader: str) -> None:
    (tmp_path / "app.yml").write_text("x-stack: {hosts: [web1]}\n")
    words = [sys.executable, "-c", SWAPPING, str(tmp_path), reader]

    assert 0 == subprocess.run(words, cwd=ROOT, check=False, timeout=30).returncode


@pytest.mark.timeout(60)
def test_a_checkout_with_a_pipe_in_the_place_of_a_file_is_mended(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.write("stacks/shop/app.yml", "services: {}\n")
    repo.commit()
    mirror = Repository(repo.url, str(tmp_path / "state"))
    commit = mirror.fetch(Ref())
    file = Path(mirror.checkout(commit)) / "stacks/shop/app.yml"
    file.unlink()
    os.mkfifo(file)
    os.mkfifo(file.with_name("more"))

    assert Checkouts(str(Path(mirror.directory) / "checkouts")).sound(commit) is None
    assert "services: {}\n" == (Path(mirror.checkout(commit)) / "stacks/shop/app.yml").read_text()
    assert not file.with_name("more").exists()
