"""Status as JSON, in the shapes of ``status.schema.json``. Pure. Everything in it was masked where it was made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from orchestrator.controller.sources import Newer
from orchestrator.controller.status import Drift, Happening, ServiceStatus, StackStatus

Document = dict[str, Any]


def stack(status: StackStatus, *, whole: bool = True) -> Document:
    """One stack; without services and drift for a list."""
    found: Document = {
        "name": status.name,
        "phase": status.phase.value,
        "mode": status.mode.value,
        "message": status.message,
        "reference": status.reference,
        "where": str(status.where or ""),
        "since": moment(status.since),
        "looked_at": moment(status.looked_at),
        "changed_at": moment(status.changed_at),
        "retry_at": moment(status.retry_at),
        "failures": status.failures,
        "held": list(status.held),
        "running": sum(service.running for service in status.services),
        "ready": sum(service.ready for service in status.services),
        "wanted": sum(service.wanted for service in status.services),
        "drifted": len(status.drift),
        "source": status.source,
        "version": status.version,
        "newer": newer(status.newer) if status.newer is not None else None,
    }
    if whole:
        found["services"] = [service_of(one) for one in status.services]
        found["drift"] = [drift(one) for one in status.drift]
        found["files"] = list(status.files)
    return found


def newer(found: Newer) -> Document:
    return {
        "version": found.version,
        "why": found.why.value,
        "message": found.message,
        "reference": found.reference,
        "where": str(found.where or ""),
        "approvable": found.approvable,
        "changes": found.changes,
        "summary": found.summary,
    }


def service_of(status: ServiceStatus) -> Document:
    return {
        "name": status.name,
        "image": status.image,
        "wanted": status.wanted,
        "running": status.running,
        "ready": status.ready,
        "loops": status.loops,
        "unhealthy": status.unhealthy,
        "stopped": status.stopped,
        "depends_on": list(status.depends_on),
        "replicas": [
            {
                "name": one.name,
                "slot": one.slot,
                "state": one.state,
                "health": one.health,
                "image": one.image,
                "restarts": one.restarts,
                "exit_code": one.exit_code,
                "started_at": one.started_at,
            }
            for one in status.replicas
        ],
    }


def drift(found: Drift) -> Document:
    return {
        "object": found.object,
        "field": found.field,
        "before": found.before,
        "after": found.after,
        "reason": found.reason,
    }


def happening(told: Happening) -> Document:
    return {
        "number": told.number,
        "time": moment(told.time),
        "level": told.level,
        "event": told.kind,
        "stack": told.stack,
        "service": told.service,
        "message": told.text,
    }


def moment(seconds: float) -> str | None:
    """RFC 3339 in UTC; None for "never"."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds") if seconds else None
