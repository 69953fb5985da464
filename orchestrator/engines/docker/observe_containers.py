"""Containers as observed: from an entry of the engine's list, or with all settings from its inspect answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.engines.docker import labels, readback, readback_mounts, readback_network
from orchestrator.engines.docker.mounted import replaced_files
from orchestrator.engines.docker.readback_host import CONTAINER
from orchestrator.engines.docker.reading import Context, Reading
from orchestrator.model import naming
from orchestrator.model.observed import Health, ObservedContainer, State
from orchestrator.records import replace

Json = Mapping[str, Any]

ADOPTED = "Adopted"  # ours, in the list's entry: the labels that the container would have
_NEVER = "0001-01-01T00:00:00Z"


def services(raws: Iterable[Json]) -> dict[str, str]:
    """Which service a container belongs to, by id and by every name that may stand for it."""
    found: dict[str, str] = {}
    for raw in raws:
        given = _labels(raw)
        service = given.get(naming.SERVICE, "")
        name = _name(raw)
        found |= dict.fromkeys((raw["Id"], name, labels.final_name(name, given.get(naming.FINGERPRINT, ""))), service)
    return found


def listed(raw: Json) -> ObservedContainer:
    """From the list alone: no settings, the health and the exit code as far as the status line tells them."""
    given = _labels(raw)
    who = labels.identity(given)
    status = raw.get("Status") or ""
    return ObservedContainer(
        id=raw["Id"],
        name=_name(raw),
        service=who.service,
        slot=who.slot,
        oneoff=who.oneoff,
        hook=who.hook,
        image=raw.get("Image") or "",
        image_id=raw.get("ImageID") or "",
        state=_state(raw.get("State")),
        health=_health_in(status),
        exit_code=_exit_code_in(status),
        created_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(raw.get("Created") or 0)),
        status=status,
        files=labels.file_digests(given),
        labels=dict(given),
        fingerprint=who.fingerprint,
    )


def inspected(raw: Json, context: Context, image: Json | None, *, local: bool) -> ObservedContainer:
    """From the inspect answer, with settings; ``image`` is the one it runs, None when that is gone."""
    reading = Reading(raw, context)
    who, state = reading.identity, raw.get("State") or {}
    settings = readback.container(reading)
    return ObservedContainer(
        id=reading.id,
        name=reading.name,
        service=who.service,
        slot=who.slot,
        oneoff=who.oneoff,
        hook=who.hook,
        image=settings.image,
        image_id=raw.get("Image") or "",
        state=_state(state.get("Status")),
        health=_health((state.get("Health") or {}).get("Status")),
        exit_code=state.get("ExitCode") or 0,
        oom_killed=bool(state.get("OOMKilled")),
        error=state.get("Error") or "",
        restart_count=raw.get("RestartCount") or 0,
        created_at=raw.get("Created") or "",
        started_at=_moment(state.get("StartedAt")),
        finished_at=_moment(state.get("FinishedAt")),
        status=(raw.get("Listed") or {}).get("Status") or "",
        settings=replace(settings, platform=_platform(image)) if image else settings,
        image_defaults=readback.image_defaults(image) if image else None,
        endpoints=readback_network.endpoints(reading),
        files=labels.file_digests(reading.labels),
        replaced_files=replaced_files(raw) if local and state.get("Running") else (),
        anonymous_volumes=readback_mounts.anonymous_volumes(reading),
        copies=readback_mounts.copies(reading),
        peers=_peers(reading),
        labels=dict(reading.labels),
        fingerprint=who.fingerprint,
        adopted=bool((raw.get("Listed") or {}).get(ADOPTED)),
    )


def _peers(reading: Reading) -> dict[str, str]:
    """Services whose namespaces or volumes it shares, and the ids of their containers."""
    modes = [reading.host.get(key) or "" for key in ("NetworkMode", "IpcMode", "PidMode", "UTSMode")]
    shared = [mode.removeprefix(CONTAINER) for mode in modes if mode.startswith(CONTAINER)]
    shared += [entry.partition(":")[0] for entry in reading.host.get("VolumesFrom") or ()]
    known = reading.context.services
    return {known[other]: other for other in shared if known.get(other)}


def _name(raw: Json) -> str:
    """Of a list's entry or an inspect answer; a container has one name and, with legacy links, paths through others."""
    names: list[str] = raw.get("Names") or [raw.get("Name") or ""]
    return min(names, key=lambda name: name.count("/")).removeprefix("/")


def _labels(raw: Json) -> Mapping[str, str]:
    given: Mapping[str, str] | None = raw.get("Config", raw).get("Labels")
    return given or {}


def _platform(image: Json) -> str:
    parts = (image.get("Os"), image.get("Architecture"), image.get("Variant"))
    return "/".join(part for part in parts if part)


def _state(text: str | None) -> State:
    return State(text) if text in _STATES else State.DEAD


def _health(text: str | None) -> Health:
    return Health(text) if text in _HEALTHS else Health.NONE


def _health_in(status: str) -> Health:
    """``Up 2 minutes (healthy)``"""
    _, _, note = status.rpartition("(")
    return _health(note.removesuffix(")").removeprefix("health: "))


def _exit_code_in(status: str) -> int:
    """``Exited (137) 2 minutes ago``"""
    if not status.startswith(("Exited (", "Restarting (")):
        return 0
    number = status.partition("(")[2].partition(")")[0]
    return int(number) if number.isdigit() else 0


def _moment(text: str | None) -> str:
    return "" if text in (None, _NEVER) else str(text)


_STATES = frozenset(state.value for state in State)
_HEALTHS = frozenset(health.value for health in Health)
