"""`stack restart`: restart containers as they are; changes of the file are for `up`."""

from __future__ import annotations

from orchestrator.cli import ordering
from orchestrator.cli.declare import arguments, flag, number
from orchestrator.cli.wiring import Context
from orchestrator.controller.intents import Intents
from orchestrator.planner import orders
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")
    no_deps: bool = flag("--no-deps", help="Leave services alone that ask to be restarted with the named ones.")
    timeout: int | None = number("-t", "--timeout", metavar="SECONDS", help="How long containers may take to stop.")


def run(context: Context, options: Options) -> int:
    ordering.order(
        context,
        options.services,
        lambda observed, chosen, stack: orders.restart(
            observed, chosen, stack, dependents=not options.no_deps, timeout=options.timeout
        ),
        title="restart",
        note=Intents.run,
    )
    return 0
