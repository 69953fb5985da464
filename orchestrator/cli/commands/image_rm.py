"""`stack image rm`: remove the images of services."""

from __future__ import annotations

from orchestrator.cli import service_images
from orchestrator.cli.declare import arguments, flag
from orchestrator.cli.wiring import Context
from orchestrator.errors import Conflict, NotFound, StackError, UsageError
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Images of these services.")
    all: bool = flag("-a", "--all", help="Images of all services.")
    force: bool = flag("-f", "--force", help="Also what stopped containers use.")
    no_prune: bool = flag("--no-prune", help="Keep layers that nothing names any more.")


def run(context: Context, options: Options) -> int:
    service_images.refuse_rehearsal(context, "image rm")
    if not options.services and not options.all:
        raise UsageError("no service is named", hint="name services, or give --all for the images of all")
    problems = []
    for name in dict.fromkeys(service_images.references(context, options.services).values()):
        try:
            said = context.engine.operations.remove_image(name, force=options.force, prune=not options.no_prune)
            context.show("".join(f"{line}\n" for line in said))
        except (Conflict, NotFound) as problem:
            problems.append(problem.message)
    if problems:
        raise StackError("\n".join(problems), reference="image-not-removed", hint="`stack down` removes what uses them")
    return 0
