"""Changes on disk arrive as batches, whatever way editors write."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.watch.files import Batch, Files
from orchestrator.watch.stacks import StackFiles
from tests.support.waiting import eventually


class Seen:
    """The batches of a watch; ``paths`` relative to the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.batches: list[Batch] = []
        self.files = Files(self.batches.append)

    @property
    def paths(self) -> set[str]:
        return {os.path.relpath(path, self.folder) for batch in self.batches for path in batch}

    def see(self, *names: str) -> None:
        eventually(lambda: set(names) <= self.paths, within=10, what=f"{names} among {self.paths}")


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[Seen]:
    made = Seen(tmp_path)
    yield made
    made.files.close()


@pytest.fixture
def tree(seen: Seen) -> Path:
    tree = seen.folder / "tree"
    tree.mkdir()
    seen.files.watch([str(tree)])
    return tree


def test_files_that_are_written_made_and_removed(seen: Seen, tree: Path) -> None:
    (tree / "a").write_text("1")
    seen.see("tree/a")
    seen.batches.clear()
    (tree / "a").write_text("2")
    seen.see("tree/a")
    seen.batches.clear()
    (tree / "a").chmod(0o755)
    seen.see("tree/a")
    seen.batches.clear()
    (tree / "a").unlink()
    seen.see("tree/a")


def test_a_directory_with_all_that_is_in_it(seen: Seen, tree: Path) -> None:
    (tree / "x/y").mkdir(parents=True)
    (tree / "x/y/z").write_text("")
    seen.see("tree/x", "tree/x/y", "tree/x/y/z")
    seen.batches.clear()
    (tree / "x/y/later").write_text("")
    seen.see("tree/x/y/later")
    seen.batches.clear()
    shutil.rmtree(tree / "x")
    seen.see("tree/x", "tree/x/y/z")


def test_a_directory_that_is_moved_in_and_out(seen: Seen, tree: Path) -> None:
    (seen.folder / "outside/in").mkdir(parents=True)
    (seen.folder / "outside/in/file").touch()
    (seen.folder / "outside").rename(tree / "inside")
    seen.see("tree/inside", "tree/inside/in/file")
    seen.batches.clear()
    (tree / "inside").rename(seen.folder / "outside")
    seen.see("tree/inside")


def test_an_editors_save_is_about_the_file_alone(seen: Seen, tree: Path) -> None:
    (tree / "a").write_text("1")
    seen.see("tree/a")
    seen.batches.clear()
    (tree / ".draft").write_text("2")
    (tree / ".draft").rename(tree / "a")
    seen.see("tree/a")
    assert "tree/.draft" not in seen.paths or len(seen.batches) > 1


def test_reading_is_no_change(seen: Seen, tree: Path) -> None:
    (tree / "a").write_text("1")
    seen.see("tree/a")
    seen.batches.clear()
    assert "1" == (tree / "a").read_text()
    (tree / "b").touch()
    seen.see("tree/b")
    assert {"tree/b"} == seen.paths


def test_a_file_is_watched_through_being_replaced(seen: Seen) -> None:
    file = seen.folder / "one"
    file.write_text("1")
    seen.files.watch([str(file)])
    for number in range(3):
        seen.batches.clear()
        (seen.folder / "draft").write_text(str(number))
        (seen.folder / "draft").rename(file)
        seen.see("one")
    assert "draft" not in seen.paths


def test_what_is_not_there_yet_is_seen_when_it_comes(seen: Seen) -> None:
    seen.files.watch([str(seen.folder / "later/on/file"), str(seen.folder / "tree")])
    (seen.folder / "later").mkdir()
    eventually(lambda: any(key[0].endswith("later") for key in seen.files._watches), within=10)
    (seen.folder / "later/on").mkdir()
    (seen.folder / "later/on/file").touch()
    seen.see("later/on/file")
    (seen.folder / "tree/in").mkdir(parents=True)
    (seen.folder / "tree/in/file").touch()
    seen.see("tree/in/file")


def test_a_directory_that_is_removed_and_made_again(seen: Seen, tree: Path) -> None:
    for number in range(3):
        shutil.rmtree(tree)
        tree.mkdir()
        (tree / f"file{number}").touch()
        seen.see(f"tree/file{number}")


def test_paths_are_told_as_they_were_given(seen: Seen) -> None:
    (seen.folder / "real").mkdir()
    (seen.folder / "link").symlink_to("real")
    (seen.folder / "real/file").touch()
    seen.files.watch([str(seen.folder / "link"), str(seen.folder / "link/file")])
    (seen.folder / "real/file").write_text("1")
    seen.see("link/file")
    assert not {path for path in seen.paths if path.startswith("real")}


def test_a_burst_is_few_batches(seen: Seen, tree: Path) -> None:
    for number in range(200):
        (tree / str(number)).write_text("x")
    seen.see(*(f"tree/{number}" for number in range(200)))
    assert len(seen.batches) < 100


def test_a_stack_is_looked_at_again_when_a_file_of_it_changes(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "app.yml").touch()
    trigger = StackFiles(told.append)
    try:
        trigger.follow("shop", [str(tmp_path / "app.yml"), str(tmp_path / ".env")])
        trigger.follow("other", [str(tmp_path / "other.yml")])
        (tmp_path / ".env").write_text("A=1")
        eventually(lambda: told, within=10)
        assert {"shop"} == set(told)
        trigger.forget("shop")
        told.clear()
        (tmp_path / ".env").write_text("A=2")
        (tmp_path / "other.yml").touch()
        eventually(lambda: told, within=10)
        assert {"other"} == set(told)
    finally:
        trigger.close()
