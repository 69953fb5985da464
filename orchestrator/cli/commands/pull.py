"""`stack pull`: pull the images of services."""

from __future__ import annotations

from orchestrator.cli import ordering, running, wishes
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.wiring import Context
from orchestrator.engines.base import Engine
from orchestrator.model.actions import PullImage
from orchestrator.model.observed import Scope
from orchestrator.model.plan import ApplyResult, Outcome
from orchestrator.model.stack import Service, Stack
from orchestrator.planner import image_orders
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only images of these services.")
    ignore_buildable: bool = flag("--ignore-buildable", help="Leave out images that can be built.")
    ignore_pull_failures: bool = flag("--ignore-pull-failures", help="Pull what can be pulled.")
    include_deps: bool = flag("--include-deps", help="Also pull for the services that the named ones depend on.")
    parallel: bool | None = flag("--parallel", default=None, hidden=True, help="Does nothing, as in Compose.")
    no_parallel: bool | None = flag("--no-parallel", default=None, hidden=True, help="Does nothing, as in Compose.")
    policy: str = text("--policy", metavar="WHEN", choices=("", "missing", "always"), help="missing or always.")
    quiet: bool = flag("-q", "--quiet", help="Show nothing.")


def run(context: Context, options: Options) -> int:
    stack = context.load(options.services, contents=False)
    named = _chosen(stack, options)
    present = _present(context.engine.engine, stack.name, named, options)
    skipped = _skipped(stack, named, present, options)
    plan = image_orders.pull(stack, [service for service in named if service.name not in skipped])
    if context.shared.dry_run:
        running.show(context, plan)
        return 0
    if not options.quiet:
        for name, why in skipped.items():
            context.report(name, f"Skipped - {why}", done=True)
    if plan.empty:
        return 0
    result = ordering.run(context, plan, title=f"pull {stack.name}", live=True, silent=options.quiet)
    if not options.quiet:
        _tell(context, result)
    _judge(context, result, stack, options)
    return 0


def _skipped(stack: Stack, services: list[Service], present: frozenset[str], options: Options) -> dict[str, str]:
    """The services of which no image is pulled, and why, in Compose's words: scripts look for them."""
    found = {}
    for service in services:
        if service.provider is not None:
            continue
        if not image_orders.pulls(service) or not _can_be_pulled(service, stack):
            found[service.name] = "No image to be pulled"
        elif options.ignore_buildable and service.build is not None:
            found[service.name] = "Image can be built"
        elif service.container.image in present and (options.policy == "missing" or _stays(service)):
            found[service.name] = "Image is already present locally"
    return found


def _stays(service: Service) -> bool:
    """Whether the file wants what is there, and its name says which version that is."""
    image = service.container.image
    return service.pull_if_missing and not image.endswith(":latest") and (":" in image.rpartition("/")[2])


def _tell(context: Context, result: ApplyResult) -> None:
    """What became of each service, beside what the progress said of each image."""
    for one in result.results.values():
        action = one.step.action
        if isinstance(action, PullImage) and one.outcome is Outcome.DONE:
            first, *others = action.services
            context.report(first, "Pulled", done=True)
            for name in others:
                context.report(name, f"Skipped - Image is already being pulled by {first}", done=True)


def _chosen(stack: Stack, options: Options) -> list[Service]:
    named = None if options.include_deps else wishes.targets(options.services, stack)
    return [service for name, service in stack.services.items() if named is None or name in named]


def _can_be_pulled(service: Service, stack: Stack) -> bool:
    """An image that is built and has no name of its own is nowhere to be had."""
    return service.build is None or service.container.image != image_name(stack, service)


def image_name(stack: Stack, service: Service) -> str:
    from orchestrator.model import naming

    return naming.image(stack.name, service.name, separator=stack.separator)


def _present(engine: Engine, name: str, services: list[Service], options: Options) -> frozenset[str]:
    """Which images are there already, of those that are only pulled where they are not."""
    asked = (service for service in services if service.pull_if_missing) if options.policy != "missing" else services
    wanted = frozenset(service.container.image for service in asked if service.container.image)
    return frozenset(engine.observe(Scope(stack=name, images=wanted, details=False)).images) if wanted else frozenset()


def _judge(context: Context, result: ApplyResult, stack: Stack, options: Options) -> None:
    """What could not be had fails the command, unless that was said not to matter; what can be built is named."""
    missing = [one.step.action for one in result.failures]
    names = [name for action in missing if isinstance(action, PullImage) for name in action.services]
    buildable = [name for name in names if stack.services[name].build is not None]
    if buildable:
        told = "warning: Some service image(s) must be built from source by running:"
        context.say(f"{told}\n    stack build {' '.join(buildable)}")
    if result.failures and not options.ignore_pull_failures:
        raise ordering.failed(result)
