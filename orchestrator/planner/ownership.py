"""Whose is what: orphans and leftovers of ours that may go, and names that somebody else holds.

Only containers that carry this stack's labels are ever removed. A foreign holder of a name that is needed makes the wish
impossible and is named; a container of ours that holds it goes out of the way first, if it is going anywhere.
"""

from __future__ import annotations

from orchestrator.model import naming
from orchestrator.model.actions import CreateContainer, RenameContainer
from orchestrator.model.observed import ObservedContainer, State
from orchestrator.planner.containers import Claim, Workshop
from orchestrator.planner.draft import Draft
from orchestrator.planner.situation import Situation, ref
from orchestrator.planner.verdicts import Remove, ServiceVerdict


def orphans(situation: Situation, draft: Draft) -> tuple[Remove, ...]:
    """Containers of services that the file no longer has, and ended one-off ones; only a note unless removal was asked for."""
    policy = situation.policy
    found = tuple(c for c in situation.observed.containers if _is_orphan(situation, c))
    ended = tuple(c for c in situation.observed.containers if c.oneoff and c.state in (State.EXITED, State.DEAD))
    if policy.remove_orphans:
        return tuple(Remove(c, "not in the file") for c in found) + tuple(Remove(c, "it has ended") for c in ended)
    if found and not policy.ignore_orphans:
        names = ", ".join(sorted(container.name for container in found))
        draft.warn(
            f"containers of services that are not in the file: {names}; remove them with --remove-orphans",
            reference="orphans",
        )
    return ()


def _is_orphan(situation: Situation, container: ObservedContainer) -> bool:
    known = container.service in situation.desired.services or container.service in situation.desired.disabled
    return not known and not container.oneoff and not container.hook


def leftovers(situation: Situation) -> tuple[Remove, ...]:
    """On the way down, one-off containers and hooks of the services that go."""
    if not situation.policy.remove_networks:
        return ()
    going = {service.name for service in situation.services if not service.replicas}
    return tuple(
        Remove(c, "its service goes")
        for c in situation.observed.containers
        if c.service in going and (c.oneoff or c.hook)
    )


class Names:
    """Renames by hand are undone, and steps that need a name wait until it is free."""

    def __init__(self, situation: Situation, workshop: Workshop) -> None:
        self.situation, self.workshop, self.draft = situation, workshop, workshop.draft
        self.own = {container.name: container for container in situation.observed.containers}

    def put_right(self, verdicts: dict[str, ServiceVerdict]) -> None:
        """Containers that stay get the names they should have."""
        for service in self.situation.services:
            for slot in verdicts[service.name].slots if service.name in verdicts else ():
                container = slot.final
                wanted = self.situation.name(service, slot.slot)
                retired = any(claim.name == wanted for claim in self.workshop.claims)
                if container is not None and container.name != wanted and not retired:
                    group = f"rename {service.name}.{slot.slot}"
                    self.workshop.rename(ref(container), wanted, after=[], reason="it was renamed", group=group)

    def settle(self) -> None:
        """Order every claim behind what frees its name; an error where nothing does."""
        self._break_cycles()
        leaving = {claim.id: claim.step for claim in self.workshop.claims if claim.id}
        for claim in self.workshop.claims:
            holder = self.own.get(claim.name)
            if claim.name in self.situation.observed.name_holders:
                self._refuse(claim, self.situation.observed.name_holders[claim.name])
            elif holder is None or holder.id == claim.id:
                continue
            elif holder.id in self.workshop.removals:
                self.draft.order(claim.step, [self.workshop.removals[holder.id]])
            elif holder.id in leaving:
                self.draft.order(claim.step, [leaving[holder.id]])
            else:
                self._refuse(claim, holder)

    def _break_cycles(self) -> None:
        """Containers that hold each other's names: one steps aside under a name of its own first."""
        going = {claim.id: claim for claim in self.workshop.claims if claim.id}
        done: set[str] = set()
        for begin in sorted(going):
            path: list[str] = []
            current = begin
            while current in going and current not in done and current not in path:
                path.append(current)
                holder = self.own.get(going[current].name)
                current = holder.id if holder is not None and holder.id not in self.workshop.removals else ""
            if current in path:
                self._step_aside(going[current])
            done.update(path)

    def _step_aside(self, claim: Claim) -> None:
        action = self.draft.action(claim.step)
        if not isinstance(action, RenameContainer):
            return
        aside = self.draft.add(
            RenameContainer(container=action.container, new_name=naming.replacement(action.container.name, claim.id)),
            "its name is another one's",
            group="renames",
        )
        self.draft.order(claim.step, [aside])
        for other in self.workshop.claims:
            if other.name == action.container.name:
                self.draft.order(other.step, [aside])
        del self.own[action.container.name]

    def _refuse(self, claim: Claim, holder: ObservedContainer) -> None:
        action = self.draft.action(claim.step)
        target = action.container if isinstance(action, CreateContainer | RenameContainer) else None
        service = target.service if target else ""
        foreign = claim.name in self.situation.observed.name_holders
        whose = "not of this stack" if foreign else "of this stack, but not in the way of being removed"
        self.draft.error(
            f'the container name "{claim.name}" is held by {holder.id[:12]} ({whose}); '
            "remove or rename that container, or change `container_name`",
            where=self.situation.desired.where(f"services.{service}.container_name"),
            reference="name-taken",
        )
