"""When: the order in which the containers of each service have their turn, so that something always goes on serving.

Everything is prepared before the first running container is touched. Then, service by service behind what it depends on,
old and new change places by the declared order. The old one is kept until all new ones of its service are proven, and only
then removed: what is not proven is given up by the next plan, which finds the old one still there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from orchestrator.model import naming
from orchestrator.model.actions import (
    RunProvider,
    WaitFor,
)
from orchestrator.model.front import FrontEnd
from orchestrator.model.observed import State
from orchestrator.model.stack import Condition, Dependency, RollbackScope, Service
from orchestrator.planner import fronts, hooks
from orchestrator.planner.containers import Life, Workshop
from orchestrator.planner.draft import Id
from orchestrator.planner.exchange import Exchange
from orchestrator.planner.situation import Situation, namespaces, peers, ref
from orchestrator.planner.turns import Turn, Turns, batches, is_up
from orchestrator.planner.verdicts import (
    NOTHING,
    Create,
    Keep,
    Leave,
    Replace,
    Restore,
    ServiceVerdict,
    SlotVerdict,
    Start,
    Update,
)

_CONDITIONS = {
    Condition.HEALTHY: WaitFor.HEALTHY,
    Condition.COMPLETED: WaitFor.COMPLETED,
}


class Rollout:
    """Turns verdicts into steps. ``prepare`` is called for every service first, then ``switch``, then ``clear``."""

    def __init__(self, situation: Situation, workshop: Workshop) -> None:
        self.situation, self.workshop = situation, workshop
        self.draft = workshop.draft
        self.exchange = Exchange(situation, workshop)
        self.turns: dict[str, Turns] = {}
        self.providers: dict[str, Id] = {}

    # Preparing

    def prepare(self, service: Service, verdict: ServiceVerdict) -> None:
        """Create or adopt the container of every slot."""
        turns = Turns(service, [self._prepared(service, slot) for slot in verdict.slots])
        self.turns[service.name] = turns
        self.workshop.lives[service.name] = [turn.life for turn in turns.turns]

    def _prepared(self, service: Service, judged: SlotVerdict) -> Turn:
        shop, slot = self.workshop, judged.slot
        name, place = self.situation.name(service, slot), f"{service.name}.{slot}"
        match judged.verdict:
            case Keep(container=container) | Leave(container=container):
                return Turn(judged, shop.adopt(service, slot, container, NOTHING, ""), f"keep {place}")
            case Update(container=container, mends=mends):
                return Turn(judged, shop.adopt(service, slot, container, mends, f"update {place}"), f"update {place}")
            case Start(container=container, mends=mends):
                return Turn(judged, shop.adopt(service, slot, container, mends, f"start {place}"), f"start {place}")
            case Restore(old=old):
                return Turn(judged, shop.adopt(service, slot, old, NOTHING, ""), f"restore {place}")
            case Create(reason=reason):
                group = f"create {place}"
                return Turn(judged, shop.create(service, slot, name, reason=reason, group=group), group)
            case Replace() as verdict:
                return self._replacement(service, judged, verdict, name, f"replace {place}")
            case _:
                assert_never(judged.verdict)

    def _replacement(self, service: Service, judged: SlotVerdict, verdict: Replace, name: str, group: str) -> Turn:
        if verdict.new is not None and not verdict.destroys:
            life = self.workshop.adopt(service, judged.slot, verdict.new, verdict.mends, group)
            return Turn(judged, life, group, old=verdict.old)
        if not verdict.destroys:
            final, name = name, naming.replacement(name, self.situation.fingerprint(service))
            if verdict.old.name == name:  # a rollout was cut short before the last rename: finish that first
                self.workshop.rename(ref(verdict.old), final, after=[], reason="takes its name", group=group)
        life = self.workshop.create(
            service,
            judged.slot,
            name,
            reason="; ".join(verdict.reasons[:3]),
            group=group,
            replaces=verdict.old,
            differences=verdict.differences,
        )
        return Turn(judged, life, group, old=verdict.old)

    # Switching

    def switch(self, service: Service) -> None:
        """Bring the prepared containers of a service into service, behind what it depends on."""
        turns = self.turns[service.name]
        self._tell(turns)
        if service.front_end is not None:
            self._set_up(service.front_end, turns, running=False)
        self._stop_surplus(turns)
        self._destroy(turns)
        self.exchange.restore(turns)
        if not self.situation.policy.start:
            self._put_in_place_unstarted(turns)
            return
        changing = turns.of_kind(Create, Start, Replace)
        followers = self._followers(turns)
        if changing or followers:
            gate = self._gate(service)
            hooked = [*gate, *hooks.before_first_start(self.workshop, turns, gate)]
            for turn in turns.of_kind(Create, Start):
                self._start(turn, hooked)
                self._bring_in(turn)
                self._stays_up(turn)
            self._start_destroyed(turns, hooked)
            self.exchange.replace(turns, gate, hooked)
            self._restart(turns, followers, gate)
        self._wait_if_asked(turns)

    def _tell(self, turns: Turns) -> None:
        """What became of an update of which something failed, where that is not a way back."""
        service, situation = turns.service, self.situation
        failed, name = len(situation.failed_slots(service)), f'service "{turns.service.name}"'
        if service.front_end is not None:
            return
        if service.name in situation.blocked:
            text = f"{name} is left as it is: the update of what it depends on failed"
            self.draft.warn(text, reference="blocked")
        elif situation.stands_still(service):
            text = f"{name}: the update stands still after a failure; the same command goes on with it"
            self.draft.warn(text, reference="paused")
        elif failed and not situation.is_held(service):
            text = f"{name}: {failed} of {service.replicas} failed; the update goes on, as the file says"
            self.draft.warn(text, reference="goes-on")

    def _start(self, turn: Turn, after: Iterable[Id | None]) -> None:
        verdict = turn.judged.verdict
        reason = verdict.reason if isinstance(verdict, Create | Start) else ""
        self.workshop.start(turn.life, after=[*after, *turn.cleared], reason=reason, group=turn.group)

    def _bring_in(self, turn: Turn) -> None:
        """One more behind a front end that serves: connections come to it once it is ready."""
        service = turn.life.service
        membership = self.workshop.memberships.get(service.name)
        if membership is None or membership.front is None or membership.holds(turn.life.ref):
            return
        monitor = self._window(service)
        turn.life.proven = self.workshop.wait(turn.life, WaitFor.READY, monitor_ns=monitor, group=turn.group)
        self.workshop.enter(turn.life, after=[turn.life.proven, turn.life.started], group=turn.group)

    def _set_up(self, front_end: FrontEnd, turns: Turns, *, running: bool) -> None:
        behind = self.turns.get(front_end.service)
        fronts.set_up(self.workshop, front_end, turns, behind, running=running)

    def settle_fronts(self) -> None:
        """Once all that leaves has left, running front ends are set to what remains."""
        for turns in self.turns.values():
            if turns.service.front_end is not None:
                self._set_up(turns.service.front_end, turns, running=True)
        for membership in self.workshop.memberships.values():
            membership.keeps_its_front_until_told(self.workshop.removals)

    def _stays_up(self, turn: Turn) -> None:
        """A front end counts as started once it takes connections."""
        if turn.life.service.front_end is not None:
            turn.life.started = fronts.taking_connections(self.workshop, turn.life, turn.group)

    def _stop_surplus(self, turns: Turns) -> None:
        """Whatever else runs in a slot stops before its container starts: it may hold the slot's ports."""
        for turn in turns.turns:
            stops = [
                self.workshop.stop(
                    remove.container, turns.service, after=[], reason=remove.reason, group=f"remove {turn.place}"
                )
                for remove in turn.judged.surplus
            ]
            turn.cleared = tuple(step for step in stops if step is not None)

    def _destroy(self, turns: Turns) -> None:
        """Where a volume is made anew, the old containers go before anything of the new ones is made."""
        for turn in turns.of_kind(Replace):
            verdict = turn.judged.verdict
            if isinstance(verdict, Replace) and verdict.destroys and turn.old is not None:
                reason = "; ".join(verdict.reasons[:3])
                stopped = self.workshop.stop(turn.old, turns.service, after=[], reason=reason, group=turn.group)
                gone = self.workshop.remove(turn.old, after=[stopped], reason=reason, group=turn.group)
                for step in self.workshop.volumes.destroyed.values():
                    self.draft.order(step, [gone])
                turn.old = None

    def _put_in_place_unstarted(self, turns: Turns) -> None:
        """Only creating was asked for: the replacement takes the place without being started."""
        for turn in turns.of_kind(Replace):
            if turn.old is not None:
                turn.stopped = self.workshop.stop(
                    turn.old, turns.service, after=[turn.life.made], reason="replaced", group=turn.group
                )

    # What comes first

    def _gate(self, service: Service) -> list[Id | None]:
        """The steps after which everything the service depends on is as it wants it: every replica of it."""
        gate: list[Id | None] = []
        for name, how in sorted(service.depends_on.items()):
            gate.append(self.providers.get(name))
            gate += [self._ready(life, how) for life in self.workshop.lives.get(name, ())]
        if service.front_end is not None and service.front_end.service in self.turns:
            gate += [turn.stopped for turn in self.turns[service.front_end.service].turns]  # they may hold its ports
        return gate

    def _ready(self, life: Life, how: Dependency) -> Id | None:
        if how.condition is Condition.STARTED:
            return life.started
        check = life.service.container.healthcheck
        if how.condition is Condition.HEALTHY and life.proven is not None and check is not None and not check.disabled:
            return life.proven  # ready and healthy are one where there is a health check
        return self.workshop.wait(life, _CONDITIONS[how.condition], required=how.required)

    def _start_destroyed(self, turns: Turns, hooked: list[Id | None]) -> None:
        """Those whose old container had to go first simply start."""
        for turn in turns.of_kind(Replace):
            if turn.old is None:
                self._start(turn, hooked)

    # Those who follow

    def _followers(self, turns: Turns) -> list[Turn]:
        """Running containers that have to be restarted because what they depend on is replaced."""
        causes = [name for name, how in turns.service.depends_on.items() if how.restart and self._is_replaced(name)]
        causes += [name for name in namespaces(turns.service) if self._begins_again(name)]
        running = [turn for turn in turns.of_kind(Keep, Update) if is_up(turn.life)]
        return running if causes else []

    def _is_replaced(self, name: str) -> bool:
        return name in self.turns and bool(self.turns[name].of_kind(Replace))

    def _begins_again(self, name: str) -> bool:
        return (
            any(turn.life.begins for turn in self.turns[name].of_kind(Start, Restore)) if name in self.turns else False
        )

    def _restart(self, turns: Turns, followers: list[Turn], gate: list[Id | None]) -> None:
        """All at once; behind a front end batch by batch, so that the others go on serving."""
        service = turns.service
        before: list[Id | None] = []
        for batch in batches(followers, service.rollout.parallelism if service.front else 0):
            ends = [end for turn in batch for end in self._restart_one(turns, turn, [*gate, *before])]
            before = list(ends)

    def _restart_one(self, turns: Turns, turn: Turn, after: list[Id | None]) -> list[Id | None]:
        """The steps after which the next one may be restarted."""
        service, life = turns.service, turn.life
        group = f"restart {service.name}.{turn.judged.slot}"
        step = self.workshop.restart(life, after=after, reason="what it depends on was replaced", group=group)
        for name in service.depends_on:
            if name in self.turns:
                self.turns[name].keeps_old_until.add(step)
        if not service.front:
            return [step]
        life.proven = self.workshop.wait(life, WaitFor.READY, group=group)
        return [life.proven, self.workshop.enter(life, after=[step, life.proven], group=group)]

    def _wait_if_asked(self, turns: Turns) -> None:
        if not self.situation.policy.wait:
            return
        for turn in turns.turns:
            life = turn.life
            if life.begins or is_up(life):
                monitor = self._window(turns.service) if life.begins and not turns.service.is_job else 0
                until = WaitFor.COMPLETED if turns.service.is_job else WaitFor.READY
                self.workshop.wait(life, until, monitor_ns=monitor, group=turn.group)

    def _window(self, service: Service) -> int:
        """How long a container without a health check is watched; a good check says at once what is asked here."""
        image = self.situation.image(service)
        check = service.container.healthcheck or (image.defaults.healthcheck if image else None)
        return service.rollout.monitor_ns if check is None or check.disabled else 0

    # Clearing up

    def clear(self, service: Service) -> None:
        """Once all new containers of the service are proven, the old ones go and the new ones take their names."""
        turns = self.turns[service.name]
        replaced = turns.of_kind(Replace)
        proofs = [step for turn in replaced for step in (turn.life.proven, turn.life.started) if step is not None]
        if replaced:
            proofs += self._proofs_of_mates(service)
        if self.situation.desired.rollback is RollbackScope.STACK:
            proofs += self._proofs_of_all()
        for turn in replaced:
            if turn.old is not None:
                self._retire(service, turn, [*proofs, *turns.keeps_old_until])
        for turn in turns.turns:
            for remove in turn.judged.surplus:
                gone = remove.container.state in (State.DEAD, State.REMOVING)
                after = () if gone else (*turn.cleared, turn.life.started, turn.life.proven)
                group = f"remove {turn.place}"
                self.workshop.remove(remove.container, after=after, reason=remove.reason, group=group)

    def _proofs_of_mates(self, service: Service) -> list[Id]:
        """Containers that share with the old ones need these until they have followed."""
        return [
            step
            for other in self.turns.values()
            if service.name in peers(other.service)
            for turn in other.of_kind(Replace)
            for step in (turn.life.proven, turn.life.started)
            if step is not None
        ]

    def _proofs_of_all(self) -> list[Id]:
        """Where one failure takes the whole stack back, nothing old goes before everything new is proven."""
        return [
            step
            for turns in self.turns.values()
            for turn in turns.of_kind(Replace)
            for step in (turn.life.proven, turn.life.started)
            if step is not None
        ]

    def _retire(self, service: Service, turn: Turn, proofs: list[Id]) -> None:
        assert turn.old is not None
        name = self.situation.name(service, turn.judged.slot)
        after = [turn.stopped, turn.life.made, *proofs]
        gone = self.workshop.remove(turn.old, after=after, reason="replaced", group=turn.group)
        if turn.life.ref.name != name:
            self.workshop.rename(turn.life.ref, name, after=[gone], reason="takes its name", group=turn.group)

    # Providers

    def provide(self, service: Service) -> None:
        """A service that a program outside the engine provides."""
        assert service.provider is not None
        if f"provider:{service.name}" not in self.situation.policy.prepared:
            command = "up" if service.replicas else "down"
            stack = self.situation.desired.name
            action = RunProvider(service=service.name, provider=service.provider, command=command, stack=stack)
            group = f"provider {service.name}"
            self.providers[service.name] = self.draft.add(action, after=self._gate(service), group=group)
