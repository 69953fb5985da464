"""`stack image history`: the layers of a service's image, the newest first."""

from __future__ import annotations

import time

from orchestrator.cli import service_images
from orchestrator.cli.declare import argument, flag, text
from orchestrator.cli.render import formats, size
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.engines.operations import Layer
from orchestrator.records import dataclass

HEADINGS = ("IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT")
SHAPE = formats.Shape(columns=("ID", "CreatedAt", "CreatedBy", "Size", "Comment"), headings={"ID": "IMAGE"})
WIDTH = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    service: str = argument("SERVICE", "The service.")
    format: str = text("--format", metavar="HOW", default="table", help="table, json or a Go template.")
    human: bool = flag("-H", "--human", default=True, help="Sizes and ages as people read them.")
    no_trunc: bool = flag("--no-trunc", help="Do not shorten.")
    quiet: bool = flag("-q", "--quiet", help="Only ids.")


def run(context: Context, options: Options) -> int:
    layers = context.engine.operations.history(service_images.reference(context, options.service))
    if options.quiet:
        context.show("".join(f"{_id(layer, options)}\n" for layer in layers))
    elif not formats.is_plain(options.format):
        context.show(formats.text(options.format, [_record(layer, options) for layer in layers], SHAPE))
    else:
        context.show(table(HEADINGS, [_cells(layer, options) for layer in layers]))
    return 0


def _cells(layer: Layer, options: Options) -> tuple[str, ...]:
    made = layer.created_by.replace("\t", " ")
    if not options.no_trunc and len(made) > WIDTH:
        made = made[: WIDTH - 1] + "…"
    age = f"{size.ago(time.time() - layer.created)} ago" if options.human else _moment(layer)
    return _id(layer, options), age, made, _size(layer, options), layer.comment


def _record(layer: Layer, options: Options) -> dict[str, object]:
    return {
        "ID": _id(layer, options),
        "CreatedAt": _moment(layer),
        "CreatedBy": layer.created_by,
        "Size": _size(layer, options),
        "Comment": layer.comment,
        "Tags": list(layer.tags),
    }


def _id(layer: Layer, options: Options) -> str:
    return layer.id if options.no_trunc else layer.id.removeprefix("sha256:")[:12]


def _size(layer: Layer, options: Options) -> str:
    return size.of(layer.size) if options.human else str(layer.size)


def _moment(layer: Layer) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(layer.created))
