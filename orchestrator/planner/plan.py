"""``plan``: what has to be done so that the world is as the file says. Pure: the same input always gives the same plan.

The desired stack, one observation and a policy come in; steps, their order and notes go out. This page is the outline; what is
wrong with a slot is decided in ``slots`` and ``judgement``, which steps mend it in ``containers``, and when in ``rollout``.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.model import fingerprint
from orchestrator.model.observed import ObservedState
from orchestrator.model.plan import Plan
from orchestrator.model.stack import Service, Stack
from orchestrator.planner import feasibility, images, networks, ownership, preflight, supplies, volumes
from orchestrator.planner.barrier import raise_barrier
from orchestrator.planner.containers import Workshop
from orchestrator.planner.draft import Draft, Id
from orchestrator.planner.networks import Place
from orchestrator.planner.policy import Policy
from orchestrator.planner.rollout import Rollout
from orchestrator.planner.situation import Situation
from orchestrator.planner.slots import is_finished, judge_service
from orchestrator.planner.teardown import Teardown
from orchestrator.planner.verdicts import Create, Replace, ServiceVerdict
from orchestrator.planner.volumes import Volumes


def plan(desired: Stack, observed: ObservedState, policy: Policy) -> Plan:
    """The steps that lead from ``observed`` to ``desired`` as far as ``policy`` permits, and notes about the rest."""
    situation = Situation(desired, observed, policy)
    draft = Draft()
    feasibility.check(situation, draft)
    places = networks.arrange(situation, draft)
    storage = volumes.arrange(situation, draft)
    verdicts = _verdicts(situation, places, storage)
    preflight.check(situation, draft, verdicts)
    supplies.warn_of_unknown(situation, draft, verdicts)
    needs = _needs(situation, draft, verdicts)
    if draft.is_impossible():
        return draft.notes_only(desired.name)
    if _has_to_wait_for_images(situation, needs):
        return _images_alone(situation, needs)
    prepared = images.prepare(situation, draft, needs)
    _containers(situation, draft, verdicts, places, storage, prepared)
    if draft.is_impossible():
        return draft.notes_only(desired.name)
    return draft.finish(desired.name, incomplete=bool(situation.later))


def version(desired: Stack, observed: ObservedState, service: str) -> str:
    """The fingerprint under which the planner knows what ``desired`` wants of a service: what ``Policy.held`` names."""
    image = observed.images.get(desired.services[service].container.image)
    return fingerprint.of(desired.services[service], desired, image.id if image else "")


def finished(desired: Stack, observed: ObservedState) -> frozenset[str]:
    """The ids of containers that have ended as they were meant to."""
    situation = Situation(desired, observed, Policy())
    return frozenset(
        container.id
        for service in desired.services.values()
        for container in observed.of_service(service.name)
        if is_finished(situation, service, container)
    )


def _verdicts(situation: Situation, places: Mapping[str, Place], storage: Volumes) -> dict[str, ServiceVerdict]:
    """The verdict on every selected service, dependencies first: those who share with others follow them."""
    verdicts: dict[str, ServiceVerdict] = {}
    for service in situation.services:
        if service.provider is None:
            verdicts[service.name] = judge_service(situation, service, places, verdicts, storage.destroyed)
    return verdicts


def _needs(situation: Situation, draft: Draft, verdicts: Mapping[str, ServiceVerdict]) -> tuple[images.Need, ...]:
    """Every image to prepare: by policy, and because a new container needs one that is not there."""
    refreshed = images.refreshes(situation)
    known = {need.service.name for need in refreshed}
    making = [s for s in situation.wanted if s.name not in known and verdicts[s.name].of_kind(Create, Replace)]
    return (*refreshed, *images.missing(situation, draft, making))


def _has_to_wait_for_images(situation: Situation, needs: tuple[images.Need, ...]) -> bool:
    """A fresh image may change the verdict on containers that exist; then nothing else is decided before it is here."""
    return bool(situation.policy.images_first and needs) or any(
        situation.containers.get(need.service.name) for need in needs
    )


def _images_alone(situation: Situation, needs: tuple[images.Need, ...]) -> Plan:
    draft = Draft()
    images.prepare(situation, draft, needs)
    return draft.finish(situation.desired.name, incomplete=True)


def _containers(
    situation: Situation,
    draft: Draft,
    verdicts: dict[str, ServiceVerdict],
    places: dict[str, Place],
    storage: Volumes,
    prepared: dict[str, Id],
) -> None:
    """Everything that happens to containers, and what goes with them."""
    workshop = Workshop(situation, draft, prepared, places, storage)
    rollout = Rollout(situation, workshop)
    teardown = Teardown(situation, workshop)
    names = ownership.Names(situation, workshop)
    _roll_out(situation, rollout, verdicts)
    teardown.containers(
        [
            *(remove for verdict in verdicts.values() for remove in verdict.beyond),
            *ownership.orphans(situation, draft),
            *ownership.leftovers(situation),
        ]
    )
    rollout.settle_fronts()
    names.put_right(verdicts)
    names.settle()
    teardown.networks()
    teardown.volumes()
    teardown.copies()
    teardown.secrets()
    teardown.images()
    raise_barrier(draft, workshop)


def _roll_out(situation: Situation, rollout: Rollout, verdicts: Mapping[str, ServiceVerdict]) -> None:
    engine: list[Service] = [service for service in situation.services if service.name in verdicts]
    for service in engine:
        rollout.prepare(service, verdicts[service.name])
    for service in situation.services:
        if service.provider is not None:
            rollout.provide(service)
        else:
            rollout.switch(service)
    for service in engine:
        rollout.clear(service)
