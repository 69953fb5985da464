"""`stack sources`: the repositories that the daemon follows; fetch one now, suspend and resume it."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.cli import daemons
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.render import safe
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.errors import UsageError
from orchestrator.records import dataclass

VERBS = ("sync", "suspend", "resume")
HEADINGS = ("SOURCE", "STATE", "REF", "COMMIT", "FETCHED", "STACKS", "WHAT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(daemons.Reached):
    words: tuple[str, ...] = arguments(
        "[ls | sync NAME | suspend NAME | resume NAME]",
        "Without words they are listed. sync fetches now; suspend takes nothing new, over restarts too.",
    )
    json: bool = flag("--json", help="The list as JSON.")
    format: str = text("--format", metavar="HOW", choices=("table", "json"), default="table", help="table or json.")


def run(context: Context, options: Options) -> int:
    match options.words:
        case () | ("ls",):
            return _list(context, options)
        case (verb, *names) if verb in VERBS and names:
            with daemons.client(context, options) as daemon:
                for name in names:
                    daemon.order_source(name, verb)
                    context.say(f"{name}: {verb} done")
            return 0
    raise UsageError(
        f"`{' '.join(options.words)}` is not understood", hint="ls, sync NAME, suspend NAME or resume NAME"
    )


def _list(context: Context, options: Options) -> int:
    """Exit code 1 where one of them cannot be had, or has no stack."""
    with daemons.client(context, options) as daemon:
        found = daemon.sources()
    if options.json or options.format == "json":
        context.show(json.dumps({"sources": found}, indent=2, ensure_ascii=False) + "\n")
    else:
        context.show(table(HEADINGS, [_row(one) for one in found], narrowest=10))
    return 1 if any(one["state"] in ("failed", "stale", "empty") for one in found) else 0


def _row(source: dict[str, Any]) -> tuple[str, ...]:
    return (
        source["name"],
        source["state"],
        source["ref"],
        source["commit"][:12] or "-",
        source["fetched_at"] or "-",
        ", ".join(source["stacks"]) or "-",
        safe.one_line(source["message"] or _leaving(source["leaving"])),
    )


def _leaving(found: list[dict[str, Any]]) -> str:
    """What there is to say of stacks that the repository no longer has: what somebody has to agree to comes first."""
    waiting = [one["stack"] for one in found if one["approvable"]]
    if waiting:
        return f"no longer in it: {', '.join(waiting)}; `stack approve {' '.join(waiting)}` lets them go"
    return "; ".join(f"{one['stack']}: {one['message']}" for one in found)
