"""`stack daemon status`: how the stacks of this host fare; exit code 1 where one of them does not."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.cli import daemons
from orchestrator.cli.commands.sources import AILING
from orchestrator.cli.declare import argument, flag, text
from orchestrator.cli.render import safe
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass

WELL = ("converged", "suspended", "stopped", "progressing", "pending", "waiting")
HEADINGS = ("STACK", "STATE", "MODE", "READY", "DRIFT", "WHAT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(daemons.Reached):
    stack: str = argument("[STACK]", "Only this one, in full.", required=False)
    json: bool = flag("--json", help="As JSON.")
    format: str = text("--format", metavar="HOW", choices=("table", "json"), default="table", help="table or json.")


def run(context: Context, options: Options) -> int:
    with daemons.client(context, options) as daemon:
        found = daemon.stack(options.stack) if options.stack else daemon.host()
        away = [] if options.stack else [one["name"] for one in daemon.sources() if one["state"] in AILING]
    stacks = [found] if options.stack else found["stacks"]
    if options.json or options.format == "json":
        context.show(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    else:
        context.show(table(HEADINGS, [_row(one) for one in stacks], narrowest=10))
        context.show("".join(_details(found)) if options.stack else "")
    if away:
        context.say(f"not well are the sources {', '.join(away)}: `stack sources` says why")
    return 0 if all(one["phase"] in WELL for one in stacks) else 1


def _row(stack: dict[str, Any]) -> tuple[str, ...]:
    return (
        stack["name"],
        stack["phase"],
        stack["mode"],
        f"{stack['ready']}/{stack['wanted']}",
        str(stack["drifted"]),
        safe.one_line(stack["message"]),
    )


def _details(stack: dict[str, Any]) -> list[str]:
    lines = [f"\nat {safe.one_line(stack['where'])}\n"] if stack["where"] else []
    for service in stack["services"]:
        lines.append(f"\n{service['name']}: {service['ready']}/{service['wanted']} ready, {service['image']}\n")
        for one in service["replicas"]:
            health = f" ({one['health']})" if one["health"] else ""
            lines.append(f"  {one['name']}: {one['state']}{health}, {one['restarts']} restarts\n")
    for one in stack["drift"]:
        what = f"{one['field']}: {one['before'] or '(none)'} -> {one['after'] or '(none)'}" if one["field"] else ""
        lines.append(f"drift: {one['object']}: {safe.one_line(what or one['reason'])}\n")
    return lines
