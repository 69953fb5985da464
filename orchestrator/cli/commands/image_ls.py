"""`stack image ls`: the images of the stack's services, present or not."""

from __future__ import annotations

import time

from orchestrator.cli import service_images
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.render import formats, size
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.engines.operations import StoredImage
from orchestrator.records import dataclass

HEADINGS = ("SERVICE", "IMAGE", "IMAGE ID", "CREATED", "SIZE")
SHAPE = formats.Shape(columns=("Service", "Image", "ID", "Created", "Size"), headings={"ID": "IMAGE ID"})
Row = tuple[str, str, StoredImage | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only images of these services.")
    format: str = text("--format", metavar="HOW", default="table", help="table, json or a Go template.")
    no_trunc: bool = flag("--no-trunc", help="Do not shorten.")
    quiet: bool = flag("-q", "--quiet", help="Only ids.")


def run(context: Context, options: Options) -> int:
    wanted = service_images.references(context, options.services)
    rows = [(service, name, _stored(context, name)) for service, name in wanted.items()]
    context.show(_text(rows, options))
    return 0


def _stored(context: Context, name: str) -> StoredImage | None:
    return next(iter(context.engine.operations.images(references=[name])), None)


def _text(rows: list[Row], options: Options) -> str:
    if options.quiet:
        ids = dict.fromkeys(_id(image, options) for _, _, image in rows if image is not None)
        return "".join(f"{one}\n" for one in ids)
    if not formats.is_plain(options.format):
        return formats.text(options.format, [_record(*row) for row in rows], SHAPE)
    return table(HEADINGS, [_cells(*row, options) for row in rows])


def _cells(service: str, name: str, image: StoredImage | None, options: Options) -> tuple[str, ...]:
    if image is None:
        return service, name, "not present", "", ""
    age = f"{size.ago(time.time() - image.created)} ago"
    return service, name, _id(image, options), age, size.of(image.size)


def _record(service: str, name: str, image: StoredImage | None) -> dict[str, object]:
    known = image or StoredImage(id="")
    return {
        "Service": service,
        "Image": name,
        "Present": image is not None,
        "ID": known.id,
        "Size": known.size,
        "Created": known.created,
        "Digests": list(known.digests),
    }


def _id(image: StoredImage, options: Options) -> str:
    return image.id if options.no_trunc else image.id.removeprefix("sha256:")[:12]
