"""`stack image load`: take in the images of an archive that `image save` or `docker save` wrote."""

from __future__ import annotations

from orchestrator.cli import service_images
from orchestrator.cli.declare import flag, text
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    input: str = text("-i", "--input", metavar="FILE", help="Read from this file instead of standard input.")
    quiet: bool = flag("-q", "--quiet", help="Say nothing.")


def run(context: Context, options: Options) -> int:
    service_images.refuse_rehearsal(context, "image load")
    said = context.engine.operations.load(service_images.read(options.input))
    if not options.quiet:
        context.show("".join(f"{line}\n" for line in said))
    return 0
