"""Observe, plan, apply, until nothing is left to do or a bound is hit. The only loop that changes the world.

In: the desired stack, an engine, a policy. Out: a ``Result``. Every verb of the command line (up, down, scale,
rollback) and every pass of the daemon comes through here with another desired state or policy. What makes a further
pass:

* the plan said that it is incomplete (images or providers had to come before more could be decided);
* a replacement failed: it is counted, and the next plan goes on, stands still or brings back what served before, as
  the file's rules say;
* the world moved under us, or the engine went away for a moment: look again, a bounded number of times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.cancel import CancelToken
from orchestrator.controller.gaps import gaps
from orchestrator.controller.memory import Memory
from orchestrator.engines.base import Engine
from orchestrator.errors import EngineUnreachable, Interrupted
from orchestrator.events import Noted, PlanMade, Sink
from orchestrator.executor import apply
from orchestrator.model import naming
from orchestrator.model.actions import BuildImage, PullImage, RunProvider, mutates
from orchestrator.model.observed import ObservedState, Scope
from orchestrator.model.plan import ApplyResult, Level, Note, Outcome, Plan, StepResult
from orchestrator.model.stack import Service, Stack
from orchestrator.planner.plan import plan as make_plan
from orchestrator.planner.policy import Policy, Recreate
from orchestrator.records import dataclass, field, replace

MAX_PASSES = 10
MAX_RETRIES = 5
FIRST_PAUSE = 0.2  # seconds before the first retry; doubles up to LAST_PAUSE
LAST_PAUSE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """``changed`` counts mutations that were done; ``restored`` names services whose old version serves again.

    ``observed`` is the state that the last plan was made from. ``prepared`` are images that were pulled or built, ``heard`` is
    what each provider has said.
    """

    ok: bool
    passes: int = 0
    changed: int = 0
    failures: tuple[StepResult, ...] = ()
    notes: tuple[Note, ...] = ()
    restored: tuple[str, ...] = ()
    plan: Plan | None = None
    observed: ObservedState | None = None
    prepared: frozenset[str] = frozenset()
    heard: Mapping[str, str] = field(default_factory=dict)


def scope_of(stack: Stack) -> Scope:
    """What has to be looked at to plan ``stack``: its objects and every engine name it refers to."""
    names = frozenset(
        naming.container(stack.name, service.name, slot, fixed=service.container_name, separator=stack.separator)
        for service in stack.services.values()
        for slot in range(1, service.replicas + 1)
    )
    return Scope.of(stack, container_names=names)


def preview(stack: Stack, engine: Engine, policy: Policy) -> tuple[Plan, ObservedState]:
    """The plan that ``reconcile`` would begin with, and the state it was made from. Changes nothing."""
    stack = as_seen_from(engine, stack)
    observed = engine.observe(scope_of(stack))
    return make_plan(stack, observed, policy), observed


def as_seen_from(engine: Engine, stack: Stack) -> Stack:
    """The stack as its engine can have it: one on another host gets copies of the files that are here, and restarts that are
    a daemon's are not asked of the engine."""
    if any(service.deploy.restart is not None for service in stack.services.values()):
        from orchestrator.controller import restarts  # few stacks say how they restart

        stack = restarts.as_kept(stack, engine.identity)
    if engine.local:
        return stack
    from orchestrator.spec import shipping  # most engines are local

    return shipping.shipped(stack)


def reconcile(
    stack: Stack,
    engine: Engine,
    policy: Policy,
    *,
    sink: Sink,
    workers: int,
    cancel: CancelToken,
    max_passes: int = MAX_PASSES,
    first: tuple[Plan, ObservedState] | None = None,
    given_up: Iterable[str] = (),
    heard: Mapping[str, str] | None = None,
) -> Result:
    """Bring ``stack`` to its desired state on ``engine``.

    ``first`` is a plan already made (and shown, and agreed to) with the state it was made from. ``given_up`` are services
    whose wanted version failed in an earlier reconcile of the same stack: it is not tried again. ``heard`` is what providers
    said in an earlier one: they are not run again. Raises Interrupted when ``cancel`` is set, EngineError when the engine
    cannot even be observed. A failed step is no exception; it is in the result.
    """
    begun = _Reconciliation(stack, engine, policy, sink, workers, cancel, given_up)
    begun.hear(heard or {})
    return begun.run(max_passes, first)


def provided(stack: Stack, provider: str, output: str) -> Stack:
    """The stack with what a provider hands (``KEY=value`` lines) to the services that depend on it; it may well be secret."""
    pairs = (line.partition("=") for line in output.splitlines())
    variables = {key: value for key, equals, value in pairs if equals}
    dependents = [service for service in stack.services.values() if provider in service.depends_on]
    given = (_with_variables(service, variables) for service in dependents)
    return replace(stack.with_services(given), secret_values=stack.secret_values | {*variables.values()} - {""})


def _with_variables(service: Service, variables: dict[str, str]) -> Service:
    environment = {**service.container.environment, **variables}
    return replace(service, container=replace(service.container, environment=environment))


class _Reconciliation:
    """What is carried from pass to pass."""

    def __init__(
        self,
        stack: Stack,
        engine: Engine,
        policy: Policy,
        sink: Sink,
        workers: int,
        cancel: CancelToken,
        given_up: Iterable[str] = (),
    ) -> None:
        self.stack, self.engine, self.policy = as_seen_from(engine, stack), engine, policy
        self.sink, self.workers, self.cancel = sink, workers, cancel
        self.failures: list[StepResult] = []
        self.notes: dict[str, Note] = {}
        self.memory = Memory(self.stack, given_up)
        self.changed = 0
        self.retries = 0
        self.fetched: set[str] = set()
        self.heard: dict[str, str] = {}

    def run(self, max_passes: int, first: tuple[Plan, ObservedState] | None) -> Result:
        plan, observed = first or self._preview()
        number = 1
        while True:
            self._announce(plan, number)
            if self._impossible(plan):
                return self._result(False, number, plan, observed)
            applied = self._apply(plan)
            again = self._judge(applied, observed)
            if not again or number >= max_passes + self.memory.size:
                ok = self._forgiven() and not again and not self._impossible(plan)
                return self._result(ok, number, plan, observed)
            number += 1
            plan, observed = self._preview()

    def hear(self, said: Mapping[str, str]) -> None:
        """Providers have said this; whoever depends on them gets it."""
        for provider, variables in said.items():
            self.stack = self.memory.stack = provided(self.stack, provider, variables)
        self.heard.update(said)
        self.policy = replace(self.policy, prepared=self.policy.prepared | {f"provider:{name}" for name in said})

    def _preview(self) -> tuple[Plan, ObservedState]:
        """Look and plan; while the engine is away, try again with growing pauses."""
        while True:
            try:
                observed = self.engine.observe(scope_of(self.stack))
                self.policy = self.memory.policy(self.policy, observed)
                return make_plan(self.stack, observed, self.policy), observed
            except EngineUnreachable:
                if not self.changed or not self._pause():
                    raise

    def _announce(self, plan: Plan, number: int) -> None:
        for note in plan.notes:
            self._note(note)
        self.sink.emit(PlanMade(plan, number))

    def _note(self, note: Note) -> None:
        if note.text not in self.notes:
            self.notes[note.text] = note
            self.sink.emit(Noted(note))

    def _forgiven(self) -> bool:
        """Whether nothing failed, or no more than the file puts up with."""
        return all(self.memory.forgives(failure) for failure in self.failures)

    def _impossible(self, plan: Plan) -> bool:
        return any(note.level is Level.ERROR for note in plan.notes)

    def _apply(self, plan: Plan) -> ApplyResult:
        applied = apply(plan, self.engine, workers=self.workers, sink=self.sink, cancel=self.cancel)
        for note in gaps(applied):
            self._note(note)
        self.changed += sum(r.outcome is Outcome.DONE and mutates(r.step.action) for r in applied.results.values())
        if self.cancel.is_set():
            raise Interrupted(signal_number=self.cancel.signal_number or 2)
        return applied

    def _judge(self, applied: ApplyResult, observed: ObservedState) -> bool:
        """Whether another pass is needed, and under which policy."""
        self._remember_prepared(applied)
        self.memory.note_mended(applied, observed)
        if not applied.plan.incomplete and self.policy.recreate is Recreate.FORCE:
            self.policy = replace(self.policy, recreate=Recreate.DIVERGED)  # forced once; what follows mends
        if not applied.plan.incomplete:
            # Started again: what ends now has finished.
            self.policy = replace(self.policy, stopped=frozenset(), start_finished=False)
        if applied.ok:
            return applied.plan.incomplete
        if self.memory.learn(applied, observed):
            self.failures.extend(applied.failures)
            self.stack = self.memory.stack = self.memory.undone(self.stack)
            return True
        if all(self._worth_retrying(failure) for failure in applied.failures) and self._pause():
            return True
        self.failures.extend(applied.failures)
        return False

    def _remember_prepared(self, applied: ApplyResult) -> None:
        for result in applied.results.values():
            action = result.step.action
            if result.outcome is Outcome.DONE and isinstance(action, PullImage | BuildImage):
                self.fetched.add(action.reference)
            elif result.outcome is Outcome.DONE and isinstance(action, RunProvider):
                self.hear({action.service: result.output})
        self.policy = replace(self.policy, prepared=self.policy.prepared | self.fetched)

    def _worth_retrying(self, failure: StepResult) -> bool:
        return failure.error is not None and failure.error.retryable

    def _pause(self) -> bool:
        """Wait a little longer each time; False when the retries are used up or the user wants to stop."""
        if self.retries >= MAX_RETRIES:
            return False
        pause = min(FIRST_PAUSE * 2**self.retries, LAST_PAUSE)
        self.retries += 1
        if self.cancel.wait(pause):
            raise Interrupted(signal_number=self.cancel.signal_number or 2)
        return True

    def _result(self, ok: bool, passes: int, plan: Plan, observed: ObservedState) -> Result:
        return Result(
            ok=ok,
            passes=passes,
            changed=self.changed,
            failures=tuple(self.failures),
            notes=tuple(self.notes.values()),
            restored=tuple(sorted(self.memory.restored)),
            plan=plan,
            observed=observed,
            prepared=frozenset(self.fetched),
            heard=self.heard,
        )
