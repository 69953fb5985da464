"""Newer versions of a stack, and when one becomes what is kept: nothing holds it back, its plan is possible, and every image
that it needs was pulled or built. Only then is the first container touched; until then what is kept goes on being kept, also
while images are fetched: that is done beside the passes, however long it takes.

``advance`` is called at the beginning of each pass. It says what is to be shown of a version that is not taken.
"""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial

from orchestrator.cancel import CancelToken
from orchestrator.controller import views
from orchestrator.controller.backoff import STACK
from orchestrator.controller.means import Means
from orchestrator.controller.reconcile import Result, as_seen_from, scope_of
from orchestrator.controller.sources import Newer, Source, Wanted, Why, through
from orchestrator.controller.windows import WAITS
from orchestrator.executor import apply
from orchestrator.model.actions import BuildImage, PullImage
from orchestrator.model.host import HostStack, Mode
from orchestrator.model.plan import Level, Outcome, Plan
from orchestrator.planner.plan import plan as make_plan
from orchestrator.planner.policy import Policy
from orchestrator.records import dataclass, replace

WINDOW_SECONDS = 30.0  # between two looks whether a window has opened
ROUNDS = 3  # of images: what a pull or build brings may ask for another


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The images that were pulled or built for a version, or the message and reference of why that is not possible."""

    images: frozenset[str] = frozenset()
    problem: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """Images that are fetched for a version, beside the passes."""

    candidate: Wanted
    outcome: Future[Fetched]
    cancel: CancelToken


class Candidates:
    """Of one stack. ``fetched`` are the images that were pulled or built for the version that was taken last."""

    def __init__(self, entry: HostStack, means: Means) -> None:
        self.fetched: frozenset[str] = frozenset()
        self._entry, self._means = entry, means
        self._shown: tuple[Wanted, Newer] | None = None
        self._fetching: Fetching | None = None
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
        fetched = self._prepared(candidate) if self._entry.mode is Mode.ENFORCE else Fetched()
        if fetched is None:
            return self._fetches(candidate)
        if fetched.problem is not None:
            return self._put_off(candidate, fetched.problem)
        self.fetched = fetched.images
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
        message = f"{_named(candidate)} is not taken: {problem[0]}; what was there before is kept"
        status = Newer(version=candidate.version, why=Why.FAILED, message=message, reference=problem[1])
        self._shown = (candidate, status)
        return status

    def _fetches(self, candidate: Wanted) -> Newer:
        """What is shown meanwhile: where it has failed before, that."""
        if candidate is self._refused and self._shown is not None:
            return self._shown[1]
        message = f"{_named(candidate)} waits for its images, which are fetched; what was there before is kept"
        self._shown = None
        return Newer(version=candidate.version, why=Why.WAITING, message=message, reference="fetches-images")

    def _prepared(self, candidate: Wanted) -> Fetched | None:
        """Pull and build what the plan lacks; None while that is under way. For an earlier version it is given up."""
        work = self._fetching
        if work is not None and work.candidate is not candidate:
            work.cancel.set()
            work = self._fetching = None
        if work is None:
            policy = self._policy(frozenset())
            plan = self._plan(candidate, policy)
            if not _of_images_alone(plan):
                return _outcome(plan, frozenset())
            work = self._fetching = Fetching(candidate=candidate, outcome=Future(), cancel=CancelToken())
            self._means.aside(self._entry.name, partial(self._settle, work, plan))
        if not work.outcome.done():
            return None
        self._fetching = None
        return work.outcome.result()

    def _settle(self, work: Fetching, plan: Plan) -> None:
        """What goes wrong is raised where the outcome is asked for."""
        end = self._means.cancel.subscribe(work.cancel.set)
        try:
            work.outcome.set_result(self._fetch(work.candidate, plan, work.cancel))
        except Exception as problem:
            work.outcome.set_exception(problem)
        finally:
            end()

    def _fetch(self, candidate: Wanted, plan: Plan, cancel: CancelToken) -> Fetched:
        fetched: frozenset[str] = frozenset()
        for _ in range(ROUNDS):
            done = apply(
                plan,
                through(self._means.engine, candidate),
                workers=self._means.workers,
                sink=self._means.sink(self._entry.name),
                cancel=cancel,
            )
            if not done.ok:
                return Fetched(problem=views.failure(Result(ok=False, failures=done.failures)))
            fetched |= {
                result.step.action.reference
                for result in done.results.values()
                if result.outcome is Outcome.DONE and isinstance(result.step.action, PullImage | BuildImage)
            }
            plan = self._plan(candidate, self._policy(fetched))
            if not _of_images_alone(plan):
                return _outcome(plan, fetched)
        return Fetched(problem=(f"images are still missing after {ROUNDS} rounds", "not-settled"))

    def _policy(self, fetched: frozenset[str]) -> Policy:
        return Policy(ignore_orphans=True, images_first=True, prepared=fetched, ignore=self._entry.ignore)

    def _plan(self, candidate: Wanted, policy: Policy) -> Plan:
        stack = as_seen_from(self._means.engine, candidate.stack)
        return make_plan(stack, self._means.engine.observe(scope_of(stack)), policy)


def _of_images_alone(plan: Plan) -> bool:
    return not plan.empty and all(isinstance(step.action, PullImage | BuildImage) for step in plan.steps)


def _outcome(plan: Plan, fetched: frozenset[str]) -> Fetched:
    """Of images that are all here: whether the rest of the plan is possible."""
    errors = [note for note in plan.notes if note.level is Level.ERROR]
    problem = (errors[0].text, errors[0].reference or "cannot-plan") if errors else None
    return Fetched(images=fetched, problem=problem)


def _named(candidate: Wanted) -> str:
    return f"commit {candidate.version[:12]}" if candidate.version else "the new version"
