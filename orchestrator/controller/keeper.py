"""One pass over one stack: look, judge, and bring about what the file says, as far as the host's file permits.

Triggers never say what to do; a pass finds out by itself: the desired state is loaded anew, the engine is observed, and the plan
between the two is carried out by ``reconcile`` like that of any command. What is remembered from pass to pass can be lost: the
history of exits (``judging``), failures in a row, and which versions failed (``going_back``). What people see of it: ``showing``.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator import graph
from orchestrator.controller import verdicts, views
from orchestrator.controller.backoff import ENGINE, STACK
from orchestrator.controller.candidates import Candidates
from orchestrator.controller.glimpse import Glimpse
from orchestrator.controller.going_back import GoingBack
from orchestrator.controller.healing import Healing
from orchestrator.controller.intents import Stopped
from orchestrator.controller.judging import Judging
from orchestrator.controller.lock import KEPT, stack_lock
from orchestrator.controller.means import Errand, Means
from orchestrator.controller.outages import Outages
from orchestrator.controller.prepared import Prepared
from orchestrator.controller.reconcile import Result, as_seen_from, scope_of
from orchestrator.controller.rests import Rest, Rests
from orchestrator.controller.showing import Showing
from orchestrator.controller.sources import Source, Wanted, Withheld
from orchestrator.controller.status import Phase, StackStatus
from orchestrator.controller.treating import Treating
from orchestrator.errors import EngineUnreachable, Interrupted, LockHeld, SpecError, StackError
from orchestrator.model.host import HostStack, Mode
from orchestrator.model.observed import Health, ObservedState
from orchestrator.model.plan import Level, Plan
from orchestrator.model.stack import Stack
from orchestrator.planner.plan import plan as make_plan
from orchestrator.planner.plan import version
from orchestrator.planner.policy import Policy
from orchestrator.planner.supplies import UNKNOWN

BUSY_SECONDS = 0.5  # until a stack is tried again that another program holds


class Keeper:
    """Keeps one stack. ``run`` makes one pass and answers with the seconds until the next one at the latest."""

    def __init__(self, entry: HostStack, source: Source, means: Means) -> None:
        self.entry, self.source, self.means = entry, source, means
        self.showing = Showing(entry, means)
        self.wanted: Stack | None = None
        self.said: Wanted | None = None  # by the source, when it could last be used
        self.loaded: Wanted | None = None
        self.candidates = Candidates(entry, means)
        self.held: frozenset[str] = frozenset()
        self.rests = Rests()
        self.judging = Judging(entry, means, self.rests, self.showing.tell)
        self.going_back = GoingBack(entry, source, means, self.showing)
        self.prepared = Prepared()
        self.failures = 0
        self.not_before = 0.0
        self.outages = Outages(means.gaps)
        self.held_at = float("-inf")
        self.settled = False
        self.forced = False
        self.alerted = True  # somebody says that something may have changed; set from any thread
        self.released = False  # the stack is no longer this one's: a pass under way begins nothing; set from any thread
        self.fresh = False  # what its source says was read since the last pass
        self.unread: Exception | None = None  # why that was not possible; what a pass says of it
        self.glimpse = Glimpse()

    @property
    def is_left_alone(self) -> bool:
        return self.entry.mode is Mode.SUSPENDED and not self.forced

    @property
    def status(self) -> StackStatus:
        return self.showing.status

    def knows(self, kind: str, name: str) -> bool:
        """Whether the engine's object of that name may be one of this stack's, or one that it uses."""
        if self.wanted is None:
            return True
        named = self.wanted.networks if kind == "network" else self.wanted.volumes
        return any(one.name == name for one in named.values())

    def force(self) -> None:
        """Change what there is to change in the next pass, whatever the mode and the windows say; begin with a clean count."""
        self.forced, self.alerted, self.not_before, self.held = True, True, 0.0, frozenset()
        self.rests.forget()
        self.source.force()
        self.candidates.again()
        self.prepared.forget()

    def run(self) -> float:
        if self.is_left_alone:
            self._show(Phase.SUSPENDED, "suspended")
            return self.entry.resync
        try:
            problem, self.unread = self.means.away() or self.unread, None
            if problem is not None:
                raise problem
            return self._pass()
        except LockHeld as problem:
            if problem.ref == KEPT and self.status.message != problem.message:
                self.showing.tell("waits", f"{problem.message}; this one waits until that has ended")
            self._show(Phase.WAITING, problem.message, reference=problem.ref)
            return BUSY_SECONDS
        except EngineUnreachable as problem:
            self.failures += 1
            self.outages.away(self.means.monotonic())
            self.means.suspect()
            if self.status.phase is not Phase.UNREACHABLE:
                self.showing.tell("unreachable", problem.message)
            self._show(Phase.UNREACHABLE, problem.message, reference=problem.ref)
            return ENGINE.delay(self.failures, self.means.chance())
        except Withheld as problem:
            self.settled = True
            phase, message, reference = self.showing.withheld(problem)
            self._show(phase, message, reference=reference)
            return min(self.entry.resync, self.candidates.retry_in)
        except SpecError as problem:
            self.settled = True
            self._refuse(problem)
            return min(self.entry.resync, self.candidates.retry_in)
        except Interrupted:
            return self.entry.resync
        except StackError as problem:
            return self._failed(problem.message, problem.ref)

    def _pass(self) -> float:
        return min(self._kept(), self.candidates.retry_in)

    def _kept(self) -> float:
        self.showing.newer(self.candidates.advance(self.source))
        stack = self._load()
        alerted, self.alerted = self.alerted, False
        waits_for = [other for other in stack.after if not self.means.settled(other)]
        if waits_for:
            self._show(Phase.WAITING, f"waits for stack {', '.join(waits_for)}")
            return self.entry.resync
        early = self.not_before - self.means.monotonic()
        if early > 0:
            return early
        engine = self.means.engine
        stopped = self.means.intents.of(stack.name)
        quiet = self.status.phase is Phase.CONVERGED and not alerted
        seen = self.glimpse.take(engine, stack.name, stopped) if quiet else None
        if seen is not None and self.glimpse.shows_nothing_new(seen, self.means.monotonic()):
            self.showing.looked()
            self._put()
            return self.entry.resync
        self.glimpse.remember(None, 0.0)
        with stack_lock(engine.identity, stack.name, wait=False, cancel=self.means.cancel):
            if self.released:
                return self.entry.resync
            delay = self._look(stack)
        if self.status.phase is Phase.CONVERGED and delay >= self.entry.resync:
            self.glimpse.remember(seen, self.means.monotonic())
        return delay

    def _load(self) -> Stack:
        try:
            self.said, self.showing.trouble = self.source.load(), None
        except SpecError as problem:
            if self.said is None:
                raise
            self._refuse(problem)  # the last good one goes on being kept
            self.showing.trouble = problem
        self.means.loaded(self.entry.name, self.said.stack)
        self.showing.know(version=self.said.version)
        self._show_others(self.said.stack)
        self.loaded = self.said if self.forced else self.means.instead(self.said)
        stack = as_seen_from(self.means.engine, self.loaded.stack)
        if self.wanted is None or not views.says_the_same(stack, self.wanted):
            self.alerted = True
            if self.wanted is not None:
                self.showing.tell("changed", "the file has changed", level="info")
            self.showing.warn("warning", self.said.warnings)
            self.wanted, self.held, self.failures, self.not_before = stack, frozenset(), 0, 0.0
            self.judging.forget()
            self.rests.forget()
            self.prepared.forget()
            self.prepared.learn(Result(ok=True, prepared=self.candidates.fetched), self.means.monotonic())
        return stack

    def _show_others(self, stack: Stack) -> None:
        """Who keeps a stack in full carries out its restarts as well; other programs of the host have to know."""
        if self.entry.mode is Mode.ENFORCE and self.entry.heal:
            self.means.kept.hold(self.means.engine.identity, stack.name)
        else:
            self.means.kept.let_go(stack.name)

    def _look(self, bare: Stack) -> float:
        stack = self.prepared.given(bare)
        observed = self.means.engine.observe(scope_of(stack))
        self._excuse()
        stopped = self.means.intents.of(stack.name)
        healing = self.judging.judge(stack, observed, stopped)
        may_change = self.forced or self.entry.mode is Mode.ENFORCE
        policy = self._policy(stack, observed, stopped, healing, may_change)
        plan = make_plan(stack, observed, policy)
        self.showing.warn(UNKNOWN, (note for note in plan.notes if note.reference == UNKNOWN))
        self.showing.looked(
            services=views.services(stack, observed, healing, stopped),
            files=self.source.places(),
        )
        if stopped.down or (stopped and not policy.targets and plan.empty):
            self._show(
                Phase.STOPPED, f"stopped on purpose; `stack -p {self.entry.name} start` starts it again", drift=()
            )
            self.settled = True
            return self.entry.resync
        if self.going_back.from_what_does_badly(healing):
            return self._began_anew()
        if plan.empty and not _impossible(plan) and not healing.acts:
            self.forced = False
            if not self.held and not healing.loops and verdicts.all_well(stack, observed, stopped):
                self.source.proven()
            return self._converged(healing)
        self.forced = False
        if not may_change:
            return self._only_shown(plan)
        outdated = self.prepared.outdated(stack, plan)
        if outdated:
            self.prepared.forget_provided(outdated)
            stack = self.prepared.given(bare)
            policy = self._policy(stack, observed, stopped, healing, may_change)
            plan = make_plan(stack, observed, policy)
        return self._change(stack, observed, policy, plan, healing)

    def _excuse(self) -> None:
        """What ended or failed because the engine went away is no fault of the stack's."""
        since = self.outages.over(self.means.monotonic())
        if since is None:
            return
        self.judging.excuse(since)
        if self.held and self.held_at >= since:
            self.showing.tell(
                "again", f"the engine was away while {', '.join(sorted(self.held))} failed: tried again", level="info"
            )
            self.held = frozenset()
        self.going_back.excuse(since)

    def _policy(
        self, stack: Stack, observed: ObservedState, stopped: Stopped, healing: Healing, may_change: bool
    ) -> Policy:
        """What rests is left alone, and with it what waits for it; what was stopped on purpose is left alone by itself."""
        resting = {*healing.resting, *self.rests.active(self.means.monotonic())}
        waiting = graph.closure(graph.dependents(graph.dependencies(stack)), resting & stack.services.keys())
        left_alone = stopped.services | waiting
        targets = frozenset(stack.services) - left_alone if left_alone else None
        policy = Policy(
            targets=targets,
            dependencies=targets is None,
            remove_orphans=self.entry.prune,
            ignore_orphans=True,
            gone=self.loaded.gone if self.loaded is not None else frozenset(),
            gone_networks=self.loaded.gone_networks if self.loaded is not None else frozenset(),
            images_first=bool(self.entry.source),
            ignore=self.entry.ignore,
            held=frozenset((name, version(stack, observed, name)) for name in self.held),
        )
        if may_change:
            return self.prepared.policy(stack, policy, self.means.monotonic())
        return self.prepared.policy_of_a_look(stack, policy)

    def _only_shown(self, plan: Plan) -> float:
        self.settled = True
        drift = views.drift(plan)
        if drift != self.status.drift:
            self.showing.tell("drift", views.summary(drift), level="warning")
        self._show(Phase.DRIFTED, "drift is only reported", drift=drift, plan=plan)
        return self.entry.resync

    def _converged(self, healing: Healing) -> float:
        """Nothing is left to do now; whether all is well is another matter."""
        self.settled = True
        now = self.means.monotonic()
        tired = self.rests.active(now)
        troubled = sorted(healing.loops | healing.unhealthy | healing.resting.keys())
        if tired:
            return self._tired(tired, now)
        self.failures = 0
        if self.held:
            text = f"the new version of {', '.join(sorted(self.held))} failed; the one before serves"
            self._show(Phase.FAILED, text, reference="restored", drift=())
        elif troubled:
            self._show(Phase.DEGRADED, f"not well: {', '.join(troubled)}", drift=())
        else:
            self.rests.forget()
            self._show(Phase.CONVERGED, self._why_not_the_file() or self._starting(), drift=(), retry_at=0.0)
        return min([self.entry.resync, *(max(0.05, until - now) for until in healing.resting.values())])

    def _why_not_the_file(self) -> str:
        number = self.loaded.returns_to if self.loaded is not None else None
        if number is None:
            return ""
        return f"revision {number} serves since a rollback; a new version of the file is waited for"

    def _starting(self) -> str:
        """All is as the file says, and yet not all of it is ready."""
        starts = Health.STARTING.value
        names = [one.name for one in self.status.services if any(each.health == starts for each in one.replicas)]
        return f"starting: {', '.join(names)}" if names else ""

    def _tired(self, tired: Mapping[str, Rest], now: float) -> float:
        """Services failed and are left alone for a while; the rest of the stack is as it should be."""
        first = min(tired.values(), key=lambda rest: rest.until)
        delay = max(0.05, first.until - now)
        self._show(Phase.FAILED, first.message, reference=first.reference, drift=(), retry_at=self.means.now() + delay)
        return min(self.entry.resync, delay)

    def _change(self, stack: Stack, observed: ObservedState, policy: Policy, plan: Plan, healing: Healing) -> float:
        if not plan.empty:
            self._show(Phase.PROGRESSING, views.summary(views.drift(plan)), drift=views.drift(plan), plan=plan)
        assert self.loaded is not None  # what is changed was loaded
        treating = Treating(self.means, self.showing.tell, self.loaded, self.prepared.heard)
        if treating.treat(stack, observed, policy, healing):
            return 0.0
        errand = Errand(
            command=self.going_back.command(),
            first=None if healing.acts else (plan, observed),
            given_up=self.held,
            heard=self.prepared.heard,
        )
        result = self.means.carry_out(self.loaded, policy, errand)
        self.prepared.learn(result, self.means.monotonic())
        return self._after(result)

    def _began_anew(self) -> float:
        """Another version is kept from now on, with a clean count."""
        self.held, self.alerted, self.not_before = frozenset(), True, 0.0
        return 0.0

    def _after(self, result: Result) -> float:
        if result.changed:
            self.showing.know(changed_at=self.means.now())
        lost = [failure.error for failure in result.failures if isinstance(failure.error, EngineUnreachable)]
        if lost and len(lost) == len(result.failures) and not result.restored:
            raise lost[0]  # which is no failure of the stack's
        fresh = frozenset(result.restored) - self.held
        if verdicts.rollout_failed(result) and self.going_back.begun(views.failure(result)[0]):
            return self._began_anew()
        if fresh:
            self.held |= fresh
            self.held_at = self.means.monotonic()
            names = ", ".join(sorted(fresh))
            self.showing.tell(
                "restored", f"the new version of {names} failed; the one before serves again", level="error"
            )
        elif not result.ok:
            return self._failed_at(result)
        elif result.changed:
            self.showing.tell("applied", f"{result.changed} changes made", level="info")
        self.settled = True
        return 0.0  # what was changed is looked at once more

    def _failed_at(self, result: Result) -> float:
        """Where the failure is one of services, only they rest."""
        message, reference = views.failure(result)
        services = views.failed_services(result)
        self.rests.not_started(views.unstartable(result))
        if not services:
            return self._failed(message, reference)
        now = self.means.monotonic()
        for service in sorted(services):
            if self.rests.add(service, message, reference, now, self.means.chance()):
                self.showing.tell("failed", message, service, level="error")
        return 0.0

    def _failed(self, message: str, reference: str) -> float:
        self.failures += 1
        self.settled = True
        self.showing.failed(message, again=self.failures > 1)
        delay = STACK.delay(self.failures, self.means.chance())
        self.not_before = self.means.monotonic() + delay
        self._show(Phase.FAILED, message, reference=reference, retry_at=self.means.now() + delay)
        return delay

    def _refuse(self, problem: SpecError) -> None:
        """What cannot be used changes nothing; a new version is waited for."""
        if not self.showing.has_told(problem):
            self.showing.tell("invalid", str(problem), level="error")
        self._show(Phase.INVALID, problem.message, reference=problem.ref, where=problem.where)

    def _put(self) -> None:
        if not self.released:
            self.showing.put()

    def _show(self, phase: Phase, message: str, **more: object) -> None:
        if self.released:
            return  # whoever keeps the stack now shows it, or nobody does
        self.showing.show(phase, message, failures=self.failures, held=tuple(sorted(self.held)), **more)


def _impossible(plan: Plan) -> bool:
    return any(note.level is Level.ERROR for note in plan.notes)
