"""`stack image tag`: give the image of a service another name."""

from __future__ import annotations

from orchestrator.cli import service_images
from orchestrator.cli.declare import argument
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    service: str = argument("SERVICE", "The service whose image gets another name.")
    target: str = argument("NAME[:TAG]", "The name.")


def run(context: Context, options: Options) -> int:
    service_images.refuse_rehearsal(context, "image tag")
    context.engine.operations.tag(service_images.reference(context, options.service), options.target)
    return 0
