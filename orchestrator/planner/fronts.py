"""A front end is set up for the containers that serve once the plan is done: before it starts, or while it runs.

What happens on the way there is said by ``membership``, one change at a time; here the end is made sure of, also where a
hand, a crash or a restart has left something else.
"""

from __future__ import annotations

from orchestrator.model.actions import AwaitFront, ContainerRef, WaitFor
from orchestrator.model.front import FrontEnd
from orchestrator.planner.containers import Life, Workshop
from orchestrator.planner.draft import Id
from orchestrator.planner.membership import Membership
from orchestrator.planner.turns import Turns
from orchestrator.planner.verdicts import Leave


def set_up(workshop: Workshop, front_end: FrontEnd, turns: Turns, behind: Turns | None, *, running: bool) -> None:
    """Configure what is not set as it should be: the containers that run, or those that do not run yet."""
    membership = workshop.memberships.get(front_end.service)
    if membership is None:
        return
    members, after = _members(workshop, membership, behind)
    for turn in turns.turns:
        life = turn.life
        if life.serves_already is not running or membership.is_set(life.observed, members):
            continue
        needs = after if running else _made(behind)
        reason = "" if life.observed is None else "it is set to something else"
        step = membership.configure(life.ref, members, reason, after=[life.made, *needs], group=_group(life))
        if running:
            workshop.touches.add(step)
        else:
            life.made = step


def taking_connections(workshop: Workshop, life: Life, group: str) -> Id:
    """The step after which a front end that was started takes connections."""
    return workshop.draft.add(AwaitFront(container=life.ref), after=[life.started], group=group)


def _group(life: Life) -> str:
    return f"configure {life.service.name}.{life.slot}"


def _members(
    workshop: Workshop, membership: Membership, behind: Turns | None
) -> tuple[list[ContainerRef], list[Id | None]]:
    """Who serves in the end, and the steps before which they do not."""
    members: list[ContainerRef] = []
    after: list[Id | None] = []
    for turn in behind.turns if behind else ():
        if isinstance(turn.judged.verdict, Leave):
            members += [one for one in membership.members.values() if one.slot == turn.judged.slot]
            continue
        life = turn.life
        if not (life.begins or life.serves_already):
            continue
        members.append(life.ref)
        if membership.front is not None and not membership.holds(life.ref):
            after += [life.started, life.proven, workshop.wait(life, WaitFor.READY)]
    return members, after


def _made(behind: Turns | None) -> list[Id | None]:
    return [turn.life.made for turn in behind.turns] if behind else []
