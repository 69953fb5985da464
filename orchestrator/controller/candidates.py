"""Newer versions of a stack, and when one becomes what is kept: nothing holds it back, its plan is possible, and every image
that it needs was pulled or built. Only then is the first container touched; until then what is kept goes on being kept.

``advance`` is called at the beginning of each pass. It says what is to be shown of a version that is not taken.
"""

from __future__ import annotations

from orchestrator.controller import views
from orchestrator.controller.backoff import STACK
from orchestrator.controller.means import Means
from orchestrator.controller.reconcile import Result, as_seen_from, scope_of
from orchestrator.controller.sources import Newer, Source, Wanted, Why
from orchestrator.controller.windows import WAITS
from orchestrator.executor import apply
from orchestrator.model.actions import BuildImage, PullImage
from orchestrator.model.host import HostStack, Mode
from orchestrator.model.plan import Level, Outcome, Plan
from orchestrator.planner.plan import plan as make_plan
from orchestrator.planner.policy import Policy
from orchestrator.records import replace

WINDOW_SECONDS = 30.0  # between two looks whether a window has opened
ROUNDS = 3  # of images: what a pull or build brings may ask for another


class Candidates:
    """Of one stack. ``fetched`` are the images that were pulled or built for the version that was taken last."""

    def __init__(self, entry: HostStack, means: Means) -> None:
        self.fetched: frozenset[str] = frozenset()
        self._entry, self._means = entry, means
        self._shown: tuple[Wanted, Newer] | None = None
        self._refused: Wanted | None = None
        self._failures, self._not_before = 0, 0.0
        self._source_retries_in = float("inf")

    def again(self) -> None:
        """Try at once what could not be prepared."""
        self._refused, self._failures, self._not_before = None, 0, 0.0

    def advance(self, source: Source) -> Newer | None:
        """Take the newest version if it may be taken and everything it needs is here; else what is to be shown of it."""
        candidate, newer = source.candidate(), source.newer()
        self._source_retries_in = newer.retry_in if newer is not None else float("inf")
        if candidate is None or (newer is not None and newer.why is not Why.WAITING):
            self._shown = None
            return newer
        if newer is not None:
            return self._waiting(source, candidate, newer)
        if candidate is self._refused and self._means.monotonic() < self._not_before and self._shown is not None:
            return self._shown[1]
        problem = self._prepare(candidate) if self._entry.mode is Mode.ENFORCE else None
        if problem is not None:
            return self._put_off(candidate, problem)
        source.take(candidate)
        self._shown = None
        self.again()
        return None

    @property
    def retry_in(self) -> float:
        """Seconds until what could not be prepared, or waits for a window, is tried again; infinity where nothing is."""
        if self._shown is not None and self._shown[1].reference == WAITS:
            return WINDOW_SECONDS
        if self._refused is None:
            return self._source_retries_in
        return max(0.05, self._not_before - self._means.monotonic())

    def _waiting(self, source: Source, candidate: Wanted, newer: Newer) -> Newer | None:
        """What waits is shown with what it would change."""
        known = self._shown
        if known is not None and known[0] is candidate and known[1].reference == newer.reference:
            return known[1]
        plan = self._plan(candidate, Policy(ignore_orphans=not self._entry.prune, ignore=self._entry.ignore))
        found = views.drift(plan)
        if not found and newer.reference == WAITS:
            source.take(candidate)  # what changes nothing need not wait
            return None
        status = replace(newer, changes=len(found), summary=views.summary(found))
        self._shown = (candidate, status)
        return status

    def _put_off(self, candidate: Wanted, problem: tuple[str, str]) -> Newer:
        self._failures = self._failures + 1 if candidate is self._refused else 1
        self._refused = candidate
        self._not_before = self._means.monotonic() + STACK.delay(self._failures, self._means.chance())
        name = f"commit {candidate.version[:12]}" if candidate.version else "the new version"
        message = f"{name} is not taken: {problem[0]}; what was there before is kept"
        status = Newer(version=candidate.version, why=Why.FAILED, message=message, reference=problem[1])
        self._shown = (candidate, status)
        return status

    def _prepare(self, candidate: Wanted) -> tuple[str, str] | None:
        """Pull and build what the plan lacks; why that is not possible, and the reference of the error."""
        fetched: frozenset[str] = frozenset()
        for _ in range(ROUNDS):
            policy = Policy(ignore_orphans=True, images_first=True, prepared=fetched, ignore=self._entry.ignore)
            plan = self._plan(candidate, policy)
            errors = [note for note in plan.notes if note.level is Level.ERROR]
            if errors:
                return errors[0].text, errors[0].reference or "cannot-plan"
            if not _of_images_alone(plan):
                self.fetched = fetched
                return None
            done = apply(
                plan,
                self._means.engine,
                workers=self._means.workers,
                sink=self._means.sink(self._entry.name),
                cancel=self._means.cancel,
            )
            if not done.ok:
                return views.failure(Result(ok=False, failures=done.failures))
            fetched |= {
                result.step.action.reference
                for result in done.results.values()
                if result.outcome is Outcome.DONE and isinstance(result.step.action, PullImage | BuildImage)
            }
        return f"images are still missing after {ROUNDS} rounds", "not-settled"

    def _plan(self, candidate: Wanted, policy: Policy) -> Plan:
        stack = as_seen_from(self._means.engine, candidate.stack)
        return make_plan(stack, self._means.engine.observe(scope_of(stack)), policy)


def _of_images_alone(plan: Plan) -> bool:
    return not plan.empty and all(isinstance(step.action, PullImage | BuildImage) for step in plan.steps)
