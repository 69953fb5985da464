"""`stack pull`: pull the images of services."""

from __future__ import annotations

from orchestrator.cli import ordering, running, wishes
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.wiring import Context
from orchestrator.engines.base import Engine
from orchestrator.model.actions import PullImage
from orchestrator.model.observed import Scope
from orchestrator.model.plan import ApplyResult
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
    chosen = [service for service in _chosen(stack, options) if _can_be_pulled(service, stack, options)]
    present = _present(context.engine.engine, stack, options)
    plan = image_orders.pull(stack, chosen, present=present)
    if context.shared.dry_run:
        running.show(context, plan)
        return 0
    if plan.empty:
        return 0
    result = ordering.run(context, plan, title=f"pull {stack.name}", live=True, silent=options.quiet)
    _judge(context, result, stack, options)
    return 0


def _chosen(stack: Stack, options: Options) -> list[Service]:
    named = None if options.include_deps else wishes.targets(options.services, stack)
    return [service for name, service in stack.services.items() if named is None or name in named]


def _can_be_pulled(service: Service, stack: Stack, options: Options) -> bool:
    """An image that is built and has no name of its own is nowhere to be had."""
    if service.build is None:
        return True
    made_up = service.container.image == image_name(stack, service)
    return not options.ignore_buildable and not made_up


def image_name(stack: Stack, service: Service) -> str:
    from orchestrator.model import naming

    return naming.image(stack.name, service.name, separator=stack.separator)


def _present(engine: Engine, stack: Stack, options: Options) -> frozenset[str]:
    if options.policy != "missing":
        return frozenset()
    wanted = frozenset(service.container.image for service in stack.services.values() if service.container.image)
    return frozenset(engine.observe(Scope(stack=stack.name, images=wanted, details=False)).images)


def _judge(context: Context, result: ApplyResult, stack: Stack, options: Options) -> None:
    """Failures that do not matter are mentioned; the others fail the command."""
    for failure in result.failures:
        action = failure.step.action
        assert isinstance(action, PullImage)
        buildable = all(stack.services[name].build is not None for name in action.services)
        if not (buildable or options.ignore_pull_failures):
            raise ordering.failed(result)
        context.say(f"warning: {action.reference} could not be pulled" + (" and has to be built" if buildable else ""))
