"""Plans for images alone: what `stack pull` and `stack build` do, service by service, each image once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orchestrator.model import naming
from orchestrator.model.actions import Action, BuildImage, PullImage, PushImage
from orchestrator.model.plan import Plan, Step
from orchestrator.model.stack import Build, PullPolicy, Service, Stack
from orchestrator.records import replace

Adapt = Callable[[Service, Build], BuildImage]
_BASE = "service:"


def pull(stack: Stack, services: Iterable[Service]) -> Plan:
    """Pull the images of ``services``; those that never pull are left out."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for service in services:
        if pulls(service):
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


def build(stack: Stack, services: Iterable[Service], adapt: Adapt, *, push: bool = False) -> Plan:
    """Build the images of ``services``, and of those whose images they are built from, each after what it is made of.

    ``adapt`` puts in what the order says beside the file. With ``push`` what was named and has a registry goes there.
    """
    named = [service for service in services if service.build is not None]
    steps: list[Step] = []
    built: dict[str, int] = {}
    for service in _with_bases(stack, named):
        assert service.build is not None
        action = adapt(service, bases_named(stack, service.build))
        action = replace(action, build=_labelled(stack, service, action.build))
        after = tuple(sorted({built[name] for name in bases(stack, service.build) if name in built}))
        built[service.name] = len(steps) + 1
        steps.append(_step(len(steps) + 1, action, f"build {service.name}", after))
    for service in named if push else ():
        number = built[service.name]
        made = steps[number - 1].action
        for reference in () if isinstance(made, BuildImage) and made.export else pushed(stack, service):
            order = PushImage(reference=reference, service=service.name)
            steps.append(_step(len(steps) + 1, order, f"push {service.name}", (number,)))
    return Plan(stack=stack.name, steps=tuple(steps))


def push(stack: Stack, services: Iterable[Service]) -> Plan:
    """Push what is built here and has a name of its own, under all its names."""
    return _plan(
        stack,
        (
            (f"push {reference}", PushImage(reference=reference, service=service.name))
            for service in services
            for reference in pushed(stack, service)
        ),
    )


def pushed(stack: Stack, service: Service) -> tuple[str, ...]:
    """The names under which a service's image is pushed; none where it has only the name we gave it, or is not built."""
    made_up = naming.image(stack.name, service.name, separator=stack.separator)
    if service.build is None or service.container.image in ("", made_up):
        return ()
    return tuple(dict.fromkeys((service.container.image, *service.build.tags)))


def bases(stack: Stack, build: Build) -> tuple[str, ...]:
    """The services whose images are contexts of a build."""
    named = (context.removeprefix(_BASE) for context in build.additional_contexts.values() if context.startswith(_BASE))
    return tuple(name for name in named if name in stack.services)


def bases_named(stack: Stack, build: Build) -> Build:
    """The build with the images of services that it is made from, by the names that builders know them by."""
    contexts = {
        key: f"docker-image://{stack.services[context.removeprefix(_BASE)].container.image}"
        if context.startswith(_BASE) and context.removeprefix(_BASE) in stack.services
        else context
        for key, context in build.additional_contexts.items()
    }
    return replace(build, additional_contexts=contexts) if contexts != build.additional_contexts else build


def _with_bases(stack: Stack, services: Iterable[Service]) -> list[Service]:
    """The services to build in an order in which each comes after those it is made from."""
    ordered: dict[str, Service] = {}

    def add(service: Service, above: frozenset[str]) -> None:
        if service.build is None or service.name in ordered or service.name in above:
            return
        for name in bases(stack, service.build):
            add(stack.services[name], above | {service.name})
        ordered[service.name] = service

    for service in services:
        add(service, frozenset())
    return list(ordered.values())


def _labelled(stack: Stack, service: Service, build: Build) -> Build:
    """With the labels by which the image is known as the stack's own (`down --rmi local`)."""
    own = {naming.PROJECT: stack.name, naming.SERVICE: service.name}
    return replace(build, labels={**build.labels, **own})


def _plan(stack: Stack, actions: Iterable[tuple[str, Action]]) -> Plan:
    return Plan(
        stack=stack.name, steps=tuple(_step(number, action, group) for number, (group, action) in enumerate(actions, 1))
    )


def _step(number: int, action: Action, group: str, after: tuple[int, ...] = ()) -> Step:
    return Step(id=number, action=action, reason="as ordered", group=group, after=after)
