"""`stack image search`: look for images in the public registry, as the engine does it."""

from __future__ import annotations

from orchestrator.cli.declare import argument, flag, many, number, text
from orchestrator.cli.render import formats
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.engines.operations import Found
from orchestrator.errors import UsageError
from orchestrator.records import dataclass

HEADINGS = ("NAME", "DESCRIPTION", "STARS", "OFFICIAL")
SHAPE = formats.Shape(columns=("Name", "Description", "StarCount", "IsOfficial"))
WIDTH, LIMIT = 45, 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    term: str = argument("TERM", "What to look for.")
    filters: tuple[str, ...] = many("--filter", metavar="KEY=VALUE", help="Such as is-official=true or stars=3.")
    format: str = text("--format", metavar="HOW", default="table", help="table, json or a Go template.")
    limit: int | None = number("--limit", help=f"At most this many ({LIMIT}).")
    no_trunc: bool = flag("--no-trunc", help="Do not shorten.")


def run(context: Context, options: Options) -> int:
    filters: dict[str, list[str]] = {}
    for item in options.filters:
        key, equals, value = item.partition("=")
        if not equals:
            raise UsageError(f"--filter does not understand {item!r}", hint="write it like is-official=true")
        filters.setdefault(key, []).append(value)
    found = context.engine.operations.search(options.term, limit=options.limit or LIMIT, filters=filters)
    plain = formats.is_plain(options.format)
    rows = [_row(one, options) for one in found]
    context.show(table(HEADINGS, rows) if plain else formats.text(options.format, _records(found), SHAPE))
    return 0


def _row(found: Found, options: Options) -> tuple[str, ...]:
    said = found.description
    if not options.no_trunc and len(said) > WIDTH:
        said = said[: WIDTH - 1] + "…"
    return found.name, said, str(found.stars), "[OK]" if found.official else ""


def _records(found: tuple[Found, ...]) -> list[dict[str, object]]:
    return [
        {"Name": one.name, "Description": one.description, "StarCount": one.stars, "IsOfficial": one.official}
        for one in found
    ]
