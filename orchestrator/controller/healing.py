"""What to do about containers that are there and do not do well: unhealthy ones, and those that keep ending. Pure.

One ``Healer`` a stack remembers what it saw and did. Given an observation and a monotonic time it answers with what should
be done now. An unhealthy container is restarted, then replaced, then its service is given up to a rollback; what keeps ending
is recognised as a crash loop, told once, and started again after pauses that grow. What the engine restarts by itself is left
to the engine; where ``deploy.restart_policy`` asks for what an engine cannot do (``restarts``), its rules come in as ``Rule``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.controller.backoff import CRASH_LOOP
from orchestrator.model.observed import Health, ObservedContainer, State
from orchestrator.records import dataclass, field

LOOP_EXITS = 3  # of one slot: replicas that end together, as when the engine restarts, are no loop
LOOP_SECONDS = 60.0
FORGIVEN_AFTER = 330.0  # of doing well: longer than the longest pause
FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Rule:
    """How a service is started again after it ended, in seconds: ``delay`` before each start; after ``attempts`` that were not
    good for ``window`` it is left (``None``: never).
    """

    delay: float = 0.0
    attempts: int | None = None
    window: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Healing:
    """``resting`` maps services to the time until which they are not to be started again. ``exhausted`` are those that used up
    their attempts just now.
    """

    restart: tuple[ObservedContainer, ...] = ()
    replace: frozenset[str] = frozenset()
    give_up: frozenset[str] = frozenset()
    resting: dict[str, float] = field(default_factory=dict)
    loops: frozenset[str] = frozenset()
    unhealthy: frozenset[str] = frozenset()
    began_to_loop: frozenset[str] = frozenset()
    recovered: frozenset[str] = frozenset()
    exhausted: frozenset[str] = frozenset()

    @property
    def acts(self) -> bool:
        """Whether there is something to do beside what a plan says."""
        return bool(self.restart or self.replace or self.give_up)


@dataclass(slots=True)
class _Past:
    """What is remembered of one service. ``exits`` holds the times of each slot; ``well_since`` when it began to do well."""

    exits: dict[int, list[float]] = field(default_factory=dict)
    loops: int = 0
    attempts: int = 0
    resting_until: float = 0.0
    looped_at: float = float("-inf")  # when it was seen to begin to loop
    excused: bool = False
    treatments: int = 0
    well_since: float | None = None
    seen: dict[str, tuple[int, str]] = field(default_factory=dict)


class Healer:
    """The memory of one stack."""

    def __init__(self) -> None:
        self._past: dict[str, _Past] = {}

    def forget(self, services: Iterable[str] | None = None) -> None:
        """A new version begins with a clean count (``None``: of every service)."""
        for name in list(self._past) if services is None else services:
            self._past.pop(name, None)

    def excuse(self, since: float) -> None:
        """The engine was away: what ended since then, and what is found ended at the next look, did so with it."""
        for past in self._past.values():
            past.exits = {slot: [at for at in times if at < since] for slot, times in past.exits.items()}
            past.excused = True
            if past.looped_at >= since:
                past.loops, past.resting_until = 0, 0.0

    def judge(
        self, containers: Iterable[ObservedContainer], now: float, rules: Mapping[str, Rule] | None = None
    ) -> Healing:
        """What should be done about ``containers``, the regular ones of services that are meant to run."""
        by_service: dict[str, list[ObservedContainer]] = {}
        for container in containers:
            by_service.setdefault(container.service, []).append(container)
        for gone in self._past.keys() - by_service.keys():
            self._past[gone].seen.clear()
        found = _Found()
        for service, members in sorted(by_service.items()):
            self._judge(service, members, now, (rules or {}).get(service), found)
        return found.healing()

    def _judge(
        self, service: str, members: list[ObservedContainer], now: float, rule: Rule | None, found: _Found
    ) -> None:
        past = self._past.setdefault(service, _Past())
        fresh = _new_exits(past, members)
        if past.excused:
            past.excused = False
            fresh = {} if rule is None or rule.attempts != 0 else fresh  # what is never started again stays ended
        self._forgive(service, past, members, now, rule, found, anew=bool(fresh))
        if fresh:
            self._loop(service, past, members, fresh, now, found)
            if rule is not None:
                self._attempt(service, past, now, rule, found)
        sick = [member for member in members if member.health is Health.UNHEALTHY and member.state is State.RUNNING]
        if sick:
            self._treat(service, past, sick, now, found)
        if past.loops:
            found.loops.add(service)
        if past.resting_until > now:
            found.resting[service] = past.resting_until

    def _forgive(
        self,
        service: str,
        past: _Past,
        members: list[ObservedContainer],
        now: float,
        rule: Rule | None,
        found: _Found,
        *,
        anew: bool,
    ) -> None:
        """What has done well for long enough begins anew; ``anew``: it ended and was started again since the last look."""
        if not all(member.running and member.health is not Health.UNHEALTHY for member in members):
            past.well_since = None
            return
        if past.well_since is None or anew:
            past.well_since = now
        well = now - past.well_since
        if rule is not None and rule.window and well >= rule.window:
            past.attempts = 0
        if well >= FORGIVEN_AFTER:
            if past.loops:
                found.recovered.add(service)
            past.exits.clear()
            past.loops = past.treatments = 0

    def _loop(
        self,
        service: str,
        past: _Past,
        members: list[ObservedContainer],
        fresh: Mapping[int, int],
        now: float,
        found: _Found,
    ) -> None:
        for slot, count in fresh.items():
            past.exits[slot] = [at for at in past.exits.get(slot, []) if now - at < LOOP_SECONDS] + [now] * count
        if not past.loops and all(len(past.exits[slot]) < LOOP_EXITS for slot in fresh):
            return
        if not past.loops:
            found.began.add(service)
            past.looped_at = now
        past.loops += 1
        if any(member.state is State.EXITED for member in members):
            past.resting_until = now + CRASH_LOOP.delay(past.loops)

    def _attempt(self, service: str, past: _Past, now: float, rule: Rule, found: _Found) -> None:
        """It ended once more under rules of its own."""
        past.attempts += 1
        past.resting_until = max(past.resting_until, now + rule.delay)
        if rule.attempts is not None and past.attempts > rule.attempts:
            past.resting_until = FOREVER
            found.exhausted.add(service)

    def _treat(self, service: str, past: _Past, sick: list[ObservedContainer], now: float, found: _Found) -> None:
        found.unhealthy.add(service)
        if past.resting_until > now:
            return
        past.treatments += 1
        if past.treatments == 1:
            found.restart.extend(sick)
        elif past.treatments == 2:
            found.replace.add(service)
        else:
            found.give_up.add(service)
            past.resting_until = now + CRASH_LOOP.delay(past.treatments)


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
    exhausted: set[str] = field(default_factory=set)

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
            exhausted=frozenset(self.exhausted),
        )


def _new_exits(past: _Past, members: list[ObservedContainer]) -> dict[int, int]:
    """How often containers of each slot ended since they were last looked at."""
    counts: dict[int, int] = {}
    seen: dict[str, tuple[int, str]] = {}
    for member in members:
        ended = member.finished_at if member.state is State.EXITED else ""
        before = past.seen.get(member.id)
        seen[member.id] = (member.restart_count, ended or (before[1] if before else ""))
        if before is None:
            count = int(member.state is State.EXITED)  # how often it restarted in former times says nothing of now
        else:
            count = max(0, member.restart_count - before[0]) + int(bool(ended) and ended != before[1])
        if count:
            counts[member.slot] = counts.get(member.slot, 0) + count
    past.seen = seen
    return counts
