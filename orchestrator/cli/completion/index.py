"""All commands with their options and arguments, from their declarations, as plain values that can be kept on disk."""

from __future__ import annotations

import os

from orchestrator.cli.completion import kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    Index = dict[str, Any]


def read(environment: Mapping[str, str]) -> Index:
    """The index; made anew when a command's file is newer. Making it imports every command."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found: Index = kept.recall(environment, f"commands {here}", lambda: (make(), _sources(here)))
    return found


def _sources(here: str) -> list[str]:
    """A folder's own time tells of files that came and went, not of those that changed."""
    commands = os.path.join(here, "commands")
    files = sorted(entry.path for entry in os.scandir(commands) if entry.name.endswith(".py"))
    return [commands, os.path.join(here, "table.py"), os.path.join(here, "options.py"), *files]


def make() -> Index:
    from importlib import import_module

    from orchestrator.cli import options, table

    commands = {}
    for row in table.ROWS:
        if not row.hidden:
            declaration = import_module(f"orchestrator.cli.commands.{row.module}").Options
            commands[row.name] = {"summary": row.summary, "parameters": _parameters(declaration)}
    return {"groups": dict(table.GROUPS), "commands": commands, "shared": _parameters(options.Shared)}


def _parameters(declaration: type) -> list[dict[str, Any]]:
    from orchestrator.cli.declare import parameters

    return [
        {
            "attribute": known.attribute,
            "names": list(known.names),
            "kind": known.kind,
            "many": known.many,
            "rest": known.rest,
            "metavar": known.metavar,
            "choices": [choice for choice in known.choices if choice],
            "help": known.help,
            "hidden": known.hidden or known.later,
        }
        for known in parameters(declaration)
    ]


def visible(parameters: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Names of options with their help; the long ones where there are such."""
    return [
        (name, str(parameter["help"]))
        for parameter in parameters
        if not parameter["hidden"]
        for name in sorted(parameter["names"], key=lambda name: not name.startswith("--"))
    ]
