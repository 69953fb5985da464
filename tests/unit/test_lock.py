"""One writer per stack: the second waits or is told who holds it, and a dead holder holds nothing."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest

from orchestrator.cancel import CancelToken
from orchestrator.controller.lock import stack_lock
from orchestrator.errors import Interrupted, LockHeld

HOLD = (
    "import sys; from orchestrator.cancel import CancelToken; from orchestrator.controller.lock import stack_lock\n"
    "with stack_lock('engine', 'shop', wait=True, cancel=CancelToken()):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


@pytest.fixture(autouse=True)
def lock_directory(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def holder():
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": "."},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with process:
        yield process
        process.kill()


def test_the_second_is_refused_and_told_who_holds_it(holder: subprocess.Popen[bytes]) -> None:
    with (
        pytest.raises(LockHeld, match=f"pid {holder.pid}") as refused,
        stack_lock("engine", "shop", wait=False, cancel=CancelToken()),
    ):
        pass

    assert refused.value.exit_code == 75


def test_other_stacks_and_other_engines_are_free(holder: subprocess.Popen[bytes]) -> None:
    with stack_lock("engine", "blog", wait=False, cancel=CancelToken()):
        pass
    with stack_lock("other", "shop", wait=False, cancel=CancelToken()):
        pass


def test_a_killed_holder_holds_nothing(holder: subprocess.Popen[bytes]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()

    with stack_lock("engine", "shop", wait=False, cancel=CancelToken()):
        pass


def test_the_second_waits_until_the_first_has_ended(holder: subprocess.Popen[bytes]) -> None:
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        assert holder.stdin is not None
        holder.stdin.close()

    with stack_lock("engine", "shop", wait=True, cancel=CancelToken(), on_wait=tell):
        assert holder.wait(10) == 0

    assert "waiting" in told[0]


def test_a_waiting_command_can_be_interrupted(holder: subprocess.Popen[bytes]) -> None:
    cancel = CancelToken()

    with (
        pytest.raises(Interrupted),
        stack_lock(
            "engine", "shop", wait=True, cancel=cancel, on_wait=lambda text: threading.Timer(0, cancel.set).start()
        ),
    ):
        pass


def test_a_link_in_the_place_of_the_lock_file_is_not_followed(
    lock_directory: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with stack_lock("engine", "shop", wait=False, cancel=CancelToken()):
        (path,) = lock_directory.iterdir()
    victim = tmp_path / "victim"
    path.unlink()
    path.symlink_to(victim)

    with (
        pytest.raises(Exception, match="cannot open the lock file"),
        stack_lock("engine", "shop", wait=False, cancel=CancelToken()),
    ):
        pass

    assert not victim.exists()


def test_a_stack_with_a_very_long_name_has_a_lock_of_its_own(lock_directory: pathlib.Path) -> None:
    """A file's name holds 255 bytes."""
    names = ["a" * 400, "a" * 399 + "b"]
    with stack_lock("engine", names[0], wait=False, cancel=CancelToken()):
        with stack_lock("engine", names[1], wait=False, cancel=CancelToken()):
            assert 2 == len(os.listdir(lock_directory))
