"""Plans for images alone: what `stack pull` and `stack build` do, service by service, each image once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orchestrator.model import naming
from orchestrator.model.actions import Action, BuildImage, PullImage
from orchestrator.model.plan import Plan, Step
from orchestrator.model.stack import Build, PullPolicy, Service, Stack
from orchestrator.records import replace

Adapt = Callable[[Service, Build], Build]


def pull(stack: Stack, services: Iterable[Service], *, present: frozenset[str] = frozenset()) -> Plan:
    """Pull the images of ``services`` but for those ``present``; services that never pull are left out."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for service in services:
        if pulls(service) and service.container.image not in present:
            wanted.setdefault((service.container.image, service.container.platform), []).append(service.name)
    actions = (
        PullImage(reference=reference, platform=platform, services=tuple(names))
        for (reference, platform), names in wanted.items()
    )
    return _plan(stack, ((f"pull {action.reference}", action) for action in actions))


def pulls(service: Service) -> bool:
    """Whether an image of the service can come from elsewhere."""
    never = service.pull_policy in (PullPolicy.NEVER, PullPolicy.BUILD)
    return bool(service.container.image) and not never and service.provider is None


def build(stack: Stack, services: Iterable[Service], adapt: Adapt) -> Plan:
    """Build the images of ``services`` that are built; ``adapt`` puts in what the order says beside the file."""
    return _plan(
        stack,
        (
            (
                f"build {service.name}",
                BuildImage(
                    reference=service.container.image,
                    service=service.name,
                    build=_labelled(stack, service, adapt(service, service.build)),
                ),
            )
            for service in services
            if service.build is not None
        ),
    )


def _labelled(stack: Stack, service: Service, build: Build) -> Build:
    """With the labels by which the image is known as the stack's own (`down --rmi local`)."""
    own = {naming.PROJECT: stack.name, naming.SERVICE: service.name}
    return replace(build, labels={**build.labels, **own})


def _plan(stack: Stack, actions: Iterable[tuple[str, Action]]) -> Plan:
    steps = tuple(
        Step(id=number, action=action, reason="as ordered", group=group)
        for number, (group, action) in enumerate(actions, 1)
    )
    return Plan(stack=stack.name, steps=steps)
