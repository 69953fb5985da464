"""`stack kill`: send a signal to running containers, all at once."""

from __future__ import annotations

from orchestrator.cli import ordering, wishes
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.wiring import Context
from orchestrator.model.observed import ObservedContainer, ObservedState
from orchestrator.model.plan import Plan
from orchestrator.model.stack import Stack
from orchestrator.planner import orders
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")
    remove_orphans: bool | None = flag(
        "--remove-orphans", default=None, help="Kill containers of services that the file does not have, too."
    )
    signal: str = text("-s", "--signal", metavar="SIGNAL", default="SIGKILL", help="The signal.")


def run(context: Context, options: Options) -> int:
    orphans = wishes.orphans_removed(options.remove_orphans, context)

    def plan(observed: ObservedState, chosen: list[ObservedContainer], stack: Stack | None) -> Plan:
        declared = {*stack.services, *stack.disabled} if stack else set()
        meant = [c for c in chosen if orphans or stack is None or c.service in declared]
        return orders.kill(observed, meant, signal=options.signal)

    ordering.order(context, options.services, plan, title="kill", nothing="no container to kill")
    return 0
