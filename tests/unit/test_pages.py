"""The shell in which the commands of a page are run leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support import pages
from tests.support.waiting import eventually


def runs(pid: int) -> bool:
    """Whether a process works; what has ended and was not asked for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_a_broken_walk_left_running_ends_with_the_shell(tmp_path: Path) -> None:
    shell = pages.Shell(tmp_path, os.environ)
    _, said = shell.run("sleep 100000 > log 2>&1 & echo $!")
    _, grand = shell.run("(sleep 100000 > log 2>&1 & echo $!)")
    left = [int(said), int(grand)]
    assert [True, True] == [runs(pid) for pid in left]
    shell.close()

    eventually(lambda: not any(map(runs, left)), what="both have ended")
