"""What reading a container back needs: the engine's own words, and the context that gives them meaning.

``Context`` is what one observation knows beyond the single container (networks by id, services by container, the
engine's defaults). ``Reading`` pairs it with one answer of the engine's inspect call. Rows in ``readback*`` take a
``Reading``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.engines.docker import labels
from orchestrator.model.container import Container
from orchestrator.records import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """``services`` maps ids and names of containers to services, ``keys`` network ids to keys in the file.

    ``own_networks`` are names that the stack uses, its own and external ones.
    """

    stack: str = ""
    services: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    network_ids: Mapping[str, str] = field(default_factory=dict)
    own_networks: frozenset[str] = frozenset()
    defaults: Container = field(default_factory=Container)
    host_name: str = ""
    swap_limited: bool = True


class Reading:
    """One container's inspect answer; parts the engine leaves out or writes as null read as empty."""

    __slots__ = ("config", "context", "endpoints", "host", "identity", "labels", "name", "raw")

    def __init__(self, raw: Mapping[str, Any], context: Context) -> None:
        self.raw = raw
        self.context = context
        self.config: Mapping[str, Any] = raw.get("Config") or {}
        self.host: Mapping[str, Any] = raw.get("HostConfig") or {}
        self.endpoints: Mapping[str, Any] = (raw.get("NetworkSettings") or {}).get("Networks") or {}
        self.labels: Mapping[str, str] = self.config.get("Labels") or {}
        self.identity = labels.identity(self.labels)
        self.name: str = str(raw.get("Name", "")).removeprefix("/")

    @property
    def id(self) -> str:
        return str(self.raw.get("Id", ""))

    @property
    def final_name(self) -> str:
        return labels.final_name(self.name, self.identity.fingerprint)


Reader = Callable[[Reading], Any]


def of_config(key: str, empty: Any = "") -> Reader:
    return lambda reading: reading.config.get(key) or empty


def of_host(key: str, empty: Any = "") -> Reader:
    return lambda reading: reading.host.get(key) or empty


def list_of_host(key: str) -> Reader:
    return lambda reading: tuple(reading.host.get(key) or ())


def map_of_host(key: str) -> Reader:
    return lambda reading: dict(reading.host.get(key) or {})


def unless_default(key: str, name: str) -> Reader:
    """A host setting that reads as "not said" when it is what the engine gives everyone."""

    def read(reading: Reading) -> Any:
        value = reading.host.get(key)
        default = getattr(reading.context.defaults, name)
        return None if not value or value == default else value

    return read
