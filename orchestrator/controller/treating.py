"""What is done about containers that do not do well, beside what a plan says; what that is, ``healing`` has judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from orchestrator.controller.healing import Healing
from orchestrator.controller.means import Errand, Means
from orchestrator.controller.sources import Wanted, through
from orchestrator.executor import apply
from orchestrator.model.observed import ObservedState
from orchestrator.model.stack import Stack
from orchestrator.planner import orders
from orchestrator.planner.policy import Policy, Recreate
from orchestrator.records import dataclass, replace


class Tell(Protocol):
    def __call__(self, kind: str, text: str, service: str = "", *, level: str = "warning") -> None: ...


@dataclass(frozen=True, slots=True)
class Treating:
    """``wanted`` is what is brought about where a container is replaced; ``heard`` what providers have said."""

    means: Means
    tell: Tell
    wanted: Wanted
    heard: Mapping[str, str]

    def treat(self, stack: Stack, observed: ObservedState, policy: Policy, healing: Healing) -> bool:
        """Restart what is sick; where that did not help, put a new container in its place; where that did not help either, go
        back from a new revision, and from any other replace again after pauses that grow. Says whether the stack went back."""
        if healing.restart:
            self._restart(stack, observed, healing)
        replaced = healing.replace
        if healing.give_up:
            outcome = self.means.give_up(self.wanted, healing.give_up)
            names = ", ".join(sorted(healing.give_up))
            if outcome:
                self.tell("given-up", f"{names}: unhealthy after a restart and a replacement; {outcome}", level="error")
                return True
            replaced |= healing.give_up
        if replaced:
            names = ", ".join(sorted(replaced))
            self.tell("unhealthy", f"{names}: still unhealthy, or not to be started any more; replaced")
            forced = replace(policy, targets=replaced, dependencies=False, recreate=Recreate.FORCE)
            self.means.carry_out(self.wanted, forced, Errand(command="daemon: heal", heard=self.heard))
        return False

    def _restart(self, stack: Stack, observed: ObservedState, healing: Healing) -> None:
        names = ", ".join(container.name for container in healing.restart)
        self.tell("unhealthy", f"{names}: unhealthy, restarted")
        apply(
            orders.restart(observed, healing.restart, stack, dependents=False),
            through(self.means.engine, self.wanted),
            workers=self.means.workers,
            sink=self.means.sink(stack.name),
            cancel=self.means.cancel,
        )
