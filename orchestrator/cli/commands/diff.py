"""`stack diff`: which files changed in the stack's containers since they were made from their images.

With `--git` it is the difference between what runs and a commit of a repository, as `stack plan --git` tells it.
"""

from __future__ import annotations

from orchestrator.cli import containers, loading, origins
from orchestrator.cli.declare import arguments, flag, number, text
from orchestrator.cli.origins import Origin
from orchestrator.cli.render import formats, safe
from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Listed
from orchestrator.engines.operations import FileChange
from orchestrator.errors import UsageError
from orchestrator.records import dataclass, fields

Changes = list[tuple[Listed, FileChange]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Origin):
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")
    index: int | None = number("--index", help="Only the replica of this number.")
    format: str = text(
        "--format",
        metavar="HOW",
        default="table",
        help="table, json or a Go template; with --git text, json or markdown.",
    )
    url: str = text(
        "--git", metavar="URL", help="What a commit of this repository would change, as `stack plan --git`."
    )
    detailed_exitcode: bool = flag("--detailed-exitcode", help="With --git: 2 if anything would change, 0 if nothing.")


def run(context: Context, options: Options) -> int:
    if options.url:
        return _of_commit(context, options)
    origins.refuse(options, Origin, "is for a commit of a repository", "name the repository with --git")
    if options.detailed_exitcode:
        raise UsageError("--detailed-exitcode is for a commit of a repository", hint="name the repository with --git")
    found = containers.of_stack(context, loading.name_of(context))
    found = containers.of_services(context, found, options.services)
    chosen = [one for one in found if options.index is None or one.slot == options.index]
    operations = context.engine.operations
    changes = [(container, change) for container in chosen for change in operations.changes(container.id)]
    context.show(
        _text(changes, len(chosen) > 1) if formats.is_plain(options.format) else _listed(changes, options.format)
    )
    return 0


def _of_commit(context: Context, options: Options) -> int:
    from orchestrator.cli.commands import plan

    if options.services or options.index is not None:
        raise UsageError("--git compares a stack with a commit, not containers with images", hint="leave out services")
    if options.format not in ("table", "text", "json", "markdown"):
        raise UsageError(f"--format {options.format} is not known with --git", hint="text, json or markdown")
    given = {one.name: getattr(options, one.name) for one in fields(Origin)}
    how = "" if options.format == "table" else options.format
    return plan.run(context, plan.Options(**given, format=how, detailed_exitcode=options.detailed_exitcode))


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
