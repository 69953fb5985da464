"""What to do about containers that are there and do not do well: unhealthy ones, and those that keep ending. Pure.

One ``Healer`` a stack remembers what it saw and did. Given an observation and a monotonic time it answers with what should
be done now. An unhealthy container is restarted, then replaced, then its service is given up to a rollback; what keeps ending
is recognised as a crash loop, told once, and started again after pauses that grow. What the engine restarts by itself is left
to the engine.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.controller.backoff import CRASH_LOOP
from orchestrator.model.observed import Health, ObservedContainer, State
from orchestrator.records import dataclass, field

LOOP_EXITS = 3
LOOP_SECONDS = 60.0
FORGIVEN_AFTER = 330.0  # of doing well


@dataclass(frozen=True, slots=True, kw_only=True)
class Healing:
    """``resting`` maps services to the time until which they are not to be started again."""

    restart: tuple[ObservedContainer, ...] = ()
    replace: frozenset[str] = frozenset()
    give_up: frozenset[str] = frozenset()
    resting: dict[str, float] = field(default_factory=dict)
    loops: frozenset[str] = frozenset()
    unhealthy: frozenset[str] = frozenset()
    began_to_loop: frozenset[str] = frozenset()
    recovered: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Past:
    """What is remembered of one service."""

    exits: list[float] = field(default_factory=list)
    loops: int = 0
    resting_until: float = 0.0
    treated: list[float] = field(default_factory=list)
    seen: dict[str, tuple[int, str]] = field(default_factory=dict)


class Healer:
    """The memory of one stack."""

    def __init__(self) -> None:
        self._past: dict[str, _Past] = {}

    def forget(self, services: Iterable[str] | None = None) -> None:
        """A new version begins with a clean count (``None``: of every service)."""
        for name in list(self._past) if services is None else services:
            self._past.pop(name, None)

    def judge(self, containers: Iterable[ObservedContainer], now: float) -> Healing:
        """What should be done about ``containers``, the regular ones of services that are meant to run."""
        by_service: dict[str, list[ObservedContainer]] = {}
        for container in containers:
            by_service.setdefault(container.service, []).append(container)
        for gone in self._past.keys() - by_service.keys():
            self._past[gone].seen.clear()
        found = _Found()
        for service, members in sorted(by_service.items()):
            self._judge(service, members, now, found)
        return found.healing()

    def _judge(self, service: str, members: list[ObservedContainer], now: float, found: _Found) -> None:
        past = self._past.setdefault(service, _Past())
        self._loop(service, past, members, now, found)
        sick = [member for member in members if member.health is Health.UNHEALTHY and member.state is State.RUNNING]
        if sick:
            self._treat(service, past, sick, now, found)

    def _loop(self, service: str, past: _Past, members: list[ObservedContainer], now: float, found: _Found) -> None:
        fresh = _new_exits(past, members)
        past.exits = [at for at in past.exits if now - at < FORGIVEN_AFTER] + [now] * fresh
        recent = sum(now - at < LOOP_SECONDS for at in past.exits)
        if fresh and (past.loops or recent >= LOOP_EXITS):
            if not past.loops:
                found.began.add(service)
            past.loops += 1
            if any(member.state is State.EXITED for member in members):
                past.resting_until = now + CRASH_LOOP.delay(past.loops)
        elif past.loops and not past.exits and all(member.running for member in members):
            past.loops = 0
            found.recovered.add(service)
        if past.loops:
            found.loops.add(service)
        if past.resting_until > now:
            found.resting[service] = past.resting_until

    def _treat(self, service: str, past: _Past, sick: list[ObservedContainer], now: float, found: _Found) -> None:
        found.unhealthy.add(service)
        if past.resting_until > now:
            found.resting[service] = past.resting_until
            return
        past.treated = [at for at in past.treated if now - at < FORGIVEN_AFTER]
        if not past.treated:
            found.restart.extend(sick)
        elif len(past.treated) == 1:
            found.replace.add(service)
        else:
            found.give_up.add(service)
            past.resting_until = now + CRASH_LOOP.delay(len(past.treated))
        past.treated.append(now)


@dataclass(slots=True)
class _Found:
    restart: list[ObservedContainer] = field(default_factory=list)
    replace: set[str] = field(default_factory=set)
    give_up: set[str] = field(default_factory=set)
    resting: dict[str, float] = field(default_factory=dict)
    loops: set[str] = field(default_factory=set)
    unhealthy: set[str] = field(default_factory=set)
    began: set[str] = field(default_factory=set)
    recovered: set[str] = field(default_factory=set)

    def healing(self) -> Healing:
        return Healing(
            restart=tuple(self.restart),
            replace=frozenset(self.replace),
            give_up=frozenset(self.give_up),
            resting=self.resting,
            loops=frozenset(self.loops),
            unhealthy=frozenset(self.unhealthy),
            began_to_loop=frozenset(self.began),
            recovered=frozenset(self.recovered),
        )


def _new_exits(past: _Past, members: list[ObservedContainer]) -> int:
    """How often containers of the service ended since they were last looked at."""
    count = 0
    seen: dict[str, tuple[int, str]] = {}
    for member in members:
        ended = member.finished_at if member.state is State.EXITED else ""
        before = past.seen.get(member.id)
        seen[member.id] = (member.restart_count, ended or (before[1] if before else ""))
        if before is None:
            count += member.state is State.EXITED  # how often it restarted in former times says nothing of now
            continue
        count += max(0, member.restart_count - before[0])
        count += bool(ended) and ended != before[1]
    past.seen = seen
    return count
