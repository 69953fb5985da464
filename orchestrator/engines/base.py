"""The seam: what an engine must be able to do. One method to look, one to act, one to listen.

Errors are translated at this edge into ``orchestrator.errors.EngineError`` and its kinds; ``retryable`` on the class says
whether the same action may simply be tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from orchestrator.cancel import CancelToken
from orchestrator.model.actions import Action
from orchestrator.model.observed import ObservedState, Scope
from orchestrator.model.probe import Probe
from orchestrator.records import dataclass

TYPE_CHECKING = False  # see main
if TYPE_CHECKING:
    from orchestrator.engines.gate import Gate, World

Ask = Callable[[Probe], str]  # "" where the answer is as it should be, else what was wrong
Progress = Callable[[str, str, int, int], None]  # text, part, current bytes, total bytes


@dataclass(frozen=True, slots=True)
class Change:
    """Something changed: an object of ``stack``, where the engine says whose it is, else one called ``name``.

    ``kind`` is container, network or volume; ``gap`` means that changes may have been missed: look at everything.
    """

    kind: str
    name: str = ""
    stack: str = ""
    action: str = ""


class Engine(Protocol):
    """Where containers live."""

    @property
    def identity(self) -> str:
        """What tells this engine from others, whichever way it is reached: the lock of a stack is per engine."""
        ...

    @property
    def local(self) -> bool:
        """Whether the engine finds the caller's files under the caller's paths. Asks nothing of it."""
        ...

    def observe(self, scope: Scope) -> ObservedState:
        """One snapshot of a stack's objects and of what it refers to. Raises EngineError."""
        ...

    def execute(self, action: Action, *, progress: Progress, cancel: CancelToken) -> str:
        """Carry out one action: idempotent where the engine allows (what is already so is done).

        Returns text the reader needs (usually ""). Raises EngineError; its message carries the container's last log lines where
        a container failed. Safe to call from many threads.
        """
        ...

    def changes(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call ``listener``, quickly and from a thread of the engine's, whenever something changes; the answer ends that.

        Raises EngineUnreachable when it cannot begin; once begun it goes on over restarts of the engine, and tells of gaps.
        """
        ...

    def near(self, container: str) -> Ask | None:
        """How that container can be asked from here whether it does well; ``None`` where nothing but a helper reaches it."""
        ...

    def ping(self, seconds: float) -> None:
        """Raises EngineUnreachable unless the engine answers within so many seconds; what it says does not matter."""
        ...

    def cut(self, before: float) -> None:
        """End what has waited for an answer since before then (monotonic seconds), with EngineUnreachable: an engine that was away
        may have forgotten it. Long operations (pulls, builds) are left alone; streams of changes begin anew, with a gap."""
        ...

    def as_world(self) -> World:
        """Whose the things on it are. Only looks."""
        ...

    def guarded(self, gate: Gate) -> Engine:
        """The same engine, but nothing reaches it that ``gate`` does not admit."""
        ...

    def close(self) -> None:
        """Let go of connections and threads."""
        ...
