"""`stack build`: build the images of services."""

from __future__ import annotations

from orchestrator.cli import ordering, running, wishes
from orchestrator.cli.declare import arguments, flag, many, text
from orchestrator.cli.wiring import Context
from orchestrator.errors import UsageError
from orchestrator.model.stack import Build
from orchestrator.planner import image_orders
from orchestrator.records import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only images of these services.")
    build_args: tuple[str, ...] = many("--build-arg", metavar="KEY=VALUE", help="Set a build argument.")
    builder: str = text("--builder", metavar="NAME", later=True)
    check: bool = flag("--check", later=True)
    compress: bool = flag("--compress", default=True, hidden=True, help="Does nothing, as in Compose.")
    force_rm: bool = flag("--force-rm", default=True, hidden=True, help="Does nothing, as in Compose.")
    memory: str = text("-m", "--memory", metavar="BYTES", later=True)
    no_cache: bool = flag("--no-cache", help="Take nothing from the cache.")
    no_rm: bool = flag("--no-rm", hidden=True, help="Does nothing, as in Compose.")
    parallel: bool = flag("--parallel", default=True, hidden=True, help="Does nothing, as in Compose.")
    show: bool = flag("--print", later=True)
    provenance: str = text("--provenance", metavar="TEXT", help="Add a statement of where the image comes from.")
    pull: bool = flag("--pull", help="Look for newer versions of the base images.")
    push: bool = flag("--push", later=True)
    quiet: bool = flag("-q", "--quiet", help="Show nothing.")
    sbom: str = text("--sbom", metavar="TEXT", help="Add a list of what is in the image.")
    ssh: str = text("--ssh", metavar="KEY", help="Lend SSH keys to the build.")
    with_dependencies: bool = flag("--with-dependencies", help="Also build what the named services depend on.")


def run(context: Context, options: Options) -> int:
    stack = context.load(options.services)
    named = None if options.with_dependencies else wishes.targets(options.services, stack)
    chosen = [service for name, service in stack.services.items() if named is None or name in named]
    arguments = dict(_argument(context, item) for item in options.build_args)
    plan = image_orders.build(stack, chosen, lambda _, build: _adapted(build, options, arguments))
    if context.shared.dry_run:
        running.show(context, plan)
        return 0
    if plan.empty:
        context.say("no service to build")
        return 0
    result = ordering.run(context, plan, title=f"build {stack.name}", live=True, silent=options.quiet)
    if not result.ok:
        raise ordering.failed(result)
    return 0


def _adapted(build: Build, options: Options, arguments: dict[str, str | None]) -> Build:
    return replace(
        build,
        args={**build.args, **arguments},
        no_cache=build.no_cache or options.no_cache,
        pull=build.pull or options.pull,
        provenance=options.provenance or build.provenance,
        sbom=options.sbom or build.sbom,
        ssh=(*build.ssh, options.ssh) if options.ssh else build.ssh,
    )


def _argument(context: Context, item: str) -> tuple[str, str | None]:
    """``KEY=VALUE``, or ``KEY`` with the value it has here."""
    key, equals, value = item.partition("=")
    if not key:
        raise UsageError(f"--build-arg {item!r} names no argument", hint="write it like VERSION=1.2")
    return key, value if equals else context.environment.get(key)
