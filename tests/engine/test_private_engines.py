"""A private engine ends whatever state it is in: a test that failed may have left it suspended, and nobody may wait for it then."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.machine import control, netns, packages
from scripts.machine import engine as private_engines
from scripts.machine.commands import as_root, is_root, run


@pytest.fixture
def private() -> Iterator[private_engines.Private]:
    packages.have(packages.ENGINE)
    made = private_engines.Private.called(f"s{os.getpid()}", isolated=True)
    control.start(made)
    pid = int(made.pidfile.read_text(encoding="utf-8"))
    try:
        yield made
    finally:
        if made.run.exists():
            _send(pid, signal.SIGCONT)
            control.stop(made, remove=True)


def _send(pid: int, number: int) -> None:
    command = ["kill", f"-{number}", str(pid)]
    run(command if is_root() else as_root(command))


def test_an_engine_that_is_suspended_is_ended(private: private_engines.Private) -> None:
    pid = int(private.pidfile.read_text(encoding="utf-8"))
    _send(pid, signal.SIGSTOP)

    control.stop(private, remove=True)

    assert not Path(f"/proc/{pid}").exists()
    assert not private.run.exists()
    assert not private.state.exists()


def test_an_engine_that_does_not_end_in_time_is_killed(
    private: private_engines.Private, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_engines, "STOP_SECONDS", 0.0)
    pid = int(private.pidfile.read_text(encoding="utf-8"))

    control.stop(private, remove=True)

    assert not Path(f"/proc/{pid}").exists()
    assert not private.run.exists()


def test_an_engine_that_is_stopped_by_its_name_leaves_no_namespace(private: private_engines.Private) -> None:
    assert netns.path(private.name).exists()

    control.stop(private_engines.Private.called(private.name), remove=True)

    assert not netns.path(private.name).exists()
    assert not private.state.exists()
