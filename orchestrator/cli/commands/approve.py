"""`stack approve`: agree to the version of a stack that waits in the daemon, and to no later one."""

from __future__ import annotations

from orchestrator.cli import daemons
from orchestrator.cli.declare import arguments, text
from orchestrator.cli.wiring import Context
from orchestrator.errors import UsageError
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(daemons.Reached):
    stacks: tuple[str, ...] = arguments("STACK...", "Which.", required=True)
    commit: str = text("--commit", metavar="HASH", help="Agree to this commit alone; its first letters will do.")


def run(context: Context, options: Options) -> int:
    if options.commit and len(options.stacks) > 1:
        raise UsageError("--commit goes with one stack")
    with daemons.client(context, options) as daemon:
        for name in options.stacks:
            context.say(f"{name}: commit {daemon.approve(name, options.commit)[:12]} is approved")
    return 0
