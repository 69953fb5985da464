"""The seam of a guarded engine: nothing that changes anything reaches it before a ``Gate`` has seen the final request.

A request comes as it will be sent, as bytes. What a gate must know of the engine it asks a ``World``, which only looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from orchestrator.errors import EngineError
from orchestrator.records import dataclass

BUILD, RUN = "BUILD", "RUN"  # in the place of a method: a build by the builder's program, a program of this host


@dataclass(frozen=True, slots=True)
class Request:
    """``query`` is the text after the ``?``; ``body`` the bytes, or what they are read from while they are sent."""

    method: str
    path: str
    query: str = ""
    body: bytes | Iterable[bytes] | None = None


class World(Protocol):
    """What there is on the engine."""

    def owner(self, kind: str, name: str) -> str | None:
        """The stack that a container, network or volume belongs to; "" if to none, ``None`` if there is no such thing."""
        ...

    def mountpoint(self, volume: str) -> str:
        """Where a volume lies on the engine's host; "" where that cannot be said."""
        ...

    def sockets(self) -> tuple[str, ...]:
        """Paths of this host on which the engine listens."""
        ...

    def user(self, container: str) -> str:
        """The user that a container runs as, "" where only its image says."""
        ...


class Gate(Protocol):
    def admit(self, request: Request, world: World) -> None:
        """Raises ``NotAdmitted`` for what must not be sent."""
        ...


class NotAdmitted(EngineError):
    """The policy for stacks from elsewhere forbids it. Nothing was sent."""

    reference = "policy"
