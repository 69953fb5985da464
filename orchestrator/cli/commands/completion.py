"""`stack completion`: what makes a shell complete commands, options and names when Tab is pressed."""

from __future__ import annotations

from orchestrator.cli.completion import scripts
from orchestrator.cli.declare import argument
from orchestrator.cli.wiring import Context
from orchestrator.errors import UsageError
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    shell: str = argument("SHELL", f"{', '.join(scripts.OF)}.")


def run(context: Context, options: Options) -> int:
    if options.shell not in scripts.OF:
        raise UsageError(f"there is no completion for {options.shell!r}", hint=f"one of {', '.join(scripts.OF)}")
    context.show(scripts.OF[options.shell])
    return 0
