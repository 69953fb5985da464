"""Containers that are asked from outside whether they do well, all the time: the ``x-stack`` probes of a daemon's services.

A pass says whom it saw, and hears who of them does not do well (``judged``). In between one thread asks each at the interval of
its probe, a few at a time; when somebody begins or ceases to do well, the stack is looked at again. Only those are asked that can
be reached from here: a helper beside the container would change the engine at every turn.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from orchestrator.engines.base import Ask, Engine
from orchestrator.errors import EngineError
from orchestrator.model.observed import Health, ObservedContainer, State
from orchestrator.model.probe import Probe
from orchestrator.model.stack import Stack
from orchestrator.model.values import SECOND
from orchestrator.records import dataclass, replace

AT_ONCE = 4
TICK = 0.25  # seconds between looks at whose turn it is

Key = tuple[str, str]  # a container and when it started: another start begins with a clean count


@dataclass(slots=True)
class _Asked:
    stack: str
    probe: Probe
    since: float
    due: float
    ask: Ask | None = None
    well_once: bool = False
    failures: int = 0
    busy: bool = False

    @property
    def sick(self) -> bool:
        return self.failures >= self.probe.retries


class Probing:
    """``look_again`` gets the name of a stack whose containers do better or worse than before."""

    def __init__(
        self, engine: Engine, look_again: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine, self._look_again, self._clock = engine, look_again, clock
        self._asked: dict[Key, _Asked] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def judged(self, stack: Stack, containers: Iterable[ObservedContainer]) -> list[ObservedContainer]:
        """The containers, unhealthy where the probe says so; from now on these of the stack are asked, and no others."""
        found = list(containers)
        probes = {c.id: stack.services[c.service].probe for c in found if c.state is State.RUNNING}
        wanted = {_key(c): probe for c in found if (probe := probes.get(c.id)) is not None}
        now = self._clock()
        with self._lock:
            for key in [key for key, one in self._asked.items() if one.stack == stack.name and key not in wanted]:
                del self._asked[key]
            for key, probe in wanted.items():
                if key not in self._asked or self._asked[key].probe != probe:
                    self._asked[key] = _Asked(stack.name, probe, now, now)
            sick = {key for key, one in self._asked.items() if one.sick}
            if self._asked and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="probing", daemon=True)
                self._thread.start()
        return [replace(c, health=Health.UNHEALTHY) if _key(c) in sick else c for c in found]

    def forget(self, stack: str) -> None:
        with self._lock:
            for key in [key for key, one in self._asked.items() if one.stack == stack]:
                del self._asked[key]

    def close(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="probe") as pool:
            while not self._ended.wait(TICK):
                for key, one in self._whose_turn_it_is():
                    pool.submit(self.ask, key, one)

    def _whose_turn_it_is(self) -> list[tuple[Key, _Asked]]:
        now = self._clock()
        with self._lock:
            due = [(key, one) for key, one in self._asked.items() if one.due <= now and not one.busy]
            for _, one in due:
                one.busy, one.due = True, now + one.probe.interval_ns / SECOND
        return due

    def ask(self, key: Key, one: _Asked) -> None:
        """Ask one of them, once."""
        before = one.sick
        try:
            one.ask = one.ask or self._engine.near(key[0])
            if one.ask is not None:
                self._count(one, one.ask(one.probe))
        except EngineError:
            return  # whether it is there is another question, and not ours
        finally:
            one.busy = False
        if one.sick != before:
            self._look_again(one.stack)

    def _count(self, one: _Asked, trouble: str) -> None:
        if not trouble:
            one.failures, one.well_once = 0, True
        elif one.well_once or self._clock() - one.since >= one.probe.start_period_ns / SECOND:
            one.failures += 1


def _key(container: ObservedContainer) -> Key:
    return container.id, container.started_at
