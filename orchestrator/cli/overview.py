"""``stack --help``: all commands and the options they share, made from the tables without reading any command's
module.
"""

from __future__ import annotations

from orchestrator.cli import table
from orchestrator.cli.declare import Parameter, parameters
from orchestrator.cli.options import Shared

HEAD = """Usage: stack [OPTIONS] COMMAND

Run your Compose files: with a plan you can read, and updates that keep the old version serving.
"""

FOOT = """
`stack COMMAND --help` says more about a command. Options may stand before or behind it.
"""


def page() -> str:
    """The whole page."""
    commands = [(row.name, row.summary) for row in table.ROWS if not row.hidden and " " not in row.name]
    commands += table.GROUPS.items()
    shared = [(spelled(known), known.help) for known in parameters(Shared) if not known.hidden]
    return f"{HEAD}\nCommands:\n{listed(commands)}\nOptions:\n{listed(shared)}{FOOT}"


def group(name: str) -> str:
    """The page of a group of commands."""
    rows = [(row.name, row.summary) for row in table.of_group(name)]
    head = f"Usage: stack {name} [OPTIONS] COMMAND\n\n{table.GROUPS[name]}.\n"
    return f"{head}\nCommands:\n{listed(rows)}\n`stack {name} COMMAND --help` says more about a command.\n"


def spelled(known: Parameter) -> str:
    """``-f, --file FILE``."""
    names = ", ".join(known.names)
    padded = names if names.startswith("-") and not names.startswith("--") else "    " + names
    return f"{padded} {known.metavar}".rstrip()


def listed(rows: list[tuple[str, str]]) -> str:
    """Two columns; a left part that is too wide gets a line of its own."""
    width = min(28, max(len(left) for left, _ in rows))
    lines = []
    for left, right in rows:
        gap = "\n  " + " " * width if len(left) > width else " " * (width - len(left))
        lines.append(f"  {left}{gap}  {right}\n")
    return "".join(lines)
