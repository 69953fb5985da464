"""Registry credentials: from the user's Docker configuration to the headers an engine takes.

The engine pulls, so it needs the user's word for the registry. Where the configuration holds none, nothing is
imported; otherwise the Docker SDK reads it and runs the credential helpers. A helper that fails is no reason to refuse
a public image: the failure is kept, to be told if the registry then says no.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker import config
from orchestrator.records import dataclass, field

_PLACES = ("auths", "credsStore", "credHelpers")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Headers for a call (never shown), and what went wrong in finding them."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    problem: str = ""


def for_registry(registry: str, environment: Mapping[str, str]) -> Credentials:
    """What a pull or push of an image in ``registry`` sends along."""
    found, problem = _look_up(environment, registry)
    return Credentials({"X-Registry-Auth": _encode(found)} if found else {}, problem)


def basic(registry: str, environment: Mapping[str, str]) -> str:
    """What HTTP's Basic wants for a registry that we speak to ourselves; empty where there is no login."""
    found, _ = _look_up(environment, registry)
    if not isinstance(found, dict) or not found.get("Username"):
        return ""
    return base64.b64encode(f"{found['Username']}:{found.get('Password', '')}".encode()).decode()


def for_build(environment: Mapping[str, str]) -> Credentials:
    """What the engine's own builder needs: it may pull from anywhere, so it gets all there is."""
    found, problem = _look_up(environment, None)
    return Credentials({"X-Registry-Config": _encode(found)} if found else {}, problem)


def _look_up(environment: Mapping[str, str], registry: str | None) -> tuple[Any, str]:
    content = config.load(environment)
    if not any(content.get(place) for place in _PLACES):
        return None, ""
    from docker.auth import load_config
    from docker.errors import DockerException

    try:
        # The SDK keeps only what it understands; a copy, because it also empties what it is given.
        known = load_config(config_dict={place: content[place] for place in _PLACES if content.get(place)})
        if registry is None:
            return known.get_all_credentials(), ""  # type: ignore[no-untyped-call]  # the stubs leave it out
        return known.resolve_authconfig(registry), ""
    except (DockerException, OSError, ValueError) as problem:
        return None, f"the credentials in {_path(environment)} could not be read: {problem}"


def _path(environment: Mapping[str, str]) -> str:
    return os.path.join(config.directory(environment), "config.json")


def _encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
