"""`stack image save`: the images of services as one archive, as `docker save` writes it."""

from __future__ import annotations

from orchestrator.cli import service_images
from orchestrator.cli.declare import arguments, text
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only images of these services.")
    output: str = text("-o", "--output", metavar="FILE", help="Write to this file instead of standard output.")


def run(context: Context, options: Options) -> int:
    names = dict.fromkeys(service_images.references(context, options.services).values())
    service_images.write(context.engine.operations.save(names), options.output)
    return 0
