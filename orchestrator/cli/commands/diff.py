"""`stack diff`: which files changed in the stack's containers since they were made from their images."""

from __future__ import annotations

from orchestrator.cli import containers, loading
from orchestrator.cli.declare import arguments, number, text
from orchestrator.cli.render import formats, safe
from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Listed
from orchestrator.engines.operations import FileChange
from orchestrator.records import dataclass

Changes = list[tuple[Listed, FileChange]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")
    index: int | None = number("--index", help="Only the replica of this number.")
    format: str = text("--format", metavar="HOW", default="table", help="table, json or a Go template.")


def run(context: Context, options: Options) -> int:
    found = containers.of_stack(context, loading.name_of(context))
    found = containers.of_services(context, found, options.services)
    chosen = [one for one in found if options.index is None or one.slot == options.index]
    operations = context.engine.operations
    changes = [(container, change) for container in chosen for change in operations.changes(container.id)]
    context.show(
        _text(changes, len(chosen) > 1) if formats.is_plain(options.format) else _listed(changes, options.format)
    )
    return 0


def _text(changes: Changes, named: bool) -> str:
    """Docker's lines, with the container in front where there are several."""
    width = max((len(containers.short_name(container)) for container, _ in changes), default=0)
    return "".join(
        (f"{containers.short_name(container):<{width}}  " if named else "")
        + f"{change.kind} {safe.one_line(change.path)}\n"
        for container, change in changes
    )


def _listed(changes: Changes, how: str) -> str:
    records = [
        {"Service": container.service, "Name": container.name, "Kind": change.kind, "Path": change.path}
        for container, change in changes
    ]
    return formats.text(how, records, formats.Shape(columns=("Service", "Name", "Kind", "Path")))
