"""What costs little between two looks at everything: whether the engine's lists are what they were when all was well.

A pass that nobody asked for (the timer alone is the reason) begins with a glimpse. Where it shows nothing new, the pass ends there.
What lists do not tell (a limit changed while its event was lost, a tag that moved) is found by the full look every few minutes.
"""

from __future__ import annotations

from orchestrator.controller.intents import Stopped
from orchestrator.engines.base import Engine
from orchestrator.model.observed import ObservedState, Scope
from orchestrator.records import replace

FULL_SECONDS = 300.0  # at the latest, all is looked at again

Seen = tuple[ObservedState, Stopped]


class Glimpse:
    """The memory of one stack."""

    def __init__(self) -> None:
        self._well: Seen | None = None
        self._until = 0.0

    def take(self, engine: Engine, stack: str, stopped: Stopped) -> Seen:
        """What can be seen now, without what changes by itself."""
        seen = engine.observe(Scope(stack=stack, details=False))
        steady = sorted((replace(container, status="") for container in seen.containers), key=lambda one: one.id)
        return replace(seen, containers=tuple(steady), now_ns=0), stopped

    def shows_nothing_new(self, seen: Seen, now: float) -> bool:
        return seen == self._well and now < self._until

    def remember(self, seen: Seen | None, now: float) -> None:
        """All is well since ``seen`` was taken; ``None``: nothing is known."""
        self._well, self._until = seen, now + FULL_SECONDS
