"""The user's Docker client configuration: where it lies and what is in ``config.json``.

An environment goes in, plain JSON values come out. It is separate because the endpoint (current context), registry
credentials and builds (proxies) all read the same file, and because reading it by hand costs nothing where
importing the Docker SDK for it would cost more than a whole command.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from orchestrator.errors import UsageError, Where

_PROXY_NAMES = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "ftpProxy": "FTP_PROXY",
    "noProxy": "NO_PROXY",
    "allProxy": "ALL_PROXY",
}


def directory(environment: Mapping[str, str]) -> str:
    """The configuration directory: ``DOCKER_CONFIG``, else ``~/.docker``."""
    return environment.get("DOCKER_CONFIG") or os.path.join(home(environment), ".docker")


def home(environment: Mapping[str, str]) -> str:
    return environment.get("HOME") or os.path.expanduser("~")


def load(environment: Mapping[str, str]) -> dict[str, Any]:
    """The content of ``config.json``; empty where there is none."""
    return read_object(os.path.join(directory(environment), "config.json")) or {}


def read_object(path: str) -> dict[str, Any] | None:
    """A JSON object from a file, None where the file does not exist. Anything else is the user's to repair."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as problem:
        raise UsageError(
            f"cannot read the Docker client configuration: {problem}",
            where=Where(file=path),
            hint="repair or remove this file; an empty one holds {}",
        ) from problem
    if not isinstance(content, dict):
        raise UsageError("the Docker client configuration is not a JSON object", where=Where(file=path))
    return content


def proxies(environment: Mapping[str, str], address: str) -> dict[str, str]:
    """The proxy variables that ``config.json`` gives to containers and builds of the engine at ``address``."""
    given = load(environment).get("proxies")
    if not isinstance(given, dict):
        return {}
    chosen = given.get(address, given.get("default"))
    if not isinstance(chosen, dict):
        return {}
    variables: dict[str, str] = {}
    for key, name in _PROXY_NAMES.items():
        if chosen.get(key):
            variables[name] = variables[name.lower()] = str(chosen[key])
    return variables
