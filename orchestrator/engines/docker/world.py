"""Whose things on an engine are: what a gate asks. Only looks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import EngineError, NotFound
from orchestrator.model import naming

_ID = 64


class DockerWorld:
    """Implements ``engines.gate.World``. That a container of an id is a stack's is remembered: labels of containers stay."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, str] = {}

    def owner(self, kind: str, name: str) -> str | None:
        known = self._known.get(name) if kind == "container" else None
        if known is not None:
            return known
        labels = {"container": self._container, "network": self._network, "volume": self._volume}[kind](name)
        if labels is None:
            return None
        owner = str(labels.get(naming.PROJECT) or "")
        if kind == "container" and len(name) == _ID:
            self._known[name] = owner
        return owner or (self._user_of(name) if kind == "volume" else "")

    def mountpoint(self, volume: str) -> str:
        found = self._found(f"/volumes/{quote(volume)}")
        return str((found or {}).get("Mountpoint") or "")

    def sockets(self) -> tuple[str, ...]:
        endpoint = self._client.endpoint
        return (os.path.realpath(endpoint.path), endpoint.path) if endpoint.scheme == "unix" else ()

    def user(self, container: str) -> str:
        found = self._found(f"/containers/{quote(container)}/json")
        return str(((found or {}).get("Config") or {}).get("User") or "")

    def _container(self, name: str) -> Mapping[str, str] | None:
        found = self._found(f"/containers/{quote(name)}/json")
        return None if found is None else found["Config"].get("Labels") or {}

    def _network(self, name: str) -> Mapping[str, str] | None:
        """By its name, which older engines may have given to several: then it is nobody's unless all are one stack's."""
        listed = self._client.get_json("/networks", {"filters": {"name": [name]}})
        labels = [one.get("Labels") or {} for one in listed if one["Name"] == name]
        if not labels:
            found = self._found(f"/networks/{quote(name)}")
            return None if found is None else found.get("Labels") or {}
        owners = {one.get(naming.PROJECT, "") for one in labels}
        return labels[0] if len(owners) == 1 else {}

    def _volume(self, name: str) -> Mapping[str, str] | None:
        found = self._found(f"/volumes/{quote(name)}")
        return None if found is None else found.get("Labels") or {}

    def _user_of(self, volume: str) -> str:
        """A volume without a name of its own is the stack's whose containers alone have it."""
        if len(volume) != _ID:
            return ""
        listed = self._client.get_json("/containers/json", {"all": True, "filters": {"volume": [volume]}})
        owners = {(one.get("Labels") or {}).get(naming.PROJECT, "") for one in listed}
        return owners.pop() if len(owners) == 1 else ""

    def _found(self, path: str) -> Any:
        try:
            return self._client.get_json(path)
        except NotFound:
            return None
        except EngineError as problem:
            if problem.status == 400:
                return None  # no name that a thing could have
            raise
