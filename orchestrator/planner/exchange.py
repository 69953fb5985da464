"""Old and new change places: batch by batch, in the order the file asks for, each batch behind the proof of the one before.

The turns of one service come in; steps go into the draft. The way back from an update that failed is here too: it follows
`rollback_config`, and what serves nothing any more is brought back before all else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.model.actions import AwaitDelay, WaitFor
from orchestrator.model.observed import ObservedContainer, State
from orchestrator.model.rollout import Order, Rollout
from orchestrator.model.stack import Service
from orchestrator.planner import fronts
from orchestrator.planner.attempts import way_back
from orchestrator.planner.containers import Workshop
from orchestrator.planner.draft import Id
from orchestrator.planner.situation import Situation, peers
from orchestrator.planner.slots import is_one_shot
from orchestrator.planner.turns import Turn, Turns, batches, is_paused, obstacle
from orchestrator.planner.verdicts import Replace, Restore

_FAILED = "the new version failed"


class Exchange:
    """Orders the changes of place within each service."""

    def __init__(self, situation: Situation, workshop: Workshop) -> None:
        self.situation, self.workshop = situation, workshop
        self.draft = workshop.draft

    # Forward

    def replace(self, turns: Turns, gate: list[Id | None], hooked: list[Id | None]) -> None:
        """Batch by batch; what an earlier run has brought in already is proven first."""
        service = turns.service
        changing = [turn for turn in turns.of_kind(Replace) if turn.old is not None]
        settled = [turn for turn in changing if turn.life.serves_already and not _runs(turn)]
        before: list[Id | None] = []
        for turn in settled:
            proven = self._prove(service, turn)
            before += [proven, self._enter(turn, [proven])]
        rest = [turn for turn in changing if turn not in settled]
        for number, batch in enumerate(batches(rest, service.rollout.parallelism)):
            before = self._delayed(service, service.rollout, before, first=number == 0)
            ends = [self._change_places(service, turn, [*gate, *before], [*hooked, *before]) for turn in batch]
            before = [step for end in ends for step in end]

    def _delayed(self, service: Service, rules: Rollout, before: list[Id | None], *, first: bool) -> list[Id | None]:
        if first or not rules.delay_ns:
            return before
        action = AwaitDelay(service=service.name, delay_ns=rules.delay_ns)
        return [self.draft.add(action, after=before, group=f"delay {service.name}")]

    def _change_places(
        self, service: Service, turn: Turn, gate: list[Id | None], hooked: list[Id | None]
    ) -> list[Id | None]:
        """The steps after which the next batch may begin."""
        if self._starts_first(service, turn):
            self._begin(service, turn, [*hooked, *turn.cleared])
            proven = self._prove(service, turn)
            entered = self._enter(turn, [proven], relieves=[turn.old] if turn.old is not None else [])
            self._stop_old(service, turn, [*gate, proven, entered])
            return [turn.stopped, proven, entered]
        self._stop_old(service, turn, [*hooked, turn.life.made, *turn.cleared])
        self._begin(service, turn, [turn.stopped, *hooked, *turn.cleared])
        proven = self._prove(service, turn)
        return [turn.stopped, proven, self._enter(turn, [proven])]

    def _enter(self, turn: Turn, after: Iterable[Id | None], relieves: Iterable[ObservedContainer] = ()) -> Id | None:
        """Where there is a front end, connections come to what is proven."""
        after = [*after, turn.life.started]
        return self.workshop.enter(turn.life, after=after, group=turn.group, relieves=relieves)

    def _starts_first(self, service: Service, turn: Turn) -> bool:
        if turn.life.serves_already:
            return True
        if service.rollout.order is not Order.START_FIRST:
            return False
        why_not = obstacle(service, self.situation.desired)
        if why_not:
            self.draft.info(
                f'service "{service.name}": {why_not}, so the old container has to stop before the new one starts '
                "although the file says start-first",
                where=self.situation.desired.where(f"services.{service.name}.deploy.update_config.order"),
                reference="start-first-impossible",
            )
        return not why_not

    def _begin(self, service: Service, turn: Turn, after: Iterable[Id | None]) -> None:
        life = turn.life
        done = life.observed is not None and life.observed.finished and is_one_shot(self.situation, service)
        if (not life.serves_already or is_paused(life)) and not done:
            self.workshop.start(life, after=after, reason="takes over", group=turn.group)

    def _stop_old(self, service: Service, turn: Turn, after: list[Id | None]) -> None:
        if turn.old is not None:
            turn.stopped = self.workshop.stop(turn.old, service, after=after, reason="replaced", group=turn.group)

    def _prove(self, service: Service, turn: Turn) -> Id | None:
        """A new container is proven when it is ready through the monitor window, or has done its one job."""
        if service.front_end is not None:
            turn.life.proven = fronts.taking_connections(self.workshop, turn.life, turn.group)
            return turn.life.proven
        ends = service.is_job or service.name in self.situation.awaited_to_complete
        turn.life.proven = self.workshop.wait(
            turn.life,
            WaitFor.COMPLETED if ends else WaitFor.READY,
            monitor_ns=0 if ends else service.rollout.monitor_ns,
            group=turn.group,
        )
        return turn.life.proven

    # Back

    def restore(self, turns: Turns) -> None:
        """The new version failed: the old containers serve again, then the failed ones go."""
        restoring = turns.of_kind(Restore)
        if not restoring:
            return
        service, rules = turns.service, way_back(turns.service)
        self.draft.warn(f'service "{service.name}": {_FAILED}; the one before serves again', reference="restored")
        before: list[Id | None] = []
        for turn in restoring:
            if not _still_serves(turn):
                before += self._bring_back(service, turn, rules, [], starts_first=False)
        serving = [turn for turn in restoring if _still_serves(turn)]
        starts_first = rules.order is Order.START_FIRST and not obstacle(service, self.situation.desired)
        for number, batch in enumerate(batches(serving, rules.parallelism)):
            before = self._delayed(service, rules, before, first=number == 0)
            ends = [self._bring_back(service, turn, rules, before, starts_first=starts_first) for turn in batch]
            before = [step for end in ends for step in end]

    def _bring_back(
        self, service: Service, turn: Turn, rules: Rollout, after: Sequence[Id | None], *, starts_first: bool
    ) -> list[Id | None]:
        """The steps after which the old container serves as it did."""
        if starts_first:
            self._wake(service, turn, after)
            proven = self._prove_again(service, turn, rules)
            entered = self._enter(turn, [*after, proven], relieves=_failed(turn))
            self._end_failed(service, turn, [*after, proven, entered])
        else:
            self._end_failed(service, turn, after)
            self._wake(service, turn, after)
            proven = self._prove_again(service, turn, rules)
            entered = self._enter(turn, [*after, *turn.cleared, proven])
        for failed in _failed(turn):
            gone_after = [*turn.cleared, turn.life.started]
            self.workshop.remove(failed, after=gone_after, reason=_FAILED, group=turn.group)
        return [*turn.cleared, turn.life.started, proven, entered]

    def _end_failed(self, service: Service, turn: Turn, after: Sequence[Id | None]) -> None:
        for failed in _failed(turn):
            reason = f"{_FAILED}; the one before serves again"
            stopped = self.workshop.stop(failed, service, after=after, reason=reason, group=turn.group)
            turn.cleared += () if stopped is None else (stopped,)

    def _wake(self, service: Service, turn: Turn, after: Sequence[Id | None]) -> None:
        old = turn.life.observed
        assert old is not None
        done = old.finished and is_one_shot(self.situation, service)  # its work is not to be done again
        if done or (turn.life.serves_already and old.state is not State.PAUSED):
            return
        reason = f"{_FAILED}; the one before serves again"
        mates = (life.started for name in peers(service) for life in self.workshop.lives.get(name, ()))
        after = [*after, *turn.cleared, *mates]
        # The hooks that the file has now are those of the version that failed.
        self.workshop.start(turn.life, after=after, reason=reason, group=turn.group, hooked=False)

    def _prove_again(self, service: Service, turn: Turn, rules: Rollout) -> Id | None:
        if not turn.life.begins or is_one_shot(self.situation, service):
            return None
        turn.life.proven = self.workshop.wait(turn.life, WaitFor.READY, monitor_ns=rules.monitor_ns, group=turn.group)
        return turn.life.proven


def _runs(turn: Turn) -> bool:
    return turn.old is not None and turn.old.running


def _failed(turn: Turn) -> tuple[ObservedContainer, ...]:
    verdict = turn.judged.verdict
    return verdict.failed if isinstance(verdict, Restore) else ()


def _still_serves(turn: Turn) -> bool:
    """Whether the new container of this slot did well, so that taking it away is felt."""
    verdict = turn.judged.verdict
    return isinstance(verdict, Restore) and verdict.serves and not turn.life.serves_already
