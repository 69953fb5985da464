"""`stack volumes`: the volumes of the stack, or of some of its services."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.cli import containers, loading
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.render import formats
from orchestrator.cli.render.formats import Shape
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass

SHAPE = Shape(columns=("Driver", "Name"), headings={"Name": "VOLUME NAME"})
_UNKNOWN = "N/A"  # as Docker has it for what only clusters know


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only volumes that containers of these services use.")
    format: str = text("--format", metavar="HOW", default="table", help="table, json, or a template.")
    quiet: bool = flag("-q", "--quiet", help="Only names.")


def run(context: Context, options: Options) -> int:
    name = loading.name_of(context)
    operations = context.engine.operations
    names = sorted(set(operations.names("volume", name).values()))
    if options.services:
        found = containers.of_services(context, containers.of_stack(context, name), options.services)
        used = {mount for container in found for mount in container.mounts}
        names = [one for one in names if one in used]
    if options.quiet:
        context.show("".join(f"{one}\n" for one in names))
        return 0
    records = [_record(operations.inspect("volume", one)) for one in names]
    context.show(formats.text(options.format, records, SHAPE))
    return 0


def _record(volume: Mapping[str, object]) -> dict[str, object]:
    labels = volume.get("Labels")
    known = {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}
    return {
        "Availability": _UNKNOWN,
        "Driver": str(volume.get("Driver", "")),
        "Group": _UNKNOWN,
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(known.items())),
        "Links": _UNKNOWN,
        "Mountpoint": str(volume.get("Mountpoint", "")),
        "Name": str(volume.get("Name", "")),
        "Scope": str(volume.get("Scope", "")),
        "Size": _UNKNOWN,
        "Status": _UNKNOWN,
        "Label": lambda key: known.get(str(key), ""),
    }
