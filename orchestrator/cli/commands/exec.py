"""`stack exec`: run a command in a running container, with its exit code."""

from __future__ import annotations

import sys

from orchestrator.cli import containers, loading
from orchestrator.cli.declare import argument, arguments, flag, many, number, text
from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Execution
from orchestrator.errors import UsageError
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    service: str = argument("SERVICE", "The service.")
    command: tuple[str, ...] = arguments("COMMAND [ARGS]...", "The command.", required=True, rest=True)
    detach: bool = flag("-d", "--detach", help="Return at once.")
    env: tuple[str, ...] = many("-e", "--env", metavar="KEY=VALUE", help="Set a variable; KEY alone passes it on.")
    index: int | None = number("--index", help="Which replica; the lowest if not given.")
    interactive: bool = flag("-i", "--interactive", default=True, hidden=True, help="Pass standard input on.")
    no_tty: bool | None = flag("-T", "--no-tty", "--no-TTY", default=None, help="Without a terminal.")
    privileged: bool = flag("--privileged", help="With all rights.")
    tty: bool | None = flag("-t", "--tty", default=None, hidden=True, help="With a terminal.")
    user: str = text("-u", "--user", metavar="USER", help="As this user.")
    workdir: str = text("-w", "--workdir", metavar="DIR", help="In this directory.")


def run(context: Context, options: Options) -> int:
    if context.shared.dry_run:
        raise UsageError("exec cannot be shown as a plan", hint="leave --dry-run out")
    container = containers.replica(context, loading.name_of(context), options.service, options.index)
    wish = Execution(
        container=container.id,
        command=options.command,
        environment=tuple(_variables(context, options.env)),
        user=options.user,
        working_dir=options.workdir,
        tty=_terminal(options),
        stdin=options.interactive and not options.detach,
        detach=options.detach,
        privileged=options.privileged,
    )
    context.out.flush()
    return context.engine.console.execute(wish)


def _terminal(options: Options) -> bool:
    """A terminal unless told otherwise, where there is one on both sides."""
    if options.no_tty is not None or options.detach:
        return not options.no_tty and not options.detach and _is_terminal()
    return options.tty if options.tty is not None else _is_terminal()


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _variables(context: Context, given: tuple[str, ...]) -> list[str]:
    """``KEY=VALUE`` as it is, ``KEY`` with the value it has here; left out where it has none."""
    pairs = []
    for item in given:
        if "=" in item:
            pairs.append(item)
        elif item in context.environment:
            pairs.append(f"{item}={context.environment[item]}")
    return pairs
