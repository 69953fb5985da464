"""Which engine a command talks to: Docker as Docker's own command line would find it, or the memory engine kept in
a file.

``STACK_ENGINE=memory:FILE`` is for trying commands without any engine; its world lives in that file from run to
run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from orchestrator.cli import state
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.engines.base import Engine
    from orchestrator.engines.console import Console
    from orchestrator.engines.docker.client import Client
    from orchestrator.engines.gate import Gate
    from orchestrator.engines.hands import Hands
    from orchestrator.engines.operations import Operations


class Connected(Protocol):
    """An engine, its console, hands on its containers, and the name by which a host tells it from others."""

    @property
    def engine(self) -> Engine: ...

    @property
    def console(self) -> Console: ...

    @property
    def operations(self) -> Operations: ...

    @property
    def hands(self) -> Hands: ...

    @property
    def id(self) -> str: ...

    def greet(self) -> None:
        """The engine is about to be used: ask it what it is while the caller reads files."""

    def guard(self, gate: Gate) -> None:
        """From now on nothing reaches the engine that ``gate`` does not admit."""

    def close(self) -> None: ...


def connect(environment: Mapping[str, str], *, host: str = "", context: str = "") -> Connected:
    """The engine that options and environment name. Nothing is asked of it yet."""
    chosen = environment.get("STACK_ENGINE", "")
    if not chosen or chosen == "docker":
        from orchestrator.engines.docker.client import Client

        client = Client.from_environment(environment, host=host, context=context)
        return Docker(client, state.directory(environment))
    kind, _, path = chosen.partition(":")
    if kind == "memory" and path:
        from orchestrator.cli import rehearsal

        return rehearsal.Rehearsal(path)
    raise UsageError(f"STACK_ENGINE is {chosen!r}", hint="leave it unset for Docker, or write memory:FILE")


class Docker:
    """A Docker engine; a command that only looks never loads what carries out plans."""

    def __init__(self, client: Client, state: str = "") -> None:
        self._client, self._state = client, state
        self._engine: Engine | None = None
        self._whole: Engine | None = None  # behind the one that is used, where that is guarded

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            from orchestrator.engines.docker.engine import DockerEngine

            self._engine = DockerEngine(self._client, self._state)
        return self._engine

    @property
    def console(self) -> Console:
        from orchestrator.engines.docker.console import DockerConsole

        return DockerConsole(self._client)

    @property
    def operations(self) -> Operations:
        from orchestrator.engines.docker.operations import DockerOperations

        return DockerOperations(self._client)

    @property
    def hands(self) -> Hands:
        from orchestrator.engines.docker.hands import DockerHands

        return DockerHands(self._client)

    @property
    def id(self) -> str:
        from orchestrator.engines.docker.engine import DockerEngine

        assert isinstance(self.engine, DockerEngine)
        return self.engine.identity

    def greet(self) -> None:
        from orchestrator.engines.docker.engine import DockerEngine

        assert isinstance(self.engine, DockerEngine)
        self.engine.greet()

    def guard(self, gate: Gate) -> None:
        self._whole, self._engine = self.engine, self.engine.guarded(gate)

    def close(self) -> None:
        for engine in (self._engine, self._whole):
            if engine is not None:
                engine.close()
        self._client.close()
