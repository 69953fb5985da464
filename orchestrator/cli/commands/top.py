"""`stack top`: the processes in the stack's running containers."""

from __future__ import annotations

from orchestrator.cli import containers, loading
from orchestrator.cli.declare import arguments
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")


def run(context: Context, options: Options) -> int:
    found = containers.of_stack(context, loading.name_of(context), everything=False)
    titles: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = []
    for container in containers.of_services(context, found, options.services):
        processes = context.engine.console.processes(container.id)
        titles = titles or processes.titles
        rows += [(container.service, str(container.slot), *row) for row in processes.rows]
    if rows:
        context.show(table(("SERVICE", "#", *titles), rows, narrowest=4, gap=2))
    return 0
