"""What a reconcile remembers of its own failures, and hands to the planner as policy: counts, not decisions.

A failed step comes in; which slot of which service it was about goes into the counts. What follows from the counts, the
planner says (``planner.attempts``). A new reconcile begins with an empty memory.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.errors import EngineUnreachable
from orchestrator.model.actions import (
    AwaitContainer,
    AwaitFront,
    CreateContainer,
    RunHook,
    StartContainer,
    UpdateContainer,
)
from orchestrator.model.container import Container
from orchestrator.model.observed import ObservedState
from orchestrator.model.plan import ApplyResult, Outcome, Step, StepResult
from orchestrator.model.stack import RollbackScope, Service, Stack
from orchestrator.planner.attempts import Stance, exceeds, stance
from orchestrator.planner.plan import version
from orchestrator.planner.policy import Policy
from orchestrator.records import fields, replace

Slot = tuple[str, int]


class Memory:
    """``restored`` names services whose old version was called back, ``given_up`` those of earlier reconciles among them."""

    def __init__(self, stack: Stack, given_up: Iterable[str] = ()) -> None:
        self.stack = stack
        self.failed: set[Slot] = set()
        self.lost: set[Slot] = set()
        self.moved: set[str] = set()  # services that got a new container in this run
        self.restored = set(given_up)
        self.mended: dict[str, Container] = {}  # what containers that were changed in place had been set to

    @property
    def size(self) -> int:
        return len(self.failed) + len(self.lost)

    def note_mended(self, applied: ApplyResult, observed: ObservedState) -> None:
        """Remember how containers were set that have just been changed in place."""
        settings = {container.id: container.settings for container in observed.containers}
        for result in applied.results.values():
            action = result.step.action
            if result.outcome is Outcome.DONE and isinstance(action, UpdateContainer):
                before = settings.get(action.container.id)
                if before is not None:
                    self.mended.setdefault(action.container.service, before)

    def undone(self, stack: Stack) -> Stack:
        """``stack`` with the limits and restart policies from before this run for services that go back with others.

        A limit that came where there was none stays: no engine lifts one in place.
        """
        everything = bool(self.restored) and stack.rollback is RollbackScope.STACK
        back = self.mended.keys() if everything else self.mended.keys() & self.restored
        services = [stack.services[name] for name in sorted(back) if name in stack.services]
        return stack.with_services(_as_it_was(service, self.mended[service.name]) for service in services)

    def learn(self, applied: ApplyResult, observed: ObservedState) -> bool:
        """Count what failed; says whether there was anything new, so that another look is worth it."""
        before = self.size
        self.moved |= {
            step.action.container.service
            for step in (r.step for r in applied.results.values() if r.outcome is not Outcome.SKIPPED)
            if isinstance(step.action, StartContainer) and step.group.startswith("replace")
        }
        for failure in applied.failures:
            if not isinstance(failure.error, EngineUnreachable):  # which says nothing about a version
                self._count(failure.step, observed)
        self._call_back()
        return self.size > before

    def _count(self, step: Step, observed: ObservedState) -> None:
        slot = self._slot(step)
        if slot is None:
            return
        if step.group.startswith("restore"):
            self.lost.add(slot)
        elif step.group.startswith("replace") and observed.of_service(slot[0]):
            self.failed.add(slot)

    def _slot(self, step: Step) -> Slot | None:
        """The slot whose container this step was to bring into service, if that is what it was for."""
        action = step.action
        if not isinstance(action, CreateContainer | StartContainer | AwaitContainer | AwaitFront | RunHook):
            return None
        service = self.stack.services.get(action.container.service)
        return None if service is None else (service.name, action.container.slot)

    def _call_back(self) -> None:
        for service in self.stack.services.values():
            if self.stance(service) is Stance.GOES_BACK:
                self.restored.add(service.name)
        if self.restored and self.stack.rollback is RollbackScope.STACK:
            self.restored |= self.moved & self.stack.services.keys()

    def stance(self, service: Service) -> Stance:
        failed = self._failed_of(service)
        return stance(service.rollout, failed, service.replicas) if failed else Stance.GOES_ON

    def _failed_of(self, service: Service) -> int:
        return sum(name == service.name for name, _ in self.failed)

    def forgives(self, failure: StepResult) -> bool:
        """Whether the file puts up with this failure (`max_failure_ratio`)."""
        slot = self._slot(failure.step)
        if slot is None or slot not in self.failed or not failure.step.group.startswith("replace"):
            return False
        service = self.stack.services[slot[0]]
        return not exceeds(service.rollout, self._failed_of(service), service.replicas)

    def policy(self, policy: Policy, observed: ObservedState) -> Policy:
        """``policy`` with what is remembered. Versions are named anew from every look: an image may only now be here."""
        if not (self.size or self.restored):
            return policy
        marks = {name: version(self.stack, observed, name) for name in {n for n, _ in self.failed} | self.restored}
        return replace(
            policy,
            failed=frozenset((name, marks[name], slot) for name, slot in self.failed),
            held=frozenset((name, marks[name]) for name in self.restored),
            lost=frozenset(self.lost),
        )


def _as_it_was(service: Service, before: Container) -> Service:
    wanted, had = service.container.resources, before.resources
    old = {
        name: getattr(had, name) for name in (f.name for f in fields(had)) if getattr(had, name) not in (None, "", ())
    }
    container = replace(service.container, resources=replace(wanted, **old), restart=before.restart)
    return replace(service, container=container)
