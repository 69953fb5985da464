"""Hooks that run before a service's first start, each in a container of its own.

The turns of a service come in; the steps that its starts have to wait for go out. Hooks inside running containers
(``post_start``, ``pre_stop``) belong to the start and the stop they go with, in ``containers``.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.model import naming
from orchestrator.model.actions import ContainerRef, HookKind, RunHook
from orchestrator.model.stack import Hook, Service, Stack
from orchestrator.model.values import Attachment, RestartPolicy
from orchestrator.planner.containers import Life, Workshop
from orchestrator.planner.draft import Id
from orchestrator.planner.turns import Turns
from orchestrator.planner.verdicts import Create, Keep, Replace, Start, Update
from orchestrator.records import replace


def before_first_start(workshop: Workshop, turns: Turns, gate: list[Id | None]) -> list[Id | None]:
    """Hooks in containers of their own before the first start, where no replica goes on running."""
    service = turns.service
    goes_on = any(turn.life.serves_already for turn in turns.of_kind(Keep, Update))
    starting = [turn for turn in turns.of_kind(Create, Start, Replace) if not turn.life.serves_already]
    if not service.pre_start or not starting or goes_on:
        return []
    last: list[Id | None] = [*gate, *(turn.life.made for turn in starting), *_old_hooks(workshop, service)]
    for hook in service.pre_start:
        users = starting if hook.per_replica else starting[:1]
        last = [
            workshop.draft.add(_hook(workshop, service, hook, turn.life), "pre_start", after=last, group=turn.group)
            for turn in users
        ]
    return last


def _old_hooks(workshop: Workshop, service: Service) -> list[Id]:
    """A hook's container that failed is kept to be looked at, until the hook is to run again."""
    left = [c for c in workshop.situation.everything if c.service == service.name and c.hook]
    return [
        workshop.remove(container, after=[], reason="left by an earlier hook", group=f"hooks {service.name}")
        for container in left
        if not container.running
    ]


def _hook(workshop: Workshop, service: Service, hook: Hook, life: Life) -> RunHook:
    return beside(workshop.situation.desired, service, hook, life.ref, workshop.attachments(service))


def beside(
    stack: Stack, service: Service, hook: Hook, target: ContainerRef, networks: Mapping[str, Attachment]
) -> RunHook:
    """A hook in a container of its own beside ``target``, which lends it its volumes."""
    settings = replace(
        service.container,
        image=hook.image or service.container.image,
        command=hook.command,
        environment={**service.container.environment, **hook.environment},
        user=hook.user or service.container.user,
        privileged=hook.privileged,
        working_dir=hook.working_dir or service.container.working_dir,
        ports=(),
        healthcheck=None,
        restart=RestartPolicy(),
        files=(),
    )
    labels = {
        naming.PROJECT: stack.name,
        naming.SERVICE: service.name,
        naming.HOOK: HookKind.PRE_START.value,
        naming.ONEOFF: "False",
    }
    return RunHook(
        container=target,
        kind=HookKind.PRE_START,
        hook=hook,
        settings=settings,
        networks=networks,
        labels=labels,
        position=next((place for place, one in enumerate(service.pre_start) if one is hook), 0),
    )
