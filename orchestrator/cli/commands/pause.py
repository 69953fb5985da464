"""`stack pause`: freeze containers where they are."""

from __future__ import annotations

from orchestrator.cli import ordering
from orchestrator.cli.declare import arguments
from orchestrator.cli.wiring import Context
from orchestrator.controller.intents import Intents
from orchestrator.errors import Conflict
from orchestrator.model.observed import ObservedContainer, ObservedState, State
from orchestrator.model.plan import Plan
from orchestrator.model.stack import Stack
from orchestrator.planner import orders
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")


def run(context: Context, options: Options) -> int:
    already: list[str] = []

    def plan(observed: ObservedState, chosen: list[ObservedContainer], _: Stack | None) -> Plan:
        already.extend(container.name for container in chosen if container.state is State.PAUSED)
        return orders.pause(observed, [c for c in chosen if c.state is not State.PAUSED])

    ordering.order(context, options.services, plan, title="pause", note=Intents.stop)
    if already:
        raise Conflict(f"already paused: {', '.join(already)}", hint="`stack unpause` lets them go on")
    return 0
