"""Whether a version of a stack did well, from what a pass saw and from what a reconcile came to. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.controller.intents import Stopped
from orchestrator.controller.reconcile import Result
from orchestrator.errors import EngineUnreachable
from orchestrator.model.actions import BuildImage, PullImage
from orchestrator.model.observed import Health, ObservedState, State
from orchestrator.model.stack import Stack
from orchestrator.planner.plan import finished


def names(services: Iterable[str]) -> str:
    return ", ".join(sorted(services))


def all_well(stack: Stack, observed: ObservedState, stopped: Stopped) -> bool:
    """Whether what is to run runs, and is not known to do badly or only just to begin."""
    done = finished(stack, observed)
    return all(
        container.id in done or (container.state is State.RUNNING and container.health in (Health.NONE, Health.HEALTHY))
        for name in stack.services.keys() - stopped.services
        for container in observed.of_service(name)
    )


def rollout_failed(result: Result) -> bool:
    """Whether what a version says could not be brought about, by no fault of registry or engine."""
    return not result.ok and any(
        not isinstance(failure.step.action, PullImage | BuildImage) and not isinstance(failure.error, EngineUnreachable)
        for failure in result.failures
    )
