"""`stack ls`: the stacks of an engine, those that Compose started too. One list call."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from orchestrator.cli.declare import flag, many, text
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Listed
from orchestrator.errors import UsageError
from orchestrator.model import naming
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    all: bool = flag("-a", "--all", help="Stopped stacks too.")
    filters: tuple[str, ...] = many("--filter", metavar="name=REGEX", help="Only stacks of such names.")
    format: str = text("--format", metavar="HOW", help="table, json, or a template such as '{{.Name}} {{.Status}}'.")
    quiet: bool = flag("-q", "--quiet", help="Only names.")


def run(context: Context, options: Options) -> int:
    patterns = _patterns(options.filters)
    found = context.engine.console.containers(labels=(naming.PROJECT, naming.CONFIG_HASH), everything=options.all)
    stacks = _by_stack(container for container in found if not container.oneoff)
    rows = [
        (name, _status(members), _files(members))
        for name, members in sorted(stacks.items())
        if all(pattern.search(name) for pattern in patterns)
    ]
    context.show(_text(rows, options))
    return 0


def _text(rows: list[tuple[str, str, str]], options: Options) -> str:
    if options.quiet:
        return "".join(f"{name}\n" for name, _, _ in rows)
    if options.format in ("", "table"):
        return table(("NAME", "STATUS", "CONFIG FILES"), rows, narrowest=20)
    records = [{"Name": name, "Status": status, "ConfigFiles": files} for name, status, files in rows]
    if options.format in ("json", "{{json.}}"):  # the second is an old spelling of Compose's
        import json

        return json.dumps(records, ensure_ascii=False, separators=(",", ":")) + "\n"
    from orchestrator.cli.render import formats

    shape = formats.Shape(columns=("Name", "Status", "ConfigFiles"), headings={"ConfigFiles": "CONFIG FILES"})
    return formats.text(options.format, records, shape)


def _by_stack(found: Iterable[Listed]) -> dict[str, list[Listed]]:
    stacks: dict[str, list[Listed]] = {}
    for container in found:
        stacks.setdefault(container.stack, []).append(container)
    return stacks


def _status(members: list[Listed]) -> str:
    """``exited(1), running(2)``."""
    return ", ".join(f"{state}({count})" for state, count in sorted(Counter(c.state for c in members).items()))


def _files(members: list[Listed]) -> str:
    files = dict.fromkeys(c.labels.get(naming.CONFIG_FILES, "") for c in members)
    return ",".join(filter(None, files)) or "N/A"


def _patterns(filters: tuple[str, ...]) -> list[re.Pattern[str]]:
    patterns = []
    for item in filters:
        key, _, value = item.partition("=")
        if key != "name":
            raise UsageError(f"--filter knows no {key!r}", hint="write it like name=shop")
        try:
            patterns.append(re.compile(value))
        except re.error as problem:
            raise UsageError(f"--filter: {value!r} is no regular expression: {problem}") from None
    return patterns
