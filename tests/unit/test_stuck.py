"""A test run that hangs ends, and names the test it hung in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
PLUGIN = "from tests.support import stuck\nfrom tests.support.stuck import *\nstuck.GRACE = 1.0\n"
HOLDS_THE_LOCK = "import re\ndef test_long():\n    re.match('(a+)+$', 'a' * 64 + 'b')\ndef test_short(): pass\n"
# What pytest-timeout does not end: it lets go of a test as soon as that has failed, before what tidies up after it.
WAITS_AFTER_A_FAILURE = (
    "import pytest, threading\n"
    "@pytest.fixture\ndef tidied():\n    yield\n    threading.Event().wait(100)\n"
    "def test_fails(tidied): assert False\n"
    "def test_short(): pass\n"
)
WAITS = (
    "import pathlib, threading\n"
    "def test_waits():\n    pathlib.Path('started').touch(); threading.Event().wait(100)\n"
    "def test_short(): pass\n"
)


def command(folder: Path, test: str, workers: int, seconds: int) -> list[str]:
    (folder / "conftest.py").write_text(PLUGIN)
    (folder / "test_it.py").write_text(test)
    options = [
        "-n",
        str(workers),
        "--timeout",
        str(seconds),
        "--timeout-method",
        "thread",
        "-p",
        "xdist",
        "-p",
        "pytest_timeout",
        "--rootdir",
        str(folder),
    ]
    code = f"import os, sys, pytest; os.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'; sys.path.insert(0, {str(ROOT)!r}); sys.exit(pytest.main(sys.argv[1:]))"
    return [sys.executable, "-c", code, *options, str(folder)]


def test_a_test_that_holds_the_interpreter_is_ended_and_has_failed(tmp_path: Path) -> None:
    run = subprocess.run(
        command(tmp_path, HOLDS_THE_LOCK, 1, 1), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert 1 == run.returncode
    assert "FAILED test_it.py::test_long" in run.stdout
    assert "1 failed, 1 passed" in run.stdout
    assert "in test_long" in run.stderr


def test_tidying_up_after_a_failed_test_has_a_limit_too(tmp_path: Path) -> None:
    run = subprocess.run(
        command(tmp_path, WAITS_AFTER_A_FAILURE, 1, 1),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert 1 == run.returncode
    assert "FAILED test_it.py::test_fails - assert False" in run.stdout
    assert "1 passed" in run.stdout
    assert "in tidied" in run.stderr


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_is_ended_says_what_was_running(tmp_path: Path, workers: int) -> None:
    with subprocess.Popen(
        command(tmp_path, WAITS, workers, 90), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as run:
        eventually((tmp_path / "started").exists, within=30, what="the test has started")
        run.terminate()
        said, _ = run.communicate(timeout=30)

    assert 2 == run.returncode
    assert "ended from outside while these ran: test_it.py::test_waits" in said
