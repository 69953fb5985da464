"""The engine this machine already has, found as the ``docker`` command finds it; nothing is started or changed.

In order: DOCKER_HOST, DOCKER_CONTEXT or the current context, the usual socket, the socket of a rootless engine. A wish
that is expressed and not fulfilled (DOCKER_HOST set, nobody there) is a Problem: nothing else is used in its place.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .commands import Problem
from .engine_api import PREFIX, EngineApi

USUAL = Path("/var/run/docker.sock")


@dataclass(frozen=True, slots=True)
class Found:
    """An engine's address and what named it."""

    address: str
    source: str

    @property
    def is_local(self) -> bool:
        return self.address.startswith(PREFIX)


def find(environment: Mapping[str, str] = os.environ) -> Found | None:
    """The engine that the user's environment means; None where there is none at all."""
    if wish := _wish(environment):
        if wish.is_local and not EngineApi(wish.address).answers():
            raise Problem(
                f"no engine answers at {wish.address} ({wish.source})",
                "start it, or take the setting away: then a private engine is used where none answers",
            )
        return wish
    for path, source in _sockets(environment):
        if EngineApi(str(path)).answers():
            return Found(f"{PREFIX}{path}", source)
        if path.exists() and not os.access(path, os.W_OK):
            raise Problem(
                f"{path} belongs to an engine that you may not use",
                "run this with sudo, or join the group of that socket: sudo usermod -aG docker $USER, and log in again",
            )
    return None


def _wish(environment: Mapping[str, str]) -> Found | None:
    if host := environment.get("DOCKER_HOST"):
        return Found(host, "DOCKER_HOST")
    folder = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME", "/")) / ".docker")
    name = environment.get("DOCKER_CONTEXT") or str(_json(folder / "config.json").get("currentContext", ""))
    if name in ("", "default"):
        return None
    host = _context_host(folder, name)
    if not host:
        raise Problem(f"the Docker context {name!r} does not exist", "docker context ls; docker context use default")
    return Found(host, f"Docker context {name}")


def _context_host(folder: Path, name: str) -> str:
    """Contexts are kept in folders named by the hash of their name."""
    meta = _json(folder / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json")
    endpoints = meta.get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    return str(docker.get("Host", "")) if isinstance(docker, dict) else ""


def _sockets(environment: Mapping[str, str]) -> list[tuple[Path, str]]:
    places = [(USUAL, "the machine's engine")]
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        places.append((Path(runtime) / "docker.sock", "your rootless engine"))
    return places


def _json(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
