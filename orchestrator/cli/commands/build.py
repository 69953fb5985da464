"""`stack build`: build the images of services."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orchestrator.cli import ordering, running, wishes
from orchestrator.cli.declare import arguments, flag, many, text
from orchestrator.cli.wiring import Context
from orchestrator.errors import UsageError
from orchestrator.model.actions import BuildImage
from orchestrator.model.plan import Plan
from orchestrator.model.stack import Build, Service, Stack
from orchestrator.planner import image_orders
from orchestrator.records import dataclass, replace
from orchestrator.spec import values


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only images of these services.")
    build_args: tuple[str, ...] = many("--build-arg", metavar="KEY=VALUE", help="Set a build argument.")
    builder: str = text("--builder", metavar="NAME", help="Build with this builder of buildx.")
    check: bool = flag("--check", help="Check the Dockerfiles instead of building.")
    compress: bool = flag("--compress", default=True, hidden=True, help="Does nothing, as in Compose.")
    force_rm: bool = flag("--force-rm", default=True, hidden=True, help="Does nothing, as in Compose.")
    memory: str = text(
        "-m", "--memory", metavar="BYTES", help="Limit a build's memory; only the engine's own builder can."
    )
    no_cache: bool = flag("--no-cache", help="Take nothing from the cache.")
    no_rm: bool = flag("--no-rm", hidden=True, help="Does nothing, as in Compose.")
    parallel: bool = flag("--parallel", default=True, hidden=True, help="Does nothing, as in Compose.")
    show: bool = flag("--print", help="Print what would be built, for `docker buildx bake`.")
    provenance: str = text("--provenance", metavar="TEXT", help="Add a statement of where the image comes from.")
    pull: bool = flag("--pull", help="Look for newer versions of the base images.")
    push: bool = flag("--push", help="Push the images that have a name of their own.")
    quiet: bool = flag("-q", "--quiet", help="Show nothing.")
    sbom: str = text("--sbom", metavar="TEXT", help="Add a list of what is in the image.")
    ssh: str | None = text("--ssh", metavar="KEY", default=None, help="Lend SSH keys to the build; empty: the agent's.")
    with_dependencies: bool = flag("--with-dependencies", help="Also build what the named services depend on.")


def run(context: Context, options: Options) -> int:
    stack = _loaded(context, options.services)
    named = None if options.with_dependencies else wishes.targets(options.services, stack)
    chosen = [service for name, service in stack.services.items() if named is None or name in named]
    plan = image_orders.build(stack, chosen, _adapter(context, options), push=options.push)
    if options.show:
        _print(context, plan, chosen, options)
        return 0
    if context.shared.dry_run:
        running.show(context, plan)
        return 0
    if plan.empty:
        context.say("no service to build")
        return 0
    if options.check:
        return _check(context, plan)
    result = ordering.run(context, plan, title=f"build {stack.name}", live=True, silent=options.quiet)
    if not result.ok:
        raise ordering.failed(result)
    return 0


def _loaded(context: Context, services: tuple[str, ...]) -> Stack:
    """The stack of the services named, with those whose images are contexts of their builds."""
    stack = context.load(services)
    while services:
        contexts = (c for s in stack.services.values() if s.build for c in s.build.additional_contexts.values())
        wanted = {context.removeprefix("service:") for context in contexts if context.startswith("service:")}
        if wanted <= stack.services.keys():
            break
        services = (*services, *sorted(wanted - stack.services.keys()))
        stack = context.load(services)
    return stack


def _adapter(context: Context, options: Options) -> Callable[[Service, Build], BuildImage]:
    arguments = dict(_argument(context, item) for item in options.build_args)
    memory = _bytes(options.memory)

    def adapted(service: Service, build: Build) -> BuildImage:
        return BuildImage(
            reference=service.container.image,
            service=service.name,
            build=_adapted(build, options, arguments),
            builder=options.builder,
            memory=memory,
            export=options.push and len(build.platforms) > 1,
        )

    return adapted


def _print(context: Context, plan: Plan, chosen: Iterable[Service], options: Options) -> None:
    import json

    from orchestrator.engines.docker import bake

    builds = [step.action for step in plan.steps if isinstance(step.action, BuildImage)]
    names = [service.name for service in chosen if service.build is not None]
    document = bake.definition(builds, names, push=options.push, check=options.check)
    context.show(json.dumps(document, indent=2) + "\n")


def _check(context: Context, plan: Plan) -> int:
    clean = True
    for step in plan.steps:
        if isinstance(step.action, BuildImage):
            fine, said = context.engine.operations.check_build(step.action)
            context.show(f"{step.action.service}\n\n{said.strip()}\n\n")
            clean = clean and fine
    return 0 if clean else 1


def _bytes(text: str) -> int:
    """``64m`` as a number; 0 where nothing is said."""
    if not text:
        return 0
    try:
        return values.size(text)
    except values.BadValue:
        raise UsageError(f"--memory {text!r} is no size", hint="write it like 512m or 2g") from None


def _adapted(build: Build, options: Options, arguments: dict[str, str | None]) -> Build:
    return replace(
        build,
        args={**build.args, **arguments},
        no_cache=build.no_cache or options.no_cache,
        pull=build.pull or options.pull,
        provenance=options.provenance or build.provenance,
        sbom=options.sbom or build.sbom,
        ssh=build.ssh if options.ssh is None else (*build.ssh, options.ssh or "default"),
    )


def _argument(context: Context, item: str) -> tuple[str, str | None]:
    """``KEY=VALUE``, or ``KEY`` with the value it has here."""
    key, equals, value = item.partition("=")
    if not key:
        raise UsageError(f"--build-arg {item!r} names no argument", hint="write it like VERSION=1.2")
    return key, value if equals else context.environment.get(key)
