"""`stack du`: what the stack takes of the disk. Layers that several of its images share count once."""

from __future__ import annotations

from orchestrator.cli import containers, loading
from orchestrator.cli.declare import flag, text
from orchestrator.cli.render import formats, size
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.engines.operations import Space
from orchestrator.records import dataclass

SHAPE = formats.Shape(
    columns=("Type", "TotalCount", "Size"), headings={"Type": "KIND", "TotalCount": "COUNT", "Bytes": "BYTES"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    format: str = text("--format", metavar="HOW", default="table", help="table, json or a Go template.")
    verbose: bool = flag("--details", help="Each image, container and volume.")


def run(context: Context, options: Options) -> int:
    name = loading.name_of(context)
    found = containers.of_stack(context, name, oneoff=True)
    images = {container.image_id: container.image for container in found}
    space = context.engine.operations.space(name, images)
    if options.format == "json":
        context.show(_json(name, space))
        return 0
    if not formats.is_plain(options.format):
        context.show(formats.text(options.format, [_record(*row) for row in _rows(space)], SHAPE))
        return 0
    context.show(_summary(space))
    if options.verbose:
        context.show(_details(space))
    return 0


def _summary(space: Space) -> str:
    total = sum(taken or 0 for _, _, taken in _rows(space))
    rows = [(kind, str(count), _of(taken)) for kind, count, taken in _rows(space)]
    return table(("KIND", "COUNT", "SIZE"), [*rows, ("Total", "", size.of(total))])


def _record(kind: str, count: int, taken: int | None) -> formats.Record:
    return {"Type": kind, "TotalCount": count, "Size": _of(taken), "Bytes": taken}


def _rows(space: Space) -> list[tuple[str, int, int | None]]:
    logs = [container.log for container in space.containers]
    volumes = [volume.size for volume in space.volumes]
    return [
        ("Images", len(space.images), space.images_total),
        ("Containers", len(space.containers), sum(container.writable for container in space.containers)),
        ("Volumes", len(volumes), _sum(volumes)),
        ("Logs", sum(log is not None for log in logs), _sum(logs)),
    ]


def _sum(sizes: list[int | None]) -> int | None:
    """The sum of what is known; None where things are there and nothing is known of any."""
    known = [one for one in sizes if one is not None]
    return sum(known) if known or not sizes else None


def _of(taken: int | None) -> str:
    return "unknown" if taken is None else size.of(taken)


def _details(space: Space) -> str:
    images = [
        (one.name, one.id.removeprefix("sha256:")[:12], _of(one.size), _of(one.exclusive)) for one in space.images
    ]
    running = [(one.name, one.service, _of(one.writable), _of(one.log)) for one in space.containers]
    volumes = [(one.name, one.key, _of(one.size)) for one in space.volumes]
    return (
        "\n" + table(("IMAGE", "ID", "SIZE", "NOT SHARED"), images)
        + "\n" + table(("CONTAINER", "SERVICE", "SIZE", "LOG"), running)
        + "\n" + table(("VOLUME", "KEY", "SIZE"), volumes)
    )  # fmt: skip


def _json(name: str, space: Space) -> str:
    import json

    record = {
        "Stack": name,
        "Images": [
            {"ID": one.id, "Name": one.name, "Size": one.size, "NotShared": one.exclusive} for one in space.images
        ],
        "ImagesSize": space.images_total,
        "Containers": [
            {"ID": one.id, "Name": one.name, "Service": one.service, "Size": one.writable, "LogSize": one.log}
            for one in space.containers
        ],
        "Volumes": [{"Name": one.name, "Key": one.key, "Size": one.size} for one in space.volumes],
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"
