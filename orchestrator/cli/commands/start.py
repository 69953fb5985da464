"""`stack start`: start containers that are there and do not run, each service after those it depends on."""

from __future__ import annotations

from orchestrator.cli import ordering
from orchestrator.cli.declare import arguments, flag, number
from orchestrator.cli.wiring import Context
from orchestrator.controller.intents import Intents
from orchestrator.errors import NotFound, UsageError
from orchestrator.model.observed import ObservedContainer, ObservedState
from orchestrator.model.plan import Plan
from orchestrator.model.stack import Stack
from orchestrator.planner import orders
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")
    wait: bool = flag("--wait", help="Return when the services run, and are healthy where they say how.")
    wait_timeout: int | None = number("--wait-timeout", metavar="SECONDS", help="How long --wait waits at most.")


def run(context: Context, options: Options) -> int:
    if options.wait_timeout is not None and not options.wait:
        raise UsageError("--wait-timeout needs --wait")
    ordering.order(context, options.services, lambda *seen: _plan(options, *seen), title="start", note=Intents.run)
    return 0


def _plan(options: Options, observed: ObservedState, chosen: list[ObservedContainer], stack: Stack | None) -> Plan:
    if stack is not None:
        _check_containers(options.services or tuple(stack.services), chosen, stack)
    return orders.start(observed, chosen, stack, wait=options.wait, wait_timeout=options.wait_timeout)


def _check_containers(services: tuple[str, ...], chosen: list[ObservedContainer], stack: Stack) -> None:
    there = {container.service for container in chosen}
    for name in services:
        if name in stack.services and name not in there and stack.services[name].replicas:
            raise NotFound(
                f'service "{name}" has no container to start', hint=f"`stack up -d {name}` makes and starts it"
            )
