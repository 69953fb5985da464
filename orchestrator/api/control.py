"""What the API asks of a daemon. The daemon implements it; tests can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from orchestrator.controller.status import Board
from orchestrator.model.host import Host

Document = dict[str, Any]


class Control(Protocol):
    """Raises StackError where something cannot be done, ``NotFound`` for a stack that is not of this host."""

    @property
    def board(self) -> Board: ...

    @property
    def host(self) -> Host: ...

    @property
    def state(self) -> str:
        """The directory of what the daemon remembers."""
        ...

    @property
    def engine(self) -> str:
        """The engine's own id, "" while it does not answer."""
        ...

    @property
    def waiting(self) -> int:
        """How many stacks are in the queue."""
        ...

    @property
    def engine_answers(self) -> bool: ...

    def reload(self) -> None:
        """Read the host file again. Raises SpecError for a broken one, which changes nothing."""
        ...

    def stop(self) -> None:
        """End the daemon; what it keeps goes on running."""
        ...

    def webhook_keys(self, source: str) -> tuple[str, ...]:
        """The secrets by which deliveries for a source are proven, as they are now; none where it has no webhook."""
        ...

    def poke(self, source: str) -> None:
        """Somebody says that this repository has something new."""
        ...

    def sync(self, stack: str) -> None:
        """Look at it again now."""
        ...

    def intend(self, stack: str, verb: str, services: list[str] | None, engine: str) -> None:
        """Somebody stopped services on purpose (``stop``, ``down``), or has them ``run`` again (``None``: all)."""
        ...

    def sources(self) -> list[Document]:
        """The repositories of this host and how they stand."""
        ...

    def plan_source(self, source: str, ref: str) -> Document:
        """What its stacks would become with this reference as its head, in the shape of proposal.schema.json."""
        ...

    def comment(self, proposal: Document) -> str:
        """Such a document as a comment for a forge, in Markdown."""
        ...

    def sync_source(self, source: str) -> None:
        """Fetch it now, and take what waits to be asked for."""
        ...

    def suspend_source(self, source: str) -> None:
        """Take nothing new of it."""
        ...

    def resume_source(self, source: str) -> None: ...

    def approve(self, stack: str, commit: str) -> str:
        """Agree to what waits, or only to this commit (its beginning will do); which it is."""
        ...

    def suspend(self, stack: str) -> None: ...

    def resume(self, stack: str) -> None: ...

    def plan(self, stack: str) -> Document:
        """What would be changed now, in the shape of plan.schema.json."""
        ...

    def apply(self, stack: str) -> None:
        """Bring it about now, also where its mode or its windows would not."""
        ...

    def rollback(self, stack: str, revision: int | None) -> Document:
        """Go back to a revision (``None``: to the one before); what became of it."""
        ...

    def revisions(self, stack: str) -> Document: ...

    def revision(self, stack: str, number: int) -> Document: ...

    def graph(self, stack: str) -> str:
        """The dependency graph with state, as SVG."""
        ...

    def logs(self, stack: str, service: str, tail: int, *, follow: bool) -> Iterator[tuple[str, str]]:
        """Pairs of a container's name and a line of it."""
        ...
