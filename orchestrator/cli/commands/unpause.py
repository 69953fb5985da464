"""`stack unpause`: let frozen containers go on."""

from __future__ import annotations

from orchestrator.cli import ordering
from orchestrator.cli.declare import arguments
from orchestrator.cli.wiring import Context
from orchestrator.controller.intents import Intents
from orchestrator.planner import orders
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")


def run(context: Context, options: Options) -> int:
    ordering.order(
        context,
        options.services,
        lambda observed, chosen, _: orders.unpause(observed, chosen),
        title="unpause",
        note=Intents.run,
    )
    return 0
