"""Who is in a front end's rotation while a plan goes on: containers come in when they are proven, and leave before they stop.

One ``Membership`` per service with a front end. Each change is one step that states the whole rotation after it, so the
changes of one front end form a chain. Without a running front end nothing has to be said: it is told before it starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.model.actions import AwaitDrained, ConfigureFront, ContainerRef
from orchestrator.model.observed import ObservedContainer, State
from orchestrator.model.stack import Service
from orchestrator.model.values import SECOND
from orchestrator.planner.draft import Draft, Id
from orchestrator.planner.situation import Situation, ref

GRACE_NS = 10 * SECOND  # the engine's own, for services that do not say


class Membership:
    """``front`` is the container that stands before the service now; ``None``: none does, or it is on its way out."""

    def __init__(self, situation: Situation, draft: Draft, service: Service, touches: set[Id]) -> None:
        self.situation, self.draft, self.service, self.touches = situation, draft, service, touches
        self.end = situation.desired.services[service.front]
        self.front = self._running()
        self.members = self._at_first()
        self.last: Id | None = None
        self.changing = False  # whoever leaves next has been relieved

    def _running(self) -> ObservedContainer | None:
        if not self.end.replicas or self.end.name not in self.situation.selected:
            return None
        found = self.situation.containers.get(self.end.name, ())
        return next((container for container in found if container.state is State.RUNNING), None)

    def _at_first(self) -> dict[str, ContainerRef]:
        """Those that run. Where the front end's own word cannot be had, whatever runs may be getting connections."""
        if self.front is None:
            return {}
        rotation = self.front.rotation
        mine = self.situation.containers.get(self.service.name, ())
        return {c.id: ref(c) for c in mine if c.running and (rotation is None or c.id in rotation.members)}

    def holds(self, target: ContainerRef) -> bool:
        return target.target in self.members

    def enter(
        self,
        target: ContainerRef,
        *,
        after: Iterable[Id | None],
        group: str,
        relieves: Iterable[ObservedContainer] = (),
    ) -> Id | None:
        """The step after which it gets connections; ``None`` where it does so already, or nobody gives any yet.

        Where it ``relieves`` somebody who leaves right after, one step says both: the one that lets that one go.
        """
        if self.front is None or self.holds(target):
            return None
        self.members[target.target] = target
        if any(container.id in self.members for container in relieves):
            self.changing = True
            return None
        return self._say("comes into rotation", after, group)

    def leave(self, container: ObservedContainer, *, after: Iterable[Id | None], group: str) -> Id | None:
        """The step after which it gets no new connections; ``None`` where it gets none."""
        if self.front is None or container.id not in self.members:
            return None
        del self.members[container.id]
        reason, self.changing = "the new one for the old one" if self.changing else "leaves rotation", False
        return self._say(reason, after, group)

    def drained(self, *, after: Iterable[Id | None], group: str) -> Id:
        """The step after which connections from before are over, or have had their time."""
        assert self.front is not None
        given = self.situation.policy.stop_timeout
        own = self.service.container.stop_grace_period_ns
        grace = int(given * SECOND) if given is not None else GRACE_NS if own is None else own
        action = AwaitDrained(container=ref(self.front), timeout_ns=max(0, grace))
        return self.draft.add(action, after=after, group=group)

    def keeps_its_front_until_told(self, removals: Mapping[str, Id]) -> None:
        """A front end that goes has to be there for as long as something is said to it."""
        if self.front is not None and self.front.id in removals:
            self.draft.order(removals[self.front.id], [self.last])

    def _say(self, reason: str, after: Iterable[Id | None], group: str) -> Id:
        assert self.front is not None
        self.last = self.configure(ref(self.front), self.members.values(), reason, after=after, group=group)
        self.touches.add(self.last)
        return self.last

    def configure(
        self,
        front: ContainerRef,
        members: Iterable[ContainerRef],
        reason: str,
        *,
        after: Iterable[Id | None],
        group: str,
    ) -> Id:
        assert self.end.front_end is not None
        ordered = sorted(members, key=lambda one: (one.slot, one.target))
        action = ConfigureFront(container=front, front=self.end.front_end, members=tuple(ordered))
        return self.draft.add(action, reason, after=[*after, self.last], group=group)

    def is_set(self, front: ObservedContainer | None, members: Iterable[ContainerRef]) -> bool:
        """Whether ``front`` is set to exactly these members once the plan so far is done."""
        wanted = {one.target for one in members}
        if self.last is not None and self.front is not None and front is not None and front.id == self.front.id:
            return wanted == self.members.keys()
        if front is None or front.rotation is None:
            return False
        return front.rotation.front == self.end.front_end and wanted == set(front.rotation.members)
