"""An engine to whose every action something is said first: who watches a run learns of a removal while the container is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.cancel import CancelToken
from orchestrator.engines.base import Ask, Change, Engine, Progress
from orchestrator.model.actions import Action
from orchestrator.model.observed import ObservedState, Scope

if TYPE_CHECKING:
    from orchestrator.engines.gate import Gate, World


class Witness:
    """``engine``, with ``before`` called with each action."""

    def __init__(self, engine: Engine, before: Callable[[Action], None]) -> None:
        self._engine, self._before = engine, before

    @property
    def identity(self) -> str:
        return self._engine.identity

    @property
    def local(self) -> bool:
        return self._engine.local

    def observe(self, scope: Scope) -> ObservedState:
        return self._engine.observe(scope)

    def execute(self, action: Action, *, progress: Progress, cancel: CancelToken) -> str:
        self._before(action)
        return self._engine.execute(action, progress=progress, cancel=cancel)

    def changes(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        return self._engine.changes(listener)

    def ping(self, seconds: float) -> None:
        self._engine.ping(seconds)

    def cut(self, before: float) -> None:
        self._engine.cut(before)

    def near(self, container: str) -> Ask | None:
        return self._engine.near(container)

    def as_world(self) -> World:
        return self._engine.as_world()

    def guarded(self, gate: Gate) -> Engine:
        return Witness(self._engine.guarded(gate), self._before)

    def close(self) -> None:
        self._engine.close()
