"""What a controller does not ask for at every pass: images that were pulled or built, and what providers have said.

``up`` pulls, builds and runs providers each time it is called. A controller looks every few seconds, and does so once for each
version of the file, once more after a restart (it cannot know what it missed), and when somebody orders a change. An image that
is to be pulled every so often is pulled again when its time has come; a provider is run again before one of the services that
take its variables gets a new container.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator import graph
from orchestrator.controller.reconcile import Result, provided
from orchestrator.model.actions import CreateContainer
from orchestrator.model.plan import Plan
from orchestrator.model.stack import PullPolicy, Stack
from orchestrator.planner.policy import Policy
from orchestrator.records import replace


class Prepared:
    """What was prepared for one stack. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._images: dict[str, float] = {}
        self.heard: dict[str, str] = {}  # provider's service -> its variables, as lines

    def learn(self, result: Result, now: float) -> None:
        """Keep in mind what a reconcile pulled and built, and what it was told."""
        self._images.update(dict.fromkeys(result.prepared, now))
        self.heard.update(result.heard)

    def forget(self) -> None:
        """Another version, or an order: everything is asked for once more."""
        self._images.clear()
        self.heard.clear()

    def forget_provided(self, names: Iterable[str]) -> None:
        for name in names:
            self.heard.pop(name, None)

    def given(self, stack: Stack) -> Stack:
        """``stack`` with the variables that providers have handed over."""
        for name, said in self.heard.items():
            stack = provided(stack, name, said)
        return stack

    def policy(self, stack: Stack, policy: Policy, now: float) -> Policy:
        """``policy`` for a pass that may change something."""
        images = {image for image, since in self._images.items() if now - since < _lasts(stack, image)}
        return replace(policy, prepared=policy.prepared | images | _names(self.heard))

    def policy_of_a_look(self, stack: Stack, policy: Policy) -> Policy:
        """``policy`` for a pass that may only look: nothing is fetched or asked for that it could only guess at."""
        providers = {name for name, service in stack.services.items() if service.provider is not None}
        images = {service.container.image for service in stack.services.values()}
        unknown = _takers(stack, providers - self.heard.keys())
        return replace(
            policy,
            prepared=policy.prepared | images | _names(providers),
            ignore=(*policy.ignore, *(f"{name}.environment*" for name in unknown)),
        )

    def outdated(self, stack: Stack, plan: Plan) -> frozenset[str]:
        """Providers that were heard, and of whose services this plan makes new containers."""
        made = {step.action.container.service for step in plan.steps if isinstance(step.action, CreateContainer)}
        return frozenset(name for name in self.heard if made.intersection(_takers(stack, [name])))


def _names(providers: Iterable[str]) -> frozenset[str]:
    return frozenset(f"provider:{name}" for name in providers)


def _takers(stack: Stack, providers: Iterable[str]) -> list[str]:
    """The services that get variables of these providers."""
    dependents = graph.dependents(graph.dependencies(stack))
    return sorted({name for provider in providers for name in dependents.get(provider, ())})


def _lasts(stack: Stack, image: str) -> float:
    """For how many seconds an image that was fetched is taken for fresh."""
    every = (
        service.pull_every_ns / 1e9
        for service in stack.services.values()
        if service.container.image == image and service.pull_policy is PullPolicy.EVERY
    )
    return min(every, default=float("inf"))
