"""`stack commit`: an image of a container as it is now."""

from __future__ import annotations

from orchestrator.cli import containers, loading
from orchestrator.cli.declare import argument, flag, many, number, text
from orchestrator.cli.wiring import Context
from orchestrator.engines.hands import Commit
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    service: str = argument("SERVICE", "The service.")
    reference: str = argument("[REPOSITORY[:TAG]]", "The image's name.", required=False)
    author: str = text("-a", "--author", metavar="WHO", help="Who made it.")
    changes: tuple[str, ...] = many("-c", "--change", metavar="INSTRUCTION", help="Apply a Dockerfile instruction.")
    index: int | None = number("--index", help="Which replica; the lowest if not given.")
    message: str = text("-m", "--message", metavar="TEXT", help="What it is.")
    pause: bool = flag("-p", "--pause", default=True, help="Freeze the container meanwhile.")


def run(context: Context, options: Options) -> int:
    container = containers.replica(context, loading.name_of(context), options.service, options.index)
    if context.shared.dry_run:
        context.report(container.name, f"Would be committed as {options.reference or 'an image without a name'}")
        return 0
    context.report(container.name, "Committing")
    made = context.engine.hands.commit(
        Commit(
            container=container.id,
            reference=options.reference,
            author=options.author,
            message=options.message,
            changes=options.changes,
            pause=options.pause,
        )
    )
    context.report(container.name, f"Committed as {made}", done=True)
    return 0
