"""What an engine is and what it gives by itself: its ``info`` answer as ``EngineFacts``, read once per engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.engines.docker.client import Client
from orchestrator.model.container import Container
from orchestrator.model.observed import EngineFacts
from orchestrator.model.values import Logging

SHM_SIZE = 64 * 1024 * 1024  # the engine's, unless started with --default-shm-size, which it tells nobody


@dataclass(frozen=True, slots=True)
class Host:
    """The facts for the planner, and two that only reading back needs."""

    facts: EngineFacts
    name: str = ""
    swap_limited: bool = True


def read(client: Client) -> Host:
    info = client.get_json("/info")
    major, minor = client.api_version
    facts = EngineFacts(
        kind="docker",
        id=info.get("ID") or "",
        version=info.get("ServerVersion") or "",
        api_version=f"{major}.{minor}",
        local=client.endpoint.scheme == "unix",
        defaults=defaults(info),
    )
    return Host(facts, name=info.get("Name") or "", swap_limited=bool(info.get("SwapLimit", True)))


def defaults(info: Mapping[str, Any]) -> Container:
    """What a container gets that does not say."""
    return Container(
        ipc="private",
        cgroup="private" if info.get("CgroupVersion") == "2" else "host",
        isolation="default",
        runtime=info.get("DefaultRuntime") or "runc",
        logging=Logging(info.get("LoggingDriver") or "json-file"),
        shm_size=SHM_SIZE,
        stop_signal="SIGTERM",
    )
