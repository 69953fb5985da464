"""What is fetched for a version that is not taken yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cancel import CancelToken
from orchestrator.controller.sources import Source, Wanted
from orchestrator.engines.base import Progress
from orchestrator.engines.gate import Gate
from orchestrator.engines.memory import MemoryEngine
from orchestrator.model.actions import Action, PullImage
from orchestrator.model.stack import Stack
from tests.support import builders
from tests.support.kept_host import Host

SHOP = builders.stack({"web": {"image": "web:2"}})


class Guard:
    gate: Gate = object()  # type: ignore[assignment]

    def hardened(self, stack: Stack) -> Stack:
        return stack


class Repository(Source):
    """It has one version, of somebody who is not trusted."""

    def __init__(self) -> None:
        self.newest = Wanted(stack=SHOP, version="c2", guard=Guard())
        self.taken: Wanted | None = None

    def load(self) -> Wanted:
        return self.taken or Wanted(stack=builders.stack({}), version="c1")

    def places(self) -> tuple[str, ...]:
        return ()

    def candidate(self) -> Wanted | None:
        return self.newest if self.taken is None else None

    def take(self, candidate: Wanted) -> None:
        self.taken = candidate


def test_images_of_strangers_are_fetched_through_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is pulled and built before a version is taken is judged at the engine's door like all the rest."""
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    host = Host(tmp_path)
    behind: list[Gate] = []
    execute, guarded = host.engine.execute, host.engine.guarded

    def judged(gate: Gate) -> MemoryEngine:
        behind.append(gate)
        return guarded(gate)

    pulled: list[int] = []

    def noted(action: Action, *, progress: Progress, cancel: CancelToken) -> str:
        if isinstance(action, PullImage):
            pulled.append(len(behind))
        return execute(action, progress=progress, cancel=cancel)

    host.engine.guarded, host.engine.execute = judged, noted  # type: ignore[method-assign]
    host.source = Repository()
    host.keep(source="infra")
    host.look()

    assert pulled == [1]
    assert behind[0] is Guard.gate
