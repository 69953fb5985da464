"""What would surely fail later is said before anything is touched: host ports that others hold, bind sources that are missing.

Verdicts and what was observed of the host come in; error notes go out, which make the plan one that changes nothing. On
the way back from a failed update nothing is checked: bringing back what served goes before all else.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.model import difference, naming, shipment
from orchestrator.model.stack import SecretPlace, Service
from orchestrator.model.values import FileKind, MountType
from orchestrator.planner.draft import Draft
from orchestrator.planner.situation import Situation
from orchestrator.planner.verdicts import Create, Replace, ServiceVerdict, Start


def check(situation: Situation, draft: Draft, verdicts: Mapping[str, ServiceVerdict]) -> None:
    """Notes about services that are to get a container, or to have one started."""
    if situation.policy.held:
        return
    for service in situation.wanted:
        verdict = verdicts[service.name]
        _discarded(situation, draft, service)
        if situation.policy.start and verdict.of_kind(Create, Replace, Start):
            _ports(situation, draft, service)
        if verdict.of_kind(Create, Replace):
            _sources(situation, draft, service)
            _secrets(situation, draft, service)
            _remote_files(situation, draft, service)


def _ports(situation: Situation, draft: Draft, service: Service) -> None:
    for port in service.container.ports:
        holder = next((one for one in situation.observed.port_holders if one.stands_in_the_way_of(port)), None)
        if holder is not None:
            draft.error(
                f'service "{service.name}": host port {port.published} is held by {holder.who}; {holder.remedy}',
                where=situation.desired.where(f"services.{service.name}.ports"),
                reference="port-taken",
            )


def _sources(situation: Situation, draft: Draft, service: Service) -> None:
    for mount in service.container.mounts:
        if mount.type is MountType.BIND and mount.source in situation.observed.missing_paths:
            draft.error(
                f'service "{service.name}": the bind source {mount.source} does not exist; create it, or set '
                "`bind.create_host_path: true`",
                where=situation.desired.where(f"services.{service.name}.volumes"),
                reference="bind-source-missing",
            )


def _secrets(situation: Situation, draft: Draft, service: Service) -> None:
    """What is to be in memory alone is written by us, so it has to be this host's memory."""
    if shipment.in_memory(service.container) and not situation.observed.engine.local:
        asked = situation.desired.secrets is SecretPlace.TMPFS
        draft.error(
            f'service "{service.name}": its secrets are to be in memory alone, and the engine is on another host; run this '
            f"there, or {'leave out `x-stack: {secrets: tmpfs}`' if asked else 'use secrets that are not encrypted'}",
            where=situation.desired.where("x-stack.secrets"),
            reference="secrets-not-in-memory",
        )


def _remote_files(situation: Situation, draft: Draft, service: Service) -> None:
    """An engine on another host: what it gets copies of, and which paths mean its own files."""
    if situation.observed.engine.local:
        return
    where = situation.desired.where(f"services.{service.name}.volumes")
    for grant in service.container.files:
        if grant.kind is FileKind.MOUNT:
            text = f'service "{service.name}": {grant.name} is copied to the engine\'s host and mounted read-only at {grant.target}'
            if grant.writable:
                draft.warn(f"{text}; for what the container writes, use a volume", where=where, reference="copied")
            else:
                draft.info(text, where=where, reference="copied")
    for mount in service.container.mounts:
        if mount.type is MountType.BIND:
            text = f'service "{service.name}": {mount.source} is meant on the engine\'s host, not on this one'
            draft.info(text, where=where, reference="path-of-the-engine")


def _discarded(situation: Situation, draft: Draft, service: Service) -> None:
    """Settings that containers were made with and the engine left out, because its kernel cannot do them."""
    for path in difference.discardable(service.container):
        for container in situation.containers.get(service.name, ()):
            asked = path in container.labels.get(naming.ASKED, "").split(",")
            if asked and container.settings is not None and path not in difference.discardable(container.settings):
                draft.warn(
                    f'service "{service.name}": the engine has discarded {path}; its kernel does not support it',
                    where=situation.desired.where(f"services.{service.name}.{path}"),
                    reference="discarded",
                )
