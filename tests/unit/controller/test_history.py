"""The history of a stack as a file: several writers, a full disk, damage, old and newer formats, retention."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from orchestrator.controller import history_file
from orchestrator.controller.history import History, HistoryUnusable, Image, Retention, Revision, RunOutcome
from orchestrator.controller.places import path_of, was_cut_short
from orchestrator.errors import UsageError

DAY = 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> str:
    return path_of(str(tmp_path / "state"), "engine", "shop")


def applied(past: History, *, now: float = 0.0, outcome: RunOutcome = RunOutcome.APPLIED, image: str = "a") -> int:
    number = past.begin(command="up", now=now, record={})
    spec = {"name": "shop", "replicas": {"web": 1}, "model": {"image": image}}
    images = {"web": Image(reference="web:1", id=f"sha256:{image}", digests=(f"web@sha256:{image}",))}
    past.end(
        Revision(
            number=number, began=now, ended=now + 1, outcome=outcome, command="up", spec=spec, images=images, record={}
        )
    )
    return number


def test_what_was_written_is_read_back(path: str) -> None:
    with History(path) as past:
        number = applied(past, now=7.5)
    with History(path, reading=True) as past:
        found = past.get(number)

    assert found is not None
    assert (1, 7.5, 8.5, RunOutcome.APPLIED) == (found.number, found.began, found.ended, found.outcome)
    assert {"web": Image(reference="web:1", id="sha256:a", digests=("web@sha256:a",))} == found.images
    assert {"image": "a"} == found.spec["model"]


def test_only_the_owner_may_read_it(path: str) -> None:
    """It names everything that runs, and on shared hosts that is nobody else's business."""
    old = os.umask(0)
    try:
        with History(path) as past:
            applied(past)
            modes = {
                name: stat.S_IMODE(os.stat(os.path.join(os.path.dirname(path), name)).st_mode)
                for name in os.listdir(os.path.dirname(path))
            }
    finally:
        os.umask(old)

    assert {0o600} == set(modes.values()), modes
    assert 0o700 == stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode)


def test_a_link_in_its_place_is_not_followed(path: str, tmp_path: Path) -> None:
    os.makedirs(os.path.dirname(path))
    (tmp_path / "other").write_text("mine")
    os.symlink(tmp_path / "other", path)
    with pytest.raises(HistoryUnusable):
        History(path)
    assert "mine" == (tmp_path / "other").read_text()


def test_a_spec_that_does_not_change_is_stored_once(path: str) -> None:
    with History(path) as past:
        for _ in range(3):
            applied(past)
    with sqlite3.connect(path) as database:
        assert [(1,)] == database.execute("SELECT count(*) FROM spec").fetchall()


def test_the_last_one_applied_serves(path: str) -> None:
    with History(path) as past:
        applied(past)
        good = applied(past, image="b")
        applied(past, image="c", outcome=RunOutcome.FAILED)
        serving = past.serving()

    assert serving is not None
    assert good == serving.number


def write_many(path: str, count: int) -> None:
    for _ in range(count):
        with History(path) as past:
            applied(past)


def test_writers_at_the_same_time_lose_nothing(path: str) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(path, 10)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    assert [0] * 4 == [writer.exitcode for writer in writers]
    with History(path, reading=True) as past:
        assert list(range(40, 0, -1)) == [one.number for one in past.all()]


def test_a_writer_killed_in_the_middle_leaves_a_sound_file_and_a_mark(path: str) -> None:
    program = textwrap.dedent("""
        import sys
        from orchestrator.controller.history import History
        past = History(sys.argv[1])
        past.begin(command="up", now=1.0, record={})
        past._database.execute("BEGIN IMMEDIATE")
        past._database.execute("UPDATE revision SET command = 'torn'")
        print("ready", flush=True)
        sys.stdin.read()
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "ready\n" == process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert was_cut_short(path)
    with History(path) as past:
        assert [("up", RunOutcome.BEGUN)] == [(one.command, one.outcome) for one in past.all()]
        applied(past)
        assert [RunOutcome.APPLIED, RunOutcome.INTERRUPTED] == [one.outcome for one in past.all()]
    assert not was_cut_short(path)


def test_a_look_does_not_take_the_mark_away(path: str) -> None:
    with History(path) as past:
        past.begin(command="up", now=1.0, record={})
    with History(path, reading=True) as past:
        assert 1 == len(past.all())
    assert was_cut_short(path)


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to be looked at" * 40])
def test_a_file_that_is_no_history_is_put_aside_and_said(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path))
    Path(path).write_bytes(content)
    with History(path) as past:
        applied(past)
        assert 1 == len(past.all())
        notice = past.notice

    if content:
        (aside,) = Path(path).parent.glob("*.damaged-*")
        assert content == aside.read_bytes()
        assert str(aside) in notice


def test_damage_in_the_middle_is_put_aside_and_said(path: str) -> None:
    with History(path) as past:
        for number in range(60):
            applied(past, image=str(number) * 400)
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))

    with History(path) as past:
        applied(past)
        assert 1 == len(past.all())
        assert "a new one is begun" in past.notice


def test_a_look_into_a_damaged_file_says_so(path: str) -> None:
    os.makedirs(os.path.dirname(path))
    Path(path).write_bytes(b"x" * 4096)
    with pytest.raises(HistoryUnusable, match="cannot be used"):
        History(path, reading=True)
    assert b"x" * 4096 == Path(path).read_bytes()


def test_a_newer_format_is_left_alone(path: str) -> None:
    with History(path) as past:
        applied(past)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    before = Path(path).read_bytes()
    with pytest.raises(HistoryUnusable, match="a newer release of stack has written it"):
        History(path)
    assert before == Path(path).read_bytes()


def test_an_earlier_format_is_brought_up_to_date(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step of a migration happens once, and what was there stays."""
    with History(path) as past:
        applied(past)
    later = (*history_file.MIGRATIONS, "ALTER TABLE revision ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'")
    monkeypatch.setattr(history_file, "MIGRATIONS", later)
    for _ in range(2):
        with History(path) as past:
            assert 1 == len(past.all())
    with sqlite3.connect(path) as database:
        assert [("calm",)] == database.execute("SELECT mood FROM revision").fetchall()
        assert [(len(later),)] == database.execute("PRAGMA user_version").fetchall()


def test_a_full_disk_is_said_and_nothing_is_torn(path: str) -> None:
    with History(path) as past:
        applied(past)
        (pages,) = past._database.execute("PRAGMA page_count").fetchone()
        past._database.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(HistoryUnusable, match="full"):
            applied(past, image="x" * 200_000)
    with History(path, reading=True) as past:
        assert past.serving() is not None
        assert not list(Path(path).parent.glob("*.damaged-*"))


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the way")
    with pytest.raises(HistoryUnusable):
        History(path_of(str(tmp_path / "state"), "engine", "shop"))


def test_too_many_and_too_old_ones_are_forgotten_but_never_the_one_that_serves(path: str) -> None:
    with History(path) as past:
        for day in range(10):
            applied(past, now=day * DAY, image=str(day))
        past.forget(Retention(revisions=6, images=1), now=10 * DAY)
        assert [10, 9, 8, 7, 6, 5] == [one.number for one in past.all()]
        past.forget(Retention(revisions=6, days=3, images=1), now=10 * DAY)
        assert [10, 9, 8] == [one.number for one in past.all()]
        applied(past, now=11 * DAY, outcome=RunOutcome.FAILED)
        past.forget(Retention(revisions=1, days=1, images=9), now=100 * DAY)
        assert [10] == [one.number for one in past.all()]
        assert 12 == applied(past, now=100 * DAY), "numbers are never given twice"


def test_runs_that_only_mended_something_push_no_other_version_out(path: str) -> None:
    with History(path) as past:
        for image in "ab":
            applied(past, image=image)
        for _ in range(10):
            applied(past, image="b")
        past.forget(Retention(revisions=4, images=3), now=0)
        assert [12, 11, 10, 9, 1] == [one.number for one in past.all()]


def test_retention_comes_from_the_environment() -> None:
    assert Retention(revisions=5, days=30) == Retention.from_environment(
        {"STACK_HISTORY_REVISIONS": "5", "STACK_HISTORY_DAYS": " 30 ", "STACK_HISTORY_IMAGES": ""}
    )
    with pytest.raises(UsageError, match="STACK_HISTORY_DAYS"):
        Retention.from_environment({"STACK_HISTORY_DAYS": "a week"})
