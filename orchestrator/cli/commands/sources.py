"""`stack sources`: the repositories that the daemon follows; look at one, fetch it now, suspend and resume it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from orchestrator.api.client import Client
from orchestrator.cli import daemons
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.render import safe
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.errors import NotFound, UsageError
from orchestrator.records import dataclass

VERBS = ("sync", "suspend", "resume")
AILING = ("failed", "stale", "empty")  # states that somebody has to look at
HEADINGS = ("SOURCE", "STATE", "REF", "COMMIT", "FETCHED", "STACKS", "WHAT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(daemons.Reached):
    words: tuple[str, ...] = arguments(
        "[ls | show NAME | sync NAME | suspend NAME | resume NAME]",
        "Without words they are listed. show tells all of one; sync fetches now; suspend takes nothing new, over restarts too.",
    )
    json: bool = flag("--json", help="The list as JSON.")
    format: str = text("--format", metavar="HOW", choices=("table", "json"), default="table", help="table or json.")


def run(context: Context, options: Options) -> int:
    match options.words:
        case () | ("ls",):
            return _list(context, options)
        case ("show", name):
            return _show(context, options, name)
        case (verb, *names) if verb in VERBS and names:
            with daemons.client(context, options) as daemon:
                for name in names:
                    daemon.order_source(name, verb)
                    context.say(f"{name}: {verb} done{_but(daemon, name) if verb == 'sync' else ''}")
            return 0
    raise UsageError(
        f"`{' '.join(options.words)}` is not understood", hint="ls, show NAME, sync NAME, suspend NAME or resume NAME"
    )


def _list(context: Context, options: Options) -> int:
    """Exit code 1 where one of them cannot be had, or has no stack."""
    with daemons.client(context, options) as daemon:
        found = daemon.sources()
    if options.json or options.format == "json":
        context.show(json.dumps({"sources": found}, indent=2, ensure_ascii=False) + "\n")
    else:
        context.show(table(HEADINGS, [_row(one) for one in found], narrowest=10))
    return _code(found)


def _code(found: list[dict[str, Any]]) -> int:
    return 1 if any(one["state"] in AILING for one in found) else 0


def _show(context: Context, options: Options, name: str) -> int:
    with daemons.client(context, options) as daemon:
        found = [one for one in daemon.sources() if one["name"] == name]
    if not found:
        raise NotFound(f'there is no source "{name}" on this host', reference="no-such-source")
    if options.json or options.format == "json":
        context.show(json.dumps(found[0], indent=2, ensure_ascii=False) + "\n")
    else:
        context.show("".join(f"{safe.one_line(line)}\n" for line in _lines(found[0])))
    return _code(found)


def _lines(source: dict[str, Any]) -> Iterator[str]:
    yield f"{source['name']}: {source['state']}"
    yield f"  {source['url']}, {source['path']} at {source['ref']}"
    yield f"  commit {source['commit']}, fetched {source['fetched_at']}" if source["commit"] else "  never fetched"
    how = [f"sync: {source['sync']}"] + ["approve: true"] * source["approve"]
    yield f"  {', '.join(how)}"
    if source["message"]:
        yield f"  {source['reference']}: {source['message']}"
    if source["hint"]:
        yield f"  hint: {source['hint']}"
    for stack in source["stacks"]:
        yield f"  stack {stack}"
    for one in source["leaving"]:
        yield f"  leaving: {one['stack']}: {one['message']}"


def _but(daemon: Client, name: str) -> str:
    """What keeps that which was fetched from being taken."""
    suspended = any(one["name"] == name and one["state"] == "suspended" for one in daemon.sources())
    return f", and nothing new is taken: it is suspended until `stack sources resume {name}`" if suspended else ""


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
