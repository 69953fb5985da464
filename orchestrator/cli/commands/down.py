"""`stack down`: the same stack scaled to nothing, as every change is made. Volumes stay unless -v says so."""

from __future__ import annotations

from orchestrator import graph
from orchestrator.cli import loading, ordering, recording, running, wishes
from orchestrator.cli.declare import arguments, flag, number, text
from orchestrator.cli.wiring import Context
from orchestrator.model.container import Container
from orchestrator.model.observed import Scope
from orchestrator.model.stack import Service, Stack, Volume
from orchestrator.planner import orders
from orchestrator.planner.policy import Policy, RemoveImages
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only these services.")
    remove_orphans: bool | None = flag(
        "--remove-orphans", default=None, help="Remove containers of services that the file does not have."
    )
    rmi: str = text("--rmi", metavar="WHICH", choices=("", "local", "all"), help="Remove images: local or all.")
    timeout: int | None = number("-t", "--timeout", metavar="SECONDS", help="How long containers may take to stop.")
    volumes: bool = flag("-v", "--volumes", "--volume", help="Remove the stack's volumes, with what is in them.")
    no_wait: bool = flag("--no-wait", help="Exit with 75 instead of waiting when another program changes the stack.")


def run(context: Context, options: Options) -> int:
    context.engine.greet()
    stack = ordering.stack_of(context, options.services, contents=False)
    orphans, whole = wishes.orphans_removed(options.remove_orphans, context), not options.services
    if stack is not None:
        targets = wishes.targets(options.services, stack) if stack.services else None
    else:
        stack, orphans = _by_labels(context, volumes=options.volumes), whole
        targets = _with_dependents(stack, wishes.targets(options.services, stack))
    policy = Policy(
        targets=targets,
        dependencies=False,
        remove_orphans=orphans,
        remove_networks=whole,
        remove_volumes=options.volumes,
        destroy_data=options.volumes,
        remove_images=RemoveImages(options.rmi or "none"),
        stop_timeout=options.timeout,
    )
    result = running.carry_out(
        context, stack.emptied(), policy, title="down", wait=not options.no_wait, note=_stays_down
    )
    if result is not None and whole and not result.changed:
        context.say(f'No resource found to remove for project "{stack.name}"')
    return 0


def _stays_down(context: Context, stack: Stack, policy: Policy) -> None:
    """A controller of this host leaves alone what was taken down on purpose."""
    if policy.targets is None:
        context.intents.down(stack.name)
    else:
        context.intents.stop(stack.name, policy.targets)


def _by_labels(context: Context, *, volumes: bool) -> Stack:
    """Without a file: the services that there are, and who of them needs whom, as labels say; and the ``volumes``."""
    name = loading.name_of(context)
    observed = context.engine.engine.observe(Scope(stack=name, details=False))
    links = orders.links(observed)
    known = {
        service: {other: how for other, how in needs.items() if other in links} for service, needs in links.items()
    }
    services = {
        service: Service(name=service, container=Container(), depends_on=needs)
        for service, needs in known.items()
        if service
    }
    protected = recording.protected(context, name) if volumes else frozenset()
    found = {
        volume.key: Volume(key=volume.key, name=volume.name, protect=volume.name in protected)
        for volume in observed.volumes
        if volumes and volume.owned and volume.key
    }
    return Stack(name=name, services=services, volumes=found)


def _with_dependents(stack: Stack, targets: frozenset[str] | None) -> frozenset[str] | None:
    """Without a file what needs a service goes down with it, as in Compose."""
    if targets is None:
        return None
    return frozenset(graph.closure(graph.dependents(graph.dependencies(stack)), targets))
