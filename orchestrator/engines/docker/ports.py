"""Who holds a host port that a container wants: the engine's complaint in, an error that names the holder out.

Separate because the question leads away from the engine: when no container publishes the port, a process of the
host does (``holders`` finds both).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker import holders
from orchestrator.engines.docker.access import Access
from orchestrator.errors import Conflict, EngineError
from orchestrator.model import naming
from orchestrator.model.actions import ContainerRef
from orchestrator.model.observed import PortHolder

_COMPLAINTS = ("port is already allocated", "address already in use", "ports are not available")
_HOST_PORT = re.compile(r"(?:\]|[0-9.]|::):([0-9]{1,5})\b")  # the first address is the host's


def taken(message: str) -> str | None:
    """The ``port/protocol`` that an engine complains about; "" when it does not say, None for other complaints.

    ``Bind for 0.0.0.0:80 failed: port is already allocated``, ``listen tcp4 0.0.0.0:80: bind: address already in use``,
    ``failed to bind host port for 0.0.0.0:80:172.17.0.2:8080/tcp: address already in use``
    """
    if not any(complaint in message for complaint in _COMPLAINTS):
        return None
    protocol = "udp" if "udp" in message else "tcp"
    found = _HOST_PORT.search(message)
    return f"{found[1]}/{protocol}" if found else ""


def publishes_range(container: Mapping[str, Any]) -> bool:
    bindings = (container.get("HostConfig") or {}).get("PortBindings") or {}
    return any("-" in (one.get("HostPort") or "") for places in bindings.values() for one in places or ())


def explain(access: Access, ref: ContainerRef, port: str) -> EngineError:
    """The error that names the holder."""
    number = port.partition("/")[0]
    subject = f"host port {number}" if number else "a host port"
    holder = _holder(access, ref, port) if port else None
    who, hint = (holder.who, holder.remedy) if holder else ("something else", "see which ports are in use: ss -ltnp")
    return Conflict(
        f'container "{ref.name}" cannot be started: {subject} is held by {who}',
        hint=hint,
        reference="port-taken",
        status=409,
    )


def _holder(access: Access, ref: ContainerRef, port: str) -> PortHolder:
    found = holders.find(access.client, [port], lambda raw: ref.id != raw["Id"] and f"/{ref.name}" not in raw["Names"])
    number, _, protocol = port.partition("/")
    return found[0] if found else PortHolder(port=int(number), protocol=protocol)


def owner(labels: Mapping[str, str]) -> str:
    """`` of stack "shop"``; empty for a container that belongs to none."""
    stack = labels.get(naming.PROJECT, "")
    return f' of stack "{stack}"' if stack else ""
