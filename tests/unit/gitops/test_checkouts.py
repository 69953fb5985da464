"""Checkouts side by side: whatever is there is whole, also when the process that removes old ones is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.gitops.checkouts import KEPT, Checkouts
from scripts.machine.commands import ROOT

FORGETTING = """
import os, sys
from orchestrator.gitops.checkouts import Checkouts

left = int(sys.argv[2])

def dies(event, arguments):
    global left
    if event in ("os.remove", "os.rmdir"):
        left -= 1
        if left < 0:
            os._exit(9)

sys.addaudithook(dies)
Checkouts(sys.argv[1]).forget(())
"""


@pytest.mark.parametrize("removed", range(1, 6))
def test_a_checkout_that_was_removed_by_half_is_not_taken_for_a_whole_one(tmp_path: Path, removed: int) -> None:
    folder = str(tmp_path / "checkouts")
    commits = [f"{number:040x}" for number in range(KEPT + 1)]
    for commit in commits:
        with Checkouts(folder).incoming() as temporary:
            for name in "abcd":
                Path(temporary, name).write_text(commit)
            Checkouts(folder).settle(commit, temporary)
    words = [sys.executable, "-c", FORGETTING, folder, str(removed)]
    assert 9 == subprocess.run(words, cwd=ROOT, check=False).returncode

    checkouts = Checkouts(folder)
    assert KEPT <= len([commit for commit in commits if checkouts.complete(commit)])
    assert [] == [commit for commit in commits if checkouts.complete(commit) and not checkouts.sound(commit)]
    checkouts.forget(())
    assert KEPT == len(list(Path(folder).iterdir()))
