"""`stack image inspect`: the engine's own description of services' images."""

from __future__ import annotations

from orchestrator.cli import service_images
from orchestrator.cli.declare import arguments, text
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only images of these services.")
    format: str = text("--format", metavar="HOW", default="json", choices=("json",), help="json.")


def run(context: Context, options: Options) -> int:
    import json

    names = dict.fromkeys(service_images.references(context, options.services).values())
    described = [context.engine.operations.inspect("image", name) for name in names]
    context.show(json.dumps(described, indent=4, ensure_ascii=False) + "\n")
    return 0
