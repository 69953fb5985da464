"""Passes that may take as long as a stranger likes leave room for the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.controller.keeper import Keeper
from orchestrator.controller.lanes import Lanes
from orchestrator.controller.loop import Loop
from tests.support.waiting import eventually


@pytest.mark.parametrize(("threads", "each", "together"), [(1, 1, 1), (2, 1, 1), (4, 2, 3), (8, 4, 6)])
def test_no_source_has_all_lanes_nor_have_all_sources_all_threads(threads: int, each: int, together: int) -> None:
    lanes = Lanes(threads)

    assert each == sum(lanes.enter("one") for _ in range(20))
    assert together - each == sum(lanes.enter("other") for _ in range(20))
    lanes.leave("one")
    assert lanes.enter("third")


def keeper(name: str, source: str, run: Callable[[], float]) -> Keeper:
    made: Any = SimpleNamespace(
        entry=SimpleNamespace(name=name, source=source), settled=True, wanted=None, alerted=False
    )
    made.source, made.run = SimpleNamespace(outdated=bool(source)), run
    return cast(Keeper, made)


def test_stacks_whose_reading_hangs_leave_the_host_s_own_their_passes() -> None:
    ended, passes = threading.Event(), list[str]()
    loop = Loop(threads=4, pace=0.0, defect=lambda _stack, _problem: None)

    def hang() -> float:
        ended.wait(30)
        return 1000.0

    def note() -> float:
        passes.append("own")
        return 1000.0

    for number in range(10):
        loop.keep(keeper(f"hostile-{number}", "infra", hang))
    loop.start()
    try:
        loop.keep(keeper("own", "", note))
        eventually(lambda: passes, what="the host's own stack has its pass")
        assert not ended.is_set()
    finally:
        ended.set()
        loop.stop(10)
