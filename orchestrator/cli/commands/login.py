"""`stack login`: log in to a registry, so that pulls and pushes of private images work. Docker's own configuration keeps it."""

from __future__ import annotations

import sys

from orchestrator.cli import asking
from orchestrator.cli.declare import argument, flag, text
from orchestrator.cli.wiring import Context
from orchestrator.errors import UsageError
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    server: str = argument("[SERVER]", "The registry; Docker Hub if not given.", required=False)
    username: str = text("-u", "--username", metavar="NAME", help="The user.")
    password_stdin: bool = flag("--password-stdin", help="Read the password from standard input.")
    password: str = text("--password", metavar="TEXT", hidden=True, help="Refused: other users could read it.")


def run(context: Context, options: Options) -> int:
    if options.password:
        raise UsageError(
            "a password among the arguments can be read by every user of this host",
            hint="give it on standard input: stack login --username NAME --password-stdin < FILE",
        )
    username, password = _credentials(context, options)
    context.secrets = context.secrets | {password}
    kept = context.engine.operations.login(options.server, username, password)
    if kept.endswith("config.json"):
        context.say(f"warning: the password is kept unencrypted in {kept}; a credential helper would keep it better")
    context.show("Login Succeeded\n")
    return 0


def _credentials(context: Context, options: Options) -> tuple[str, str]:
    if options.password_stdin:
        if not options.username:
            raise UsageError("--password-stdin needs --username")
        password = sys.stdin.read().rstrip("\r\n")
        if not password:
            raise UsageError("there is no password on standard input")
        return options.username, password
    if not asking.someone_there():
        raise UsageError("there is no terminal to ask for the password", hint="use --username NAME --password-stdin")
    return _asked(context, options)


def _asked(context: Context, options: Options) -> tuple[str, str]:
    from getpass import getpass

    known = options.username or context.engine.operations.username(options.server)
    username = options.username or input(f"Username{f' ({known})' if known else ''}: ").strip() or known
    password = getpass("Password: ")
    if not username or not password:
        raise UsageError("a user and a password are needed")
    return username, password
