"""How the containers of one stack do, as a pass has to know it: which are looked at, and what of the answer people are told.

The rules are ``healing``'s, which knows nothing of stacks; what is done about it is ``treating``'s.
"""

from __future__ import annotations

from orchestrator.controller import restarts
from orchestrator.controller.healing import Healer, Healing
from orchestrator.controller.intents import Stopped
from orchestrator.controller.means import Means
from orchestrator.controller.rests import Rests
from orchestrator.controller.treating import Tell
from orchestrator.model.host import HostStack
from orchestrator.model.observed import ObservedContainer, ObservedState
from orchestrator.model.stack import Stack
from orchestrator.planner.plan import finished
from orchestrator.records import replace


class Judging:
    """``rests`` tells of containers that could not be started again and again: those are replaced."""

    def __init__(self, entry: HostStack, means: Means, rests: Rests, tell: Tell) -> None:
        self._entry, self._means, self._rests, self._tell = entry, means, rests, tell
        self._healer = Healer()

    def forget(self) -> None:
        self._healer.forget()

    def excuse(self, since: float) -> None:
        """What ended since then is no fault of the containers."""
        self._healer.excuse(since)

    def judge(self, stack: Stack, observed: ObservedState, stopped: Stopped) -> Healing:
        if not self._entry.heal:
            return Healing()
        now = self._means.monotonic()
        healing = self._healer.judge(self._watched(stack, observed, stopped), now, restarts.rules(stack))
        self._report(healing)
        broken = self._rests.stubborn(self._means.monotonic()).intersection(stack.services) - healing.resting.keys()
        return replace(healing, replace=healing.replace | broken)

    def _watched(self, stack: Stack, observed: ObservedState, stopped: Stopped) -> list[ObservedContainer]:
        """All but what has done its work, and what was stopped on purpose; seen through their probes, where they have one."""
        done = finished(stack, observed)
        watched = [
            container
            for name in stack.services
            if name not in stopped.services and not stopped.down
            for container in observed.of_service(name)
            if container.id not in done
        ]
        return self._means.probing.judged(stack, watched) if self._means.probing is not None else watched

    def _report(self, healing: Healing) -> None:
        for service in sorted(healing.began_to_loop):
            self._tell("crash-loop", f"{service} keeps ending; it is started again after growing pauses", service)
        for service in sorted(healing.exhausted):
            self._tell("given-up", f"{service} ended as often as its restart_policy allows; it stays as it is", service)
        for service in sorted(healing.recovered):
            self._tell("recovered", f"{service} runs again without ending", service, level="info")
