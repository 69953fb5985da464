"""`stack daemon suspend`: leave a stack alone, over restarts of the daemon too."""

from __future__ import annotations

from orchestrator.cli import daemons
from orchestrator.cli.declare import arguments
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(daemons.Reached):
    stacks: tuple[str, ...] = arguments("STACK...", "Which.", required=True)


def run(context: Context, options: Options) -> int:
    return daemons.order(context, options, options.stacks, "suspend")
