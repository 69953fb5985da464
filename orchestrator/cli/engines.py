"""Which engine a command talks to: Docker as Docker's own command line would find it, or the memory engine kept in a file.

``STACK_ENGINE=memory:FILE`` is for trying commands without any engine; its world lives in that file from run to run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.engines.base import Engine
from orchestrator.engines.console import Console
from orchestrator.errors import UsageError


@dataclass(frozen=True, slots=True)
class Connected:
    """An engine, its console, and the name by which a host tells it from others."""

    engine: Engine
    console: Console
    id: str
    close: Callable[[], None]


def connect(environment: Mapping[str, str], *, host: str = "", context: str = "") -> Connected:
    """The engine that options and environment name. Nothing is asked of it yet."""
    chosen = environment.get("STACK_ENGINE", "")
    if not chosen or chosen == "docker":
        return _docker(environment, host, context)
    kind, colon, path = chosen.partition(":")
    if kind == "memory" and path:
        from orchestrator.cli import rehearsal

        return rehearsal.connect(path)
    raise UsageError(f"STACK_ENGINE is {chosen!r}", hint="leave it unset for Docker, or write memory:FILE")


def _docker(environment: Mapping[str, str], host: str, context: str) -> Connected:
    from orchestrator.engines.docker.client import Client
    from orchestrator.engines.docker.console import DockerConsole
    from orchestrator.engines.docker.engine import DockerEngine

    client = Client.from_environment(environment, host=host, context=context)
    engine = DockerEngine(client)
    return Connected(engine, DockerConsole(client), str(client.endpoint), engine.close)
