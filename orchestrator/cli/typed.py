"""The door to typer: help pages of commands, made from their declarations. Imported only when such a page is asked for.

Commands are read by ``reader``; typer would add more time to every command than most commands take.
"""

from __future__ import annotations

import inspect
from typing import Any

import typer

from orchestrator.cli.declare import FLAG, NUMBER, POSITIONAL, Parameter, parameters
from orchestrator.cli.table import Row

EPILOG = "Options that every command understands (-f, -p, --profile, ...): `stack --help`"


def page(row: Row, declaration: type) -> str:
    """The help page of one command."""
    app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    app.command(row.name, help=row.summary + ".", epilog=EPILOG)(_function(declaration))
    command = typer.main.get_command(app)
    context = command.make_context(f"stack {row.name}", [], resilient_parsing=True)
    return str(command.get_help(context)).rstrip() + "\n"


def _function(declaration: type) -> Any:
    """An empty function with the signature that typer reads."""

    def command() -> None:
        return None

    shown = [known for known in parameters(declaration) if not known.hidden and not known.later]
    signature = [_parameter(known) for known in shown]
    command.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    command.__annotations__ = {item.name: item.annotation for item in signature}
    return command


def _parameter(known: Parameter) -> inspect.Parameter:
    kind: Any = {FLAG: bool, NUMBER: int}.get(known.kind, str)
    default: Any = None if known.default in ("", (), None) else known.default
    if known.kind == POSITIONAL:
        annotation = list[str] if known.many else str
        value = typer.Argument(... if known.required else None, metavar=known.metavar, help=known.help)
    else:
        annotation = list[kind] if known.many else kind
        value = typer.Option(
            default, *known.names, metavar=known.metavar or None, help=known.help, show_default=known.kind != FLAG
        )
    return inspect.Parameter(known.attribute, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=annotation)
