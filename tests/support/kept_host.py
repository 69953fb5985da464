"""A host on the memory engine that keeps one stack, pass by pass, with a clock that the test moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.cancel import CancelToken
from orchestrator.controller.intents import Intents
from orchestrator.controller.keeper import Keeper
from orchestrator.controller.lock import Keeping
from orchestrator.controller.means import Errand, Means
from orchestrator.controller.reconcile import Result, reconcile
from orchestrator.controller.sources import Source, Wanted
from orchestrator.controller.status import Board, Phase
from orchestrator.engines.memory import MemoryEngine
from orchestrator.errors import EngineUnreachable
from orchestrator.events import Quiet
from orchestrator.model.host import HostStack
from orchestrator.model.observed import ObservedState, Scope, State
from orchestrator.model.stack import Stack
from orchestrator.planner.policy import Policy
from tests.support import builders

SHOP = builders.stack({"db": {"image": "db:1"}, "web": {"image": "web:1", "depends_on": ["db"]}})


class Files(Source):
    """The source: what the test says stands in the file."""

    def __init__(self, stack: Stack) -> None:
        self.stack: Stack | Exception = stack

    def load(self) -> Wanted:
        if isinstance(self.stack, Exception):
            raise self.stack
        return Wanted(stack=self.stack)

    def places(self) -> tuple[str, ...]:
        return ("app.yml",)


class Host:
    """A host with one kept stack. ``now`` is moved by the test."""

    def __init__(self, directory: Path) -> None:
        self.engine = MemoryEngine()
        self.board = Board(lambda: self.now)
        self.cancel = CancelToken()
        self.intents = Intents(str(directory), lambda: self.engine.identity)
        self.files = Files(SHOP)
        self.source: Source = self.files
        self.now = 1000.0
        self.brought_up: set[str] = set()
        self.looks: list[bool] = []  # whether each was one at everything
        self.way_back = ""
        self.gaps = 0
        self.problem: EngineUnreachable | None = None
        self.kept = Keeping()
        self.keeper = self.keep()

    def keep(self, **entry: object) -> Keeper:
        """A keeper, as after a restart of the daemon."""
        means = Means(
            engine=self.engine,
            board=self.board,
            intents=self.intents,
            cancel=self.cancel,
            monotonic=lambda: self.now,
            now=lambda: self.now,
            chance=lambda: 0.5,
            settled=self.brought_up.__contains__,
            loaded=lambda _name, _stack: None,
            carry_out=self.carry_out,
            give_up=lambda _wanted, _services: self.way_back,
            kept=self.kept,
            away=lambda: self.problem,
            gaps=lambda: self.gaps,
        )
        known = HostStack(name="shop", directory="/srv/shop", **entry)  # type: ignore[arg-type]
        self.keeper = Keeper(known, self.source, means)
        return self.keeper

    def carry_out(self, wanted: Wanted, policy: Policy, errand: Errand) -> Result:
        """Without a history."""
        return reconcile(
            wanted.stack,
            self.engine,
            policy,
            sink=Quiet(),
            workers=4,
            cancel=self.cancel,
            first=errand.first,
            given_up=errand.given_up,
            heard=errand.heard,
        )

    def look(self, passes: int = 2) -> Phase:
        """Some passes; the phase after the last one."""
        for _ in range(passes):
            self.keeper.run()
        return self.keeper.status.phase

    def watch_looks(self) -> None:
        """From now on note whether a look was one at everything."""
        look = self.engine.observe

        def noted(scope: Scope) -> ObservedState:
            self.looks.append(scope.details)
            return look(scope)

        self.engine.observe = noted  # type: ignore[method-assign]

    def serving(self) -> list[str]:
        return sorted(c.name for c in self.engine.world.containers if c.state is State.RUNNING)

    def change(self, name: str, **fields: object) -> None:
        """Someone changes a container by hand."""

        def edit(world: ObservedState) -> ObservedState:
            changed = (
                replace(c, **fields) if c.name == name else c  # type: ignore[arg-type]
                for c in world.containers
            )
            return replace(world, containers=tuple(changed))

        self.engine.change(edit)

    def remove(self, name: str) -> None:
        self.engine.change(lambda w: replace(w, containers=tuple(c for c in w.containers if c.name != name)))

    def variables(self, name: str) -> dict[str, str | None]:
        """What a container was given."""
        (found,) = (c.settings for c in self.engine.world.containers if c.name == name)
        assert found is not None
        return dict(found.environment)

    def told(self, kind: str) -> list[str]:
        return [happening.text for happening in self.board.happenings() if happening.kind == kind]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    return Host(tmp_path)
