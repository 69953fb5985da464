"""A pytest plugin: a test that no longer listens to anybody ends all the same, and a run that is ended says what ran.

pytest-timeout ends a test from a thread of its own process, which needs the interpreter's lock. A test stuck in one long
call of C code (a regular expression, say) holds that lock for good. The watch here is faulthandler's, which needs no lock:
a minute after the time of the test it prints every thread's stack and ends the process.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Iterator
from types import FrameType

import pytest

GRACE = 60.0  # seconds that pytest-timeout has, after the time of the test, to end it in its own way
_SCREEN = pytest.StashKey[int]()


class Running:
    """The tests that have started and not ended, of all workers."""

    def __init__(self) -> None:
        self._tests: dict[str, None] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._tests[nodeid] = None

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._tests.pop(nodeid, None)

    def end(self, _number: int, _frame: FrameType | None) -> None:
        """What SIGTERM does: the run ends in order, with what was still running as its last word."""
        names = ", ".join(self._tests) or "no test"
        pytest.exit(f"ended from outside while these ran: {names}", returncode=int(pytest.ExitCode.INTERRUPTED))


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_SCREEN] = os.dup(2)  # before a test's output is caught
    if not hasattr(config, "workerinput"):  # the one process that hears of all tests
        running = Running()
        config.pluginmanager.register(running, "running-tests")
        signal.signal(signal.SIGTERM, running.end)


def pytest_unconfigure(config: pytest.Config) -> None:
    os.close(config.stash[_SCREEN])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _watch(item)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> Iterator[None]:
    """A debugger may have been here, so pytest-timeout and pytest's own plugin for faulthandler have ended every watch."""
    try:
        return (yield)
    finally:
        if isinstance(node, pytest.Item):
            _watch(node)


def _watch(item: pytest.Item) -> None:
    seconds = _seconds(item)
    if seconds:
        faulthandler.dump_traceback_later(seconds + GRACE, exit=True, file=item.config.stash[_SCREEN])


def _seconds(item: pytest.Item) -> float:
    """The time that the test has by its mark, or by the settings; 0: as long as it likes."""
    mark = item.get_closest_marker("timeout")
    if mark and (mark.args or "timeout" in mark.kwargs):
        return float(mark.args[0] if mark.args else mark.kwargs["timeout"])
    given = item.config.getoption("timeout", None)
    return float(item.config.getini("timeout") or 0) if given is None else float(given)
