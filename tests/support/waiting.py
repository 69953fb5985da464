"""Waiting for the world to become so, with a limit. The only place in the tests that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

STEP_SECONDS = 0.02


def eventually(condition: Callable[[], T], *, within: float = 30.0, what: str = "") -> T:
    """The condition's first true value. An AssertionError raised by the condition counts as "not yet"."""
    deadline = time.monotonic() + within
    while True:
        failure: AssertionError | None = None
        try:
            value = condition()
        except AssertionError as not_yet:
            failure = not_yet
        else:
            if value:
                return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what or condition}") from failure
        time.sleep(STEP_SECONDS)
