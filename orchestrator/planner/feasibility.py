"""Can the host do what the file asks? Placement and reservations, held against the engine's own facts.

Before anything is touched: what cannot hold is an error, so that the plan changes nothing; what the host has too little of,
and what no engine reserves, is said.
"""

from __future__ import annotations

from orchestrator.model import humane, placement
from orchestrator.model.stack import Service
from orchestrator.planner import engine_needs
from orchestrator.planner.draft import Draft
from orchestrator.planner.situation import Situation

_MEBIBYTE = 1 << 20


def check(situation: Situation, draft: Draft) -> None:
    """Notes about every wanted service that this host cannot have as the file says."""
    for service in situation.wanted:
        _constraints(situation, draft, service)
        _number(situation, draft, service)
        _reservations(situation, draft, service)
        _start_interval(situation, draft, service)
    _names(situation, draft)
    _needs(situation, draft)


def _names(situation: Situation, draft: Draft) -> None:
    """Two services may write the same name as long as they are not to be there at once."""
    owners: dict[str, str] = {}
    for service in situation.wanted:
        wanted = service.container_name
        if wanted and owners.setdefault(wanted, service.name) != service.name:
            draft.error(
                f'container name "{wanted}" is already in use by service `{owners[wanted]}`; give one of them another name',
                where=situation.desired.where(f"services.{service.name}.container_name"),
                reference="container-name-taken",
            )


def _start_interval(situation: Situation, draft: Draft, service: Service) -> None:
    check = service.container.healthcheck
    if check is None or check.disabled or check.start_interval_ns is None or check.start_period_ns is not None:
        return
    draft.error(
        f'service "{service.name}": healthcheck.start_interval requires healthcheck.start_period to be set',
        where=situation.desired.where(f"services.{service.name}.healthcheck.start_interval"),
        reference="start-interval",
    )


def _needs(situation: Situation, draft: Draft) -> None:
    """Fields that this engine would drop in silence, or refuse when half of the stack is up."""
    networks = {key for service in situation.wanted for key in service.container.networks}
    for service in situation.wanted:
        for need in engine_needs.of_service(service):
            _need(situation, draft, f"services.{service.name}.{need.path}", need)
    for key in sorted(networks & situation.desired.networks.keys()):
        for need in engine_needs.of_network(situation.desired.networks[key]):
            _need(situation, draft, f"networks.{key}.{need.path}", need)


def _need(situation: Situation, draft: Draft, path: str, need: engine_needs.Need) -> None:
    engine = situation.observed.engine
    major, _, minor = engine.api_version.partition(".")
    if minor and (int(major), int(minor)) < need.api:
        wanted = f"engine API {need.api[0]}.{need.api[1]}"
        text = (
            f"{need.what} needs {wanted}, and this engine speaks {engine.api_version}; upgrade it, or remove the field"
        )
        draft.error(text, where=situation.desired.where(path), reference="engine-too-old")
    if need.system and engine.node.os != need.system:
        text = (
            f"{need.what} is known to engines on {need.system.capitalize()} alone, and this one is on {engine.node.os}"
        )
        draft.error(text, where=situation.desired.where(path), reference="other-system")


def _constraints(situation: Situation, draft: Draft, service: Service) -> None:
    for index, text in enumerate(service.deploy.placement.constraints):
        constraint = placement.parse(text)
        why = placement.refusal(constraint, situation.observed.engine.node)
        if why:
            draft.error(
                f'service "{service.name}" cannot be placed here: it asks for {text}, and {why}{_remedy(constraint)}',
                where=situation.desired.where(f"services.{service.name}.deploy.placement.constraints[{index}]"),
                reference="placement",
            )


def _remedy(constraint: placement.Constraint) -> str:
    _, _, label = constraint.key.partition(".labels.")
    if not label or not constraint.equal:
        return ""
    return f" (labels are given to an engine with `dockerd --label {label}={constraint.value}`)"


def _number(situation: Situation, draft: Draft, service: Service) -> None:
    most = service.deploy.placement.max_replicas_per_node
    if most and service.replicas > most:
        draft.error(
            f'service "{service.name}" cannot have {service.replicas} containers here: '
            f"at most {most} may be on one host",
            where=situation.desired.where(f"services.{service.name}.deploy.placement.max_replicas_per_node"),
            reference="placement",
        )


def _reservations(situation: Situation, draft: Draft, service: Service) -> None:
    """An engine reserves memory as far as it can and cpus not at all; more than the host has can never be had."""
    node, replicas = situation.observed.engine.node, service.replicas
    memory = (service.container.resources.memory_reservation or 0) * replicas
    cpus = (service.deploy.reserved_nano_cpus or 0) * replicas
    if node.memory and memory > node.memory:
        present = node.memory // _MEBIBYTE * _MEBIBYTE
        _scarce(situation, draft, service, "memory", humane.size(memory), humane.size(present))
    if node.nano_cpus and cpus > node.nano_cpus:
        _scarce(situation, draft, service, "cpus", humane.cpus(cpus), humane.cpus(node.nano_cpus))


def _scarce(situation: Situation, draft: Draft, service: Service, what: str, wanted: str, present: str) -> None:
    draft.warn(
        f'service "{service.name}" reserves {wanted} ({what}), and this host has {present} in all',
        where=situation.desired.where(f"services.{service.name}.deploy.resources.reservations.{what}"),
        reference="reservation",
    )
