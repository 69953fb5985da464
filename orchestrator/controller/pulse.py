"""Whether the engine is there: a small question with a short limit, asked beside all other calls.

Calls may take long for good reasons, so their limit says nothing for a minute. An engine that hangs takes connections and answers
nothing at all; that is found here within ten seconds, and so is its return, also while nothing else asks. What waited for an answer
all the while and still has none a moment after the return is ended, to be tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from orchestrator.engines.base import Change, Engine
from orchestrator.errors import EngineUnreachable

EVERY_SECONDS = 2.0
ANSWER_SECONDS = 3.0
SILENCES = 2  # in a row, until it is said to hang: one alone may be a busy machine
GRACE_SECONDS = 2.0  # for answers that were on their way when the engine came back

Tell = Callable[[str, str, str], object]  # kind, text, level


class Pulse:
    """``heard`` is told of a gap when the engine is back, and when it went: everything is to be looked at. ``tell`` is told once
    of each. Runs from ``start`` to ``stop``.
    """

    def __init__(self, engine: Engine, tell: Tell, heard: Callable[[Change], None]) -> None:
        self._engine, self._tell, self._heard = engine, tell, heard
        self._problem: EngineUnreachable | None = None
        self._silences = 0
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    @property
    def problem(self) -> EngineUnreachable | None:
        """Why the engine does not answer; None while it does."""
        return self._problem

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._wake.set()

    def suspect(self) -> None:
        """Somebody got no answer: ask at once."""
        self._wake.set()

    def look(self) -> float:
        """Ask once; the answer is in how many seconds to ask again."""
        try:
            self._engine.ping(ANSWER_SECONDS)
        except EngineUnreachable as problem:
            return self._silent(problem)
        self._silences = 0
        if self._problem is not None:
            self._back()
        return EVERY_SECONDS

    def _silent(self, problem: EngineUnreachable) -> float:
        self._silences += 1
        hangs = problem.ref == "engine-timeout"
        if self._problem is None and (not hangs or self._silences >= SILENCES):
            self._problem = problem
            self._tell("unreachable", _words(problem), "warning")
            self._heard(Change("gap", action="the engine does not answer"))
        return 0.1 if hangs else 1.0

    def _back(self) -> None:
        self._problem, returned = None, monotonic()
        self._tell("reachable", "the engine answers again", "info")
        self._heard(Change("gap", action="the engine answers again"))
        self._ended.wait(GRACE_SECONDS)
        self._engine.cut(returned)

    def _run(self) -> None:
        delay = 0.0
        while not self._ended.is_set():
            self._wake.wait(delay)
            self._wake.clear()
            if not self._ended.is_set():
                delay = self.look()


def _words(problem: EngineUnreachable) -> str:
    if problem.ref == "engine-timeout":
        return "the engine hangs: it takes connections and answers nothing; it is asked again until it does"
    return f"{problem.message}; it is asked again until it answers"
