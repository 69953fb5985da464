"""`stack images`: what the stack's containers were made from."""

from __future__ import annotations

import time

from orchestrator.cli import containers, loading
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.render import size
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Console, ImageFacts, Listed
from orchestrator.errors import NotFound
from orchestrator.records import dataclass

HEADINGS = ("CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "CREATED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")
    format: str = text("--format", metavar="HOW", default="table", help="table, json, or a template.")
    quiet: bool = flag("-q", "--quiet", help="Only ids.")


def run(context: Context, options: Options) -> int:
    found = containers.of_stack(context, loading.name_of(context))
    found = containers.of_services(context, found, options.services)
    console = context.engine.console
    facts = {image: _facts(console, image) for image in dict.fromkeys(container.image_id for container in found)}
    context.show(_text([(container, facts[container.image_id]) for container in found], options))
    return 0


def _facts(console: Console, image: str) -> ImageFacts:
    """A running container's image may have been removed meanwhile."""
    try:
        return console.image(image)
    except NotFound:
        return ImageFacts(id=image)


def _text(found: list[tuple[Listed, ImageFacts]], options: Options) -> str:
    if options.quiet:
        ids = dict.fromkeys(image.id.removeprefix("sha256:") for _, image in found)
        return "".join(f"{found_id}\n" for found_id in ids)
    if options.format == "json":
        import json

        return json.dumps([_record(*one) for one in found], separators=(",", ":")) + "\n"
    if options.format in ("", "table"):
        return table(HEADINGS, [_row(*one) for one in found], narrowest=20)
    from orchestrator.cli.render import formats

    records = [{**_record(*one), **dict(zip(("Size", "Created"), _row(*one)[-2:], strict=True))} for one in found]
    headings = {"ID": "IMAGE ID", "ContainerName": "CONTAINER"}
    columns = ("ContainerName", "Repository", "Tag", "Platform", "ID", "Size", "Created")
    return formats.text(options.format, records, formats.Shape(columns=columns, headings=headings))


def _row(container: Listed, image: ImageFacts) -> tuple[str, ...]:
    repository, tag = _names(container, image)
    short = image.id.removeprefix("sha256:")[:12]
    return container.name, repository, tag, image.platform, short, size.of(image.size), _age(image.created)


def _record(container: Listed, image: ImageFacts) -> dict[str, object]:
    repository, tag = _names(container, image)
    return {
        "ID": image.id,
        "ContainerName": container.name,
        "Repository": repository,
        "Tag": tag,
        "Platform": image.platform,
        "Size": image.size,
        "Created": image.created,
        "LastTagTime": image.tagged,
    }


def _names(container: Listed, image: ImageFacts) -> tuple[str, str]:
    """The name the container was made by, if the image still has it, else its first."""
    known = container.image if container.image in image.tags or not image.tags else image.tags[0]
    repository, colon, tag = known.rpartition(":")
    if not colon or "/" in tag:
        return known or "<none>", "<none>" if not image.tags else "latest"
    return repository, tag


def _age(created: str) -> str:
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return "N/A"
    return f"{size.ago(time.time() - moment.timestamp())} ago"
