"""`stack push`: push images that are built here to their registries."""

from __future__ import annotations

from orchestrator.cli import ordering, running, wishes
from orchestrator.cli.declare import arguments, flag
from orchestrator.cli.wiring import Context
from orchestrator.planner import image_orders
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only images of these services.")
    ignore_push_failures: bool = flag("--ignore-push-failures", help="Push what can be pushed.")
    include_deps: bool = flag("--include-deps", help="Also push for the services that the named ones depend on.")
    quiet: bool = flag("-q", "--quiet", help="Show nothing.")


def run(context: Context, options: Options) -> int:
    stack = context.load(options.services, contents=False)
    named = None if options.include_deps else wishes.targets(options.services, stack)
    chosen = [service for name, service in stack.services.items() if named is None or name in named]
    for service in chosen:
        if service.build is not None and not image_orders.pushed(stack, service) and not options.quiet:
            context.say(f" {service.name} Skipped: its image has no name of its own")
    plan = image_orders.push(stack, chosen)
    if context.shared.dry_run:
        running.show(context, plan)
        return 0
    if plan.empty:
        return 0
    result = ordering.run(context, plan, title=f"push {stack.name}", live=True, silent=options.quiet)
    if not result.ok and not options.ignore_push_failures:
        raise ordering.failed(result)
    for failure in result.failures:
        context.say(f"warning: {failure.error.message}" if failure.error else "warning: an image was not pushed")
    return 0
