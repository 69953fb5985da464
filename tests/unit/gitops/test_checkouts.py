"""Checkouts side by side: whatever is there is whole, also when the process that makes or removes them is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.gitops import layout
from orchestrator.gitops.checkouts import KEPT, Checkouts
from scripts.machine.commands import ROOT

DYING = """
import os, sys
from orchestrator.gitops.checkouts import Checkouts

left = int(sys.argv[2])

def dies(event, arguments):
    global left
    if event in ("os.remove", "os.rmdir", "os.rename"):
        left -= 1
        if left < 0:
            os._exit(9)

checkouts = Checkouts(sys.argv[1])
"""
FORGETTING = "sys.addaudithook(dies); checkouts.forget(())"
SETTLING = """
with checkouts.incoming() as temporary:
    for name in "abcd":
        with open(os.path.join(temporary, name), "w") as file:
            file.write("as committed")
    sys.addaudithook(dies)
    checkouts.settle("a" * 40, temporary)
    left = 1000
"""
COMMIT = "a" * 40


def dying(what: str, folder: str, after: int) -> int:
    words = [sys.executable, "-c", DYING + what, folder, str(after)]
    return subprocess.run(words, cwd=ROOT, check=False).returncode


def settled(folder: str, commit: str, content: str = "as committed") -> Path:
    with Checkouts(folder).incoming() as temporary:
        for name in "abcd":
            Path(temporary, name).write_text(content)
        return Path(Checkouts(folder).settle(commit, temporary))


def folders(folder: str) -> list[str]:
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())


@pytest.mark.parametrize("removed", range(1, 6))
def test_a_checkout_that_was_removed_by_half_is_not_taken_for_a_whole_one(tmp_path: Path, removed: int) -> None:
    folder = str(tmp_path / "checkouts")
    commits = [f"{number:040x}" for number in range(KEPT + 1)]
    for commit in commits:
        settled(folder, commit, commit)
    assert 9 == dying(FORGETTING, folder, removed)

    checkouts = Checkouts(folder)
    assert KEPT <= len([commit for commit in commits if checkouts.complete(commit)])
    assert [] == [commit for commit in commits if checkouts.complete(commit) and not checkouts.sound(commit)]
    checkouts.forget(())
    assert KEPT == len(folders(folder)) == len(list(Path(folder).glob(".*"))), "each with its mark, and nothing else"


@pytest.mark.parametrize("damaged", ["", "ab"], ids=["new", "mended"])
def test_a_checkout_that_was_made_by_half_is_not_trusted_and_made_whole(tmp_path: Path, damaged: str) -> None:
    changes = len(damaged) or 1
    for after in range(changes + 2):
        folder = str(tmp_path / f"killed-after-{after}")
        if damaged:
            settled(folder, COMMIT)
        for name in damaged:
            Path(folder, COMMIT, name).write_text("damage")
        assert (0 if after > changes else 9) == dying(SETTLING, folder, after)

        checkouts = Checkouts(folder)
        assert (checkouts.complete(COMMIT) is not None) == (bool(damaged) or after > changes)
        assert (checkouts.sound(COMMIT) is not None) == (after >= changes + (not damaged))
        assert {"as committed"} == {path.read_text() for path in settled(folder, COMMIT).iterdir()}
        assert checkouts.sound(COMMIT) is not None
        checkouts.forget(())
        assert [COMMIT] == folders(folder)


def test_what_containers_see_of_a_checkout_is_the_commits_alone(tmp_path: Path) -> None:
    assert ["a", "b", "c", "d"] == sorted(os.listdir(settled(str(tmp_path), COMMIT)))


def test_a_mark_that_an_older_version_has_put_inside_is_moved_out_and_believed(tmp_path: Path) -> None:
    place = settled(str(tmp_path), COMMIT)
    (mark,) = (path for path in tmp_path.iterdir() if path.is_file())
    mark.rename(place / layout.FORMER_MARK)
    before = (place / "a").stat()

    assert str(place) == Checkouts(str(tmp_path)).complete(COMMIT) == Checkouts(str(tmp_path)).sound(COMMIT)
    assert ["a", "b", "c", "d"] == sorted(os.listdir(place))
    assert before == (place / "a").stat(), "nothing was laid out anew"


def test_a_mark_without_its_checkout_says_nothing(tmp_path: Path) -> None:
    place = settled(str(tmp_path), COMMIT)
    place.rename(tmp_path / ".gone-by-hand")

    assert Checkouts(str(tmp_path)).complete(COMMIT) is None
    Checkouts(str(tmp_path)).forget(())
    assert [] == list(tmp_path.iterdir())
