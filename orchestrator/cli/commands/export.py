"""`stack export`: a container's whole file system as a tar, into a file or a pipe."""

from __future__ import annotations

import os

from orchestrator.cli import containers, loading, streaming
from orchestrator.cli.declare import argument, number, text
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    service: str = argument("SERVICE", "The service.")
    index: int | None = number("--index", help="Which replica; the lowest if not given.")
    output: str = text("-o", "--output", metavar="FILE", help="Write to this file instead of standard output.")


def run(context: Context, options: Options) -> int:
    container = containers.replica(context, loading.name_of(context), options.service, options.index)
    if not options.output:
        streaming.refuse_terminal(context, "name a file with --output, or send it into a pipe")
    if context.shared.dry_run:
        return 0
    target = os.path.abspath(options.output) if options.output else ""
    context.report(container.name, f"Exporting to {options.output or 'standard output'}")
    pieces = context.engine.hands.export(container.id)
    if target:
        streaming.to_file(pieces, target)
    else:
        streaming.to_output(context, pieces)
    context.report(container.name, f"Exported to {options.output or 'standard output'}", done=True)
    return 0
