"""`stack image import`: make the image of a service from an archive of a file system."""

from __future__ import annotations

from orchestrator.cli import service_images
from orchestrator.cli.declare import argument, many, text
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    service: str = argument("SERVICE", "The service whose image it becomes.")
    source: str = argument("[FILE|-]", "The archive; standard input if not given.", required=False)
    changes: tuple[str, ...] = many("--change", metavar="LINE", help="Apply a line of a Dockerfile (CMD, ENV, ...).")
    message: str = text("-m", "--message", metavar="TEXT", help="Say what it is.")
    platform: str = text("--platform", metavar="OS/ARCH", help="What it runs on.")


def run(context: Context, options: Options) -> int:
    service_images.refuse_rehearsal(context, "image import")
    made = context.engine.operations.import_image(
        service_images.read(options.source),
        name=service_images.reference(context, options.service),
        changes=options.changes,
        message=options.message,
        platform=options.platform,
    )
    context.show(f"{made}\n")
    return 0
