"""`stack bridge transformations list`: the transformation images that the engine has."""

from __future__ import annotations

import json

from orchestrator.cli import bridging
from orchestrator.cli.declare import flag, text
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    format: str = text("--format", metavar="HOW", default="table", choices=("table", "json"), help="table or json.")
    quiet: bool = flag("-q", "--quiet", help="Only names.")


def run(context: Context, options: Options) -> int:
    found = context.engine.operations.images(labels=[f"{bridging.LABEL}=transformation"])
    rows = [(image.id, *_split(tag), image.created) for image in found for tag in image.tags or ("<none>:<none>",)]
    if options.quiet:
        context.show("".join(f"{name}:{tag}\n" for _, name, tag, _ in rows))
    elif options.format == "json":
        listed = [{"ID": key, "Repository": name, "Tag": tag, "Created": created} for key, name, tag, created in rows]
        context.show(json.dumps(listed) + "\n")
    else:
        context.show(table(("IMAGE ID", "REPO", "TAGS"), [(key[7:19], name, tag) for key, name, tag, _ in rows]))
    return 0


def _split(reference: str) -> tuple[str, str]:
    name, _, tag = reference.rpartition(":")
    return name, tag
