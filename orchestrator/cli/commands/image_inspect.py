"""`stack image inspect`: the engine's own description of services' images."""

from __future__ import annotations

from orchestrator.cli import service_images
from orchestrator.cli.declare import arguments, text
from orchestrator.cli.render import raw
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only images of these services.")
    format: str = text("--format", metavar="HOW", default="json", help="json or a Go template.")


def run(context: Context, options: Options) -> int:
    names = dict.fromkeys(service_images.references(context, options.services).values())
    described = (context.engine.operations.inspect("image", name) for name in names)
    context.show(raw.text(described, options.format))
    return 0
