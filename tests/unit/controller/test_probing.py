"""Containers that are asked from outside: when they count as unhealthy, and who is told."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.controller.probing import Probing
from orchestrator.engines.memory import MemoryEngine
from orchestrator.model.observed import Health, ObservedContainer, State
from orchestrator.model.probe import Probe
from orchestrator.model.stack import Stack
from orchestrator.model.values import SECOND
from tests.support import builders

WEB = ObservedContainer(id="1", name="shop-web-1", service="web", slot=1, started_at="a")


def shop() -> Stack:
    stack = builders.stack({"web": {"image": "web:1"}})
    probe = Probe(tcp=80, retries=2, start_period_ns=10 * SECOND)
    return stack.with_services([replace(stack.services["web"], probe=probe)])


class World:
    """One container with a probe, and a clock that the test moves."""

    def __init__(self) -> None:
        self.engine, self.now, self.told = MemoryEngine(), 0.0, list[str]()
        self.probing = Probing(self.engine, self.told.append, clock=lambda: self.now)

    def ask(self, *answers: str) -> None:
        for answer in answers:
            self.engine.ails["1"] = answer
            for key, one in list(self.probing._asked.items()):
                self.probing.ask(key, one)

    def health(self, container: ObservedContainer = WEB) -> Health:
        return self.probing.judged(shop(), [container])[0].health


def test_so_many_failures_in_a_row_make_it_unhealthy_and_are_told_once() -> None:
    world = World()
    world.health()
    world.ask("", "no answer", "", "no answer")
    assert Health.NONE is world.health()
    world.ask("no answer", "no answer")

    assert Health.UNHEALTHY is world.health()
    assert ["shop"] == world.told


def test_while_it_starts_failures_do_not_count() -> None:
    world = World()
    world.health()
    world.ask("no answer", "no answer", "no answer")
    assert Health.NONE is world.health()
    world.now = 10.0
    world.ask("no answer", "no answer")

    assert Health.UNHEALTHY is world.health()


def test_another_start_begins_with_a_clean_count() -> None:
    world = World()
    world.health()
    world.ask("", "no answer", "no answer")

    assert Health.NONE is world.health(replace(WEB, started_at="b"))


def test_what_does_not_run_is_not_asked() -> None:
    world = World()
    world.health(replace(WEB, state=State.EXITED))
    world.ask("no answer", "no answer")

    assert Health.NONE is world.health(replace(WEB, state=State.EXITED))
    assert [] == world.told
