"""Whose is what: orphans and leftovers of ours that may go, and names that somebody else holds.

Only containers that carry this stack's labels are ever removed. A foreign holder of a name that is needed makes the wish
impossible and is named; a container of ours that holds it goes out of the way first, if it is going anywhere.
"""

from __future__ import annotations

from orchestrator.model import naming
from orchestrator.model.actions import Action, ConfigureFront, ContainerRef, CreateContainer, RenameContainer
from orchestrator.model.observed import ObservedContainer, State
from orchestrator.planner.containers import Claim, Workshop
from orchestrator.planner.draft import Draft, Id
from orchestrator.planner.situation import Situation, ref
from orchestrator.planner.verdicts import Leave, Remove, ServiceVerdict


def orphans(situation: Situation, draft: Draft) -> tuple[Remove, ...]:
    """Containers of services that the file no longer has, and ended one-off ones; only a note unless removal was asked for."""
    policy = situation.policy
    found = tuple(c for c in situation.everything if _is_orphan(situation, c))
    ended = tuple(c for c in situation.everything if c.oneoff and c.state in (State.EXITED, State.DEAD))
    if policy.remove_orphans:
        return tuple(Remove(c, "not in the file") for c in found) + tuple(Remove(c, "it has ended") for c in ended)
    gone = tuple(Remove(c, "its service was gone back from") for c in found if c.service in policy.gone)
    found = tuple(c for c in found if c.service not in policy.gone)
    left = sorted(container.name for container in (*found, *(() if policy.remove_networks else ended)))
    if left and not policy.ignore_orphans:
        names = ", ".join(left)
        draft.warn(
            f"orphan containers (not in the file): {names}; remove them with --remove-orphans", reference="orphans"
        )
    return gone


def _is_orphan(situation: Situation, container: ObservedContainer) -> bool:
    known = container.service in situation.desired.services or container.service in situation.desired.disabled
    former = container.labels.get(naming.FRONT, "") in situation.desired.services  # goes with its service's own changes
    return not known and not container.oneoff and not container.hook and not former


def leftovers(situation: Situation) -> tuple[Remove, ...]:
    """On the way down, one-off containers and hooks of the services that go."""
    if not situation.policy.remove_networks:
        return ()
    going = {service.name for service in situation.services if not service.replicas}
    return tuple(
        Remove(c, "its service goes") for c in situation.everything if c.service in going and (c.oneoff or c.hook)
    )


class Names:
    """Renames by hand are undone, and steps that need a name wait until it is free."""

    def __init__(self, situation: Situation, workshop: Workshop) -> None:
        self.situation, self.workshop, self.draft = situation, workshop, workshop.draft
        self.own = {container.name: container for container in situation.everything}

    def put_right(self, verdicts: dict[str, ServiceVerdict]) -> None:
        """Containers that stay get the names they should have."""
        claimed = {claim.name for claim in self.workshop.claims}
        for service in self.situation.services:
            if service.name not in verdicts or self.situation.is_held(service):
                continue
            for slot in verdicts[service.name].slots:
                if isinstance(slot.verdict, Leave):
                    continue
                container, wanted = slot.final, self.situation.name(service, slot.slot)
                if container is not None and container.name != wanted and wanted not in claimed:
                    self._rename(container, wanted, f"rename {service.name}.{slot.slot}")

    def _rename(self, container: ObservedContainer, wanted: str, group: str) -> None:
        prepared = container.name.startswith(f"{wanted}.")
        reason = "takes its name" if prepared else "it was renamed"
        self.workshop.rename(ref(container), wanted, after=[], reason=reason, group=group)

    def settle(self) -> None:
        """Order every claim behind what frees its name; an error where nothing does."""
        self._rename_last()
        leaving = {claim.id: claim.step for claim in self.workshop.claims if claim.id}
        self._break_cycles(leaving)
        for claim in self.workshop.claims:
            foreign = self.situation.observed.name_holders.get(claim.name)
            holder = self.own.get(claim.name)
            if foreign is not None:
                self._refuse(claim, foreign)
            elif holder is not None and holder.id != claim.id:
                self._wait_for_name(claim, holder, leaving)

    def _rename_last(self) -> None:
        """Steps that know a new container by the name it is prepared under come before it gets its own."""
        renames = {claim.id: claim.step for claim in self.workshop.claims if claim.id}
        for step in self.draft.steps:
            for name in _names(self.draft.action(step)):
                if name in renames:
                    self.draft.order(renames[name], [step])

    def _wait_for_name(self, claim: Claim, holder: ObservedContainer, leaving: dict[str, Id]) -> None:
        if holder.id in leaving:
            self.draft.order(claim.step, [leaving[holder.id]])
        elif holder.id not in self.workshop.removals:
            self._refuse(claim, holder)
        elif self._is_heir(claim, holder) or holder.state in (State.DEAD, State.REMOVING):
            self.draft.order(claim.step, [self.workshop.removals[holder.id]])
        else:
            self.draft.order(claim.step, [self._step_aside(holder)])

    def _is_heir(self, claim: Claim, holder: ObservedContainer) -> bool:
        """Whether it takes the very place of the holder: only then does the holder's removal surely not wait for it."""
        if claim.id in self.workshop.removals:
            return False  # it only takes its name to make room for a successor, and all removals wait for that one
        target = _target(self.draft.action(claim.step))
        if target is None or (target.service, target.slot) != (holder.service, holder.slot):
            return False
        service = self.situation.desired.services.get(target.service)
        return service is not None and claim.name == self.situation.name(service, target.slot)

    def _break_cycles(self, leaving: dict[str, Id]) -> None:
        """Containers that hold each other's names: one steps aside under a name of its own first."""
        going = {claim.id: claim for claim in self.workshop.claims if claim.id}
        done: set[str] = set()
        for begin in sorted(going):
            path: list[str] = []
            current = begin
            while current in going and current not in done and current not in path:
                path.append(current)
                holder = self.own.get(going[current].name)
                current = holder.id if holder is not None else ""
            if current in path:
                self._swap(going[current], leaving)
            done.update(path)

    def _swap(self, claim: Claim, leaving: dict[str, Id]) -> None:
        holder = next(container for container in self.own.values() if container.id == claim.id)
        aside = self._step_aside(holder)
        leaving[claim.id] = aside
        self.draft.order(claim.step, [aside])

    def _step_aside(self, holder: ObservedContainer) -> Id:
        action = RenameContainer(container=ref(holder), new_name=naming.replacement(holder.name, holder.id))
        step = self.draft.add(action, "its name is another one's", group="renames")
        if holder.id in self.workshop.removals:
            self.draft.order(self.workshop.removals[holder.id], [step])
        return step

    def _refuse(self, claim: Claim, holder: ObservedContainer) -> None:
        target = _target(self.draft.action(claim.step))
        service = target.service if target else ""
        if claim.name in self.situation.observed.name_holders:
            advice = "it is not of this stack; remove or rename it, or set `container_name`"
        elif _is_orphan(self.situation, holder):
            advice = "its service is not in the file; let it go with --remove-orphans, or rename it"
        else:
            advice = "it is of this stack and stays; remove or rename it"
        self.draft.error(
            f'the container name "{claim.name}" is held by container {holder.id[:12]}: {advice}',
            where=self.situation.desired.where(f"services.{service}.container_name"),
            reference="name-taken",
        )


def _target(action: Action) -> ContainerRef | None:
    return action.container if isinstance(action, CreateContainer | RenameContainer) else None


def _names(action: Action) -> list[str]:
    """Names by which an action knows containers that did not exist when the plan was made."""
    if isinstance(action, RenameContainer):
        return []
    container = getattr(action, "container", None)
    known = [container] if isinstance(container, ContainerRef) else []
    known += action.peers.values() if isinstance(action, CreateContainer) else []
    known += action.members if isinstance(action, ConfigureFront) else ()
    return [one.name for one in known if not one.id]
