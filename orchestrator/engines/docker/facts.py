"""What an engine is and what it gives by itself: its ``info`` answer as ``EngineFacts``, read once per engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import EngineError
from orchestrator.model.container import Container
from orchestrator.model.observed import EngineFacts
from orchestrator.model.placement import Node
from orchestrator.model.values import Logging
from orchestrator.records import dataclass

NANO = 1_000_000_000
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
        local=client.endpoint.local,
        node=node(info, _swarm_labels(client, info)),
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


def node(info: Mapping[str, Any], swarm_labels: Mapping[str, str] | None) -> Node:
    """The host as placement constraints speak of it. A host without a Swarm is its own manager."""
    swarm = info.get("Swarm") or {}
    pairs = (label.partition("=") for label in info.get("Labels") or ())
    labels = {name: value for name, _, value in pairs}
    worker = _in_swarm(info) and not swarm.get("ControlAvailable")
    return Node(
        id=swarm.get("NodeID") or info.get("ID") or "",
        hostname=info.get("Name") or "",
        role="worker" if worker else "manager",
        os=info.get("OSType") or "",
        arch=info.get("Architecture") or "",
        address=swarm.get("NodeAddr") or "",
        nano_cpus=(info.get("NCPU") or 0) * NANO,
        memory=info.get("MemTotal") or 0,
        labels=labels if swarm_labels is None else swarm_labels,
        engine_labels=labels,
    )


def _in_swarm(info: Mapping[str, Any]) -> bool:
    return (info.get("Swarm") or {}).get("LocalNodeState") == "active"


def _swarm_labels(client: Client, info: Mapping[str, Any]) -> Mapping[str, str] | None:
    """The labels a Swarm gives this node; only its managers tell them."""
    if not _in_swarm(info) or not info["Swarm"].get("ControlAvailable"):
        return None
    try:
        answer = client.get_json(f"/nodes/{quote(info['Swarm']['NodeID'])}")
    except EngineError:
        return None  # the Swarm has no leader at this moment
    labels: Mapping[str, str] = (answer.get("Spec") or {}).get("Labels") or {}
    return labels
