"""Which slots a service has, which of several containers in one slot is the one, and what is to be done about it.

A slot normally holds one container. After a crash it may hold two (a rollout cut short), duplicates, or one the engine
could not get rid of; every such state is read here and led on to one container per slot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.model import naming
from orchestrator.model.observed import Health, ObservedContainer, State
from orchestrator.model.stack import Service
from orchestrator.planner.judgement import Judge, Judgement
from orchestrator.planner.networks import Place
from orchestrator.planner.policy import Recreate
from orchestrator.planner.situation import Situation
from orchestrator.planner.verdicts import (
    NOTHING,
    Create,
    Keep,
    Leave,
    Remove,
    Replace,
    Restore,
    ServiceVerdict,
    SlotVerdict,
    Start,
    Update,
    Verdict,
)
from orchestrator.records import replace

_GONE = (State.DEAD, State.REMOVING)


def judge_service(
    situation: Situation,
    service: Service,
    places: Mapping[str, Place],
    before: Mapping[str, ServiceVerdict],
    destroyed: Iterable[str] = (),
) -> ServiceVerdict:
    """The verdict on every slot of ``service``. ``destroyed`` are volumes that are made anew."""
    found = _by_slot(situation.containers.get(service.name, ()))
    slots = wanted_slots(found, service.replicas)
    judge = Judge(situation, service, places, before)
    held = situation.is_held(service) or service.name in situation.held_with_others
    fallback = held and any(_has_fallback(judge, found.get(slot, ())) for slot in slots)
    one = _Slots(situation, service, judge, frozenset(destroyed), fallback)
    if service.name in situation.blocked:
        slots = tuple(slot for slot in slots if slot in found)
    stale = _former_fronts(situation, service)
    why = "scaled down" if service.replicas else "not wanted"
    beyond = tuple(Remove(c, why) for slot in sorted(found) if slot not in slots for c in found[slot])
    judged = [one.verdict(slot, found.get(slot, ())) for slot in slots]
    if stale and judged:
        judged[0] = replace(judged[0], surplus=(*judged[0].surplus, *stale))
    return ServiceVerdict(service.name, tuple(judged), beyond if judged else (*beyond, *stale))


def _former_fronts(situation: Situation, service: Service) -> tuple[Remove, ...]:
    """Front ends that stood before the service until the file took them away: they hold its ports and its name."""
    return tuple(
        Remove(container, "the service has no front end any more")
        for container in situation.everything
        if container.labels.get(naming.FRONT) == service.name and container.service not in situation.desired.services
    )


def wanted_slots(found: Mapping[int, tuple[ObservedContainer, ...]], replicas: int) -> tuple[int, ...]:
    """The lowest slots in use, as many as wanted, and the lowest free numbers for the rest."""
    used = sorted(slot for slot in found if slot > 0)[:replicas]
    free = [number for number in range(1, replicas + 1) if number not in used]
    return tuple(sorted(used + free[: replicas - len(used)]))


def is_declared_one_shot(situation: Situation, service: Service) -> bool:
    """Whether the file says that the service is meant to end."""
    return service.is_job or service.name in situation.awaited_to_complete


def is_one_shot(situation: Situation, service: Service, container: ObservedContainer | None = None) -> bool:
    """Whether the service is meant to end: a job, awaited to complete, or nothing that could serve."""
    if is_declared_one_shot(situation, service):
        return True
    if service.name in situation.needed_running or service.name in situation.policy.stopped:
        return False
    if _restarts(service) not in ("no", ""):
        return False
    return _serves_nobody(service, container)


def is_finished(situation: Situation, service: Service, container: ObservedContainer) -> bool:
    """Whether the container ended as it was meant to: a one-shot, or one that is started again after failures only."""
    if not container.finished:
        return False
    if situation.policy.start_finished:
        return is_declared_one_shot(situation, service)
    if is_one_shot(situation, service, container):
        return True
    needed = service.name in situation.needed_running or service.name in situation.policy.stopped
    return _restarts(service) == "on-failure" and not needed and _serves_nobody(service, container)


def _restarts(service: Service) -> str:
    """When it is to be started again, be it by the engine or by a daemon: in the engine's words."""
    policy = service.deploy.restart
    if policy is not None and not service.is_job:
        return {"none": "no", "any": "always"}.get(policy.condition, policy.condition)
    return service.container.restart.name


def _serves_nobody(service: Service, container: ObservedContainer | None) -> bool:
    settings = service.container
    if settings.ports or settings.expose:
        return False
    inherited = container.image_defaults.healthcheck if container and container.image_defaults else None
    check = settings.healthcheck or inherited
    return check is None or check.disabled


def _by_slot(containers: Iterable[ObservedContainer]) -> dict[int, tuple[ObservedContainer, ...]]:
    found: dict[int, tuple[ObservedContainer, ...]] = {}
    for container in containers:
        found[container.slot] = (*found.get(container.slot, ()), container)
    return found


def _has_fallback(judge: Judge, containers: Iterable[ObservedContainer]) -> bool:
    """Whether the slot holds something older than the version that failed, or at least another container."""
    alive = [container for container in containers if container.state not in _GONE]
    return len(alive) > 1 or any(not judge.judge(container).right for container in alive)


class _Slots:
    """The verdict on one slot after the other, of one service."""

    def __init__(
        self, situation: Situation, service: Service, judge: Judge, destroyed: frozenset[str], fallback: bool
    ) -> None:
        self.situation, self.service, self.judge = situation, service, judge
        self.destroyed, self.fallback = destroyed, fallback
        self.failed = situation.is_held(service)
        self.held = self.failed or (fallback and service.name in situation.held_with_others)
        self.stands_still = situation.stands_still(service)
        self.failed_slots = situation.failed_slots(service)
        self.left = situation.lost_slots(service) | (frozenset() if self.failed else self.failed_slots)
        self.recreate = situation.recreate(service)

    def verdict(self, slot: int, containers: tuple[ObservedContainer, ...]) -> SlotVerdict:
        gone = tuple(Remove(c, f"the engine left it {c.state}") for c in containers if c.state in _GONE)
        judged = [self.judge.judge(c) for c in containers if c.state not in _GONE]
        if not judged:
            return SlotVerdict(slot, Create("no container yet" if not gone else gone[0].reason), gone)
        if self.stands_still or slot in self.left:
            return SlotVerdict(slot, self._leave(slot, judged), gone)
        if self.held:
            verdict, surplus = self._held(slot, judged)
        else:
            verdict, surplus = self._decide(slot, judged)
        if self._is_blocked(verdict):
            return SlotVerdict(slot, self._leave(slot, judged), gone)
        return SlotVerdict(slot, verdict, (*surplus, *gone))

    def _leave(self, slot: int, judged: list[Judgement]) -> Leave:
        return Leave(self._ranked(slot, judged)[0].container)

    def _is_blocked(self, verdict: Verdict) -> bool:
        """Whether a change would begin that must not, because what the service depends on failed."""
        begins = isinstance(verdict, Replace) and not (verdict.new is not None and verdict.new.running)
        return begins and self.service.name in self.situation.blocked

    def _decide(self, slot: int, judged: list[Judgement]) -> tuple[Verdict, tuple[Remove, ...]]:
        right = self._ranked(slot, [j for j in judged if j.right])
        wrong = self._ranked(slot, [j for j in judged if not j.right])
        if self.recreate is Recreate.NEVER:
            best, *rest = right + wrong
            return self._in_place(best), self._surplus(rest, "one too many")
        if self.recreate is Recreate.FORCE and right:
            return self._forced(slot, right, wrong)
        if right and wrong and self._serves_all_along(slot, right[0], wrong):
            surplus = self._surplus(right[1:], "a duplicate") + self._surplus(wrong, "superseded")
            return self._in_place(right[0]), surplus
        if right and wrong:
            new, *duplicates = right
            old, *others = wrong
            return self._replace(old, new), self._surplus(duplicates, "a duplicate") + self._surplus(
                others, "superseded"
            )
        if right:
            return self._in_place(right[0]), self._surplus(right[1:], "a duplicate")
        return self._replace(wrong[0], None), self._surplus(wrong[1:], "superseded")

    def _serves_all_along(self, slot: int, best: Judgement, wrong: list[Judgement]) -> bool:
        """A wish that was taken back: what is wanted again was never relieved, so it has nothing to prove."""
        named = best.container.name == self.situation.name(self.service, slot)
        return named and best.container.state is State.RUNNING and not any(j.container.running for j in wrong)

    def _forced(self, slot: int, right: list[Judgement], wrong: list[Judgement]) -> tuple[Verdict, tuple[Remove, ...]]:
        """Replace although nothing differs; a replacement made by an earlier, interrupted attempt is used."""
        old, *rest = wrong or right
        name = self.situation.name(self.service, slot)
        prepared = [j for j in (right if wrong else rest) if j.container.name != name]
        new = prepared[0] if prepared else None
        others = [j for j in right + wrong if j is not old and j is not new]
        forced = Judgement(old.container, old.reasons or ("recreation was asked for",), old.differences)
        return self._replace(forced, new), self._surplus(others, "superseded")

    def _replace(self, old: Judgement, new: Judgement | None) -> Replace:
        mends = new.mends if new is not None else NOTHING
        prepared = new.container if new is not None else None
        destroys = self._destroys(old.container)
        return Replace(old.container, old.reasons, old.differences, prepared, mends, destroys)

    def _destroys(self, old: ObservedContainer) -> bool:
        mounts = old.settings.mounts if old.settings else ()
        return any(mount.source in self.destroyed for mount in mounts if mount.source)

    def _in_place(self, judged: Judgement) -> Verdict:
        container, mends = judged.container, judged.mends
        if self._destroys(container):
            return Replace(container, ("a volume it mounts is made anew",), destroys=True)
        if self._is_finished(container):
            return Keep(container)
        reason = self._why_start(container)
        if reason and self.situation.policy.start:
            return Start(container, reason, mends)
        return Update(container, mends) if mends else Keep(container)

    def _is_finished(self, container: ObservedContainer) -> bool:
        return is_finished(self.situation, self.service, container)

    def _why_start(self, container: ObservedContainer) -> str:
        if container.state is State.PAUSED:
            return "it is paused"
        if container.state is State.CREATED:
            return "it was never started"
        if container.state is State.EXITED:
            return f"it has stopped (exit code {container.exit_code})"
        return ""

    def _held(self, slot: int, judged: list[Judgement]) -> tuple[Verdict, tuple[Remove, ...]]:
        """The wanted version failed: bring back what served before, or leave everything as it is."""
        right = self._ranked(slot, [j for j in judged if j.right])
        wrong = self._ranked(slot, [j for j in judged if not j.right])
        if not self.fallback:
            return Leave((right + wrong)[0].container), ()
        if self.judge.goes_back():
            return self._held_with_mates(slot, judged)
        if not wrong:
            return self._held_alike(slot, right)
        old, *others = wrong
        failed = tuple(j.container for j in right)
        if not failed and old.container.running:
            return Keep(old.container), self._surplus(others, "superseded")
        serves = slot not in self.failed_slots and any(_worth(container) == 0 for container in failed)
        return Restore(old.container, failed, serves), self._surplus(others, "superseded")

    def _held_with_mates(self, slot: int, judged: list[Judgement]) -> tuple[Verdict, tuple[Remove, ...]]:
        """What it shares with goes back to the container before; the one that was made for that one is the old one."""
        ranked = self._ranked(slot, judged)
        mates = [j.container for j in ranked if self.judge.shares_rightly(j.container)]
        old = (mates or [j.container for j in ranked])[0]
        return Restore(old, tuple(j.container for j in ranked if j.container is not old)), ()

    def _held_alike(self, slot: int, right: list[Judgement]) -> tuple[Verdict, tuple[Remove, ...]]:
        """Old and new differ in nothing we can see (a recreation that was asked for): the name tells which is the old."""
        name = self.situation.name(self.service, slot)
        old = min(right, key=lambda j: (j.container.name != name, j.container.created_at)).container
        failed = tuple(j.container for j in right if j.container is not old)
        return (Restore(old, failed) if failed else Keep(old)), ()

    def _surplus(self, judged: Iterable[Judgement], reason: str) -> tuple[Remove, ...]:
        return tuple(Remove(j.container, reason) for j in judged)

    def _ranked(self, slot: int, judged: list[Judgement]) -> list[Judgement]:
        """The best first: what serves before what does not, then the right name, then age."""
        name = self.situation.name(self.service, slot)

        def rank(one: Judgement) -> tuple[int, bool, str, str]:
            container = one.container
            return _worth(container), container.name != name, container.created_at, container.id

        return sorted(judged, key=rank)


def _worth(container: ObservedContainer) -> int:
    """The lower, the better it serves."""
    if container.state is State.RUNNING:
        return 1 if container.health is Health.UNHEALTHY else 0
    return {State.PAUSED: 2, State.RESTARTING: 3, State.EXITED: 4}.get(container.state, 5)
