"""Restart policies that an engine cannot carry out, shared between it and the daemon that keeps the stack. Pure but for one look.

An engine knows no ``delay`` and no ``window``, and bounds attempts after failures only. While a daemon keeps a stack, such
services are asked of the engine with restart "no", and the daemon starts them again by their rules. Every program of the host
sees that the stack is kept (``lock.is_kept``) and wants the same, so a plain `stack up` does not fight it. When no daemon keeps the
stack any more, the next `stack up` hands the restarts back to the engine, as far as it goes.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.controller.healing import Rule
from orchestrator.controller.lock import is_kept
from orchestrator.model.stack import Service, Stack
from orchestrator.model.values import SECOND, RestartPolicy
from orchestrator.records import replace


def carried_out(service: Service) -> bool:
    """Whether the service's policy needs a daemon."""
    policy = service.deploy.restart
    if policy is None or policy.condition == "none":
        return False
    return bool(policy.delay_ns or policy.window_ns or (policy.max_attempts is not None and policy.condition == "any"))


def rules(stack: Stack) -> Mapping[str, Rule]:
    """The rules of the services whose restarts are a daemon's; after condition ``none`` nothing is started again."""
    found: dict[str, Rule] = {}
    for service in stack.services.values():
        policy = service.deploy.restart
        if policy is not None and policy.condition == "none":
            found[service.name] = Rule(attempts=0)
        elif policy is not None and carried_out(service):
            found[service.name] = Rule(policy.delay_ns / SECOND, policy.max_attempts, policy.window_ns / SECOND)
    return found


def as_kept(stack: Stack, engine_id: str) -> Stack:
    """The stack as it is wanted while somebody keeps it, or not."""
    concerned = [service for service in stack.services.values() if carried_out(service)]
    if not concerned or not is_kept(engine_id, stack.name):
        return stack
    return stack.with_services(
        replace(service, container=replace(service.container, restart=RestartPolicy("no"))) for service in concerned
    )
