"""`stack daemon token create|ls|revoke`: who may come in over TCP, and for what."""

from __future__ import annotations

import json
import time

from orchestrator.api.tokens import DEFAULT_DAYS, Tokens
from orchestrator.cli import state
from orchestrator.cli.declare import arguments, many, number, text
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.errors import UsageError
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    words: tuple[str, ...] = arguments(
        "create NAME | ls | revoke NAME", "create shows the new token, this once.", required=True
    )
    scopes: tuple[str, ...] = many("--scope", metavar="SCOPE", help="read, deploy:STACK or admin; read by default.")
    days: int | None = number("--days", metavar="N", help=f"How long it is good for. Default: {DEFAULT_DAYS}.")
    format: str = text("--format", metavar="HOW", choices=("table", "json"), default="table", help="table or json.")


def run(context: Context, options: Options) -> int:
    tokens = Tokens(state.directory(context.environment))
    match options.words:
        case ("create", name):
            days = DEFAULT_DAYS if options.days is None else options.days
            context.show(tokens.create(name, options.scopes, now=time.time(), days=days) + "\n")
            context.say("this is the only time it is shown; keep it like a password")
        case ("ls",):
            _list(context, options, tokens)
        case ("revoke", name):
            tokens.revoke(name)
            context.say(f"{name} no longer lets anybody in")
        case _:
            raise UsageError(f"`{' '.join(options.words)}` is not understood", hint="create NAME, ls, revoke NAME")
    return 0


def _list(context: Context, options: Options, tokens: Tokens) -> None:
    now = time.time()
    found = [
        (
            one.name,
            " ".join(one.scopes),
            "expired" if one.expires <= now else f"{(one.expires - now) / 86_400:.0f} days",
        )
        for one in tokens.all()
    ]
    if options.format == "json":
        keys = ("name", "scopes", "good_for")
        context.show(json.dumps([dict(zip(keys, row, strict=True)) for row in found], indent=2) + "\n")
    else:
        context.show(table(("NAME", "SCOPES", "GOOD FOR"), found, narrowest=10))
