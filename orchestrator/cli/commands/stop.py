"""`stack stop`: stop containers, each service after those that depend on it."""

from __future__ import annotations

from orchestrator.cli import ordering
from orchestrator.cli.declare import arguments, number
from orchestrator.cli.wiring import Context
from orchestrator.controller.intents import Intents
from orchestrator.planner import orders
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")
    timeout: int | None = number("-t", "--timeout", metavar="SECONDS", help="How long containers may take to stop.")


def run(context: Context, options: Options) -> int:
    ordering.order(
        context,
        options.services,
        lambda observed, chosen, stack: orders.stop(
            observed, chosen, stack, timeout=options.timeout, provided=ordering.provided(stack, options.services)
        ),
        title="stop",
        note=Intents.stop,
    )
    return 0
