"""Readings that take as long as a stranger likes are nobody's pass."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.controller.keeper import Keeper
from orchestrator.controller.loop import Loop
from orchestrator.controller.readers import Readers
from orchestrator.errors import StackError
from tests.support.waiting import eventually


class Stranger:
    """A source whose news takes until ``ended``; ``ready``: something was read before."""

    def __init__(self, ended: threading.Event, *, ready: bool) -> None:
        self.outdated, self.doubtful, self.ready, self.ended = True, False, ready, ended
        self.readings = 0
        self.problem: Exception | None = None

    def read(self) -> None:
        self.readings += 1
        self.ended.wait(30)
        self.outdated, self.ready = False, True
        if self.problem is not None:
            raise self.problem


class Kept:
    """A keeper that counts its passes, and what they were told could not be read."""

    def __init__(self, name: str, source: str, stranger: Any) -> None:
        self.entry = SimpleNamespace(name=name, source=source)
        self.source, self.wanted = stranger, None
        self.settled, self.fresh, self.alerted, self.forced, self.is_left_alone = True, False, False, False, False
        self.unread: Exception | None = None
        self.passes = 0
        self.said: list[Exception] = []

    def run(self) -> float:
        self.passes += 1
        if self.unread is not None:
            self.said.append(self.unread)
        return 1000.0


OWN = SimpleNamespace(outdated=False, doubtful=False, ready=True)


@contextmanager
def running(*keepers: Kept, threads: int = 1) -> Iterator[Loop]:
    loop = Loop(threads=threads, pace=0.0, defect=lambda _stack, _problem: None)
    for keeper in keepers:
        loop.keep(cast(Keeper, keeper))
    loop.start()
    try:
        yield loop
    finally:
        for keeper in keepers:
            if isinstance(keeper.source, Stranger):
                keeper.source.ended.set()
        loop.stop(10)


def test_with_one_pass_at_a_time_everything_is_mended_while_specs_are_read() -> None:
    ended = threading.Event()
    attacked = [Kept(f"attacked-{number}", "infra", Stranger(ended, ready=True)) for number in range(5)]
    own = Kept("own", "", OWN)
    with running(*attacked, own) as loop:
        for passes in (1, 2, 3):
            eventually(lambda least=passes: all(one.passes >= least for one in (*attacked, own)), what="all are mended")
            loop.look_at_everything()
        assert not ended.is_set()
        assert {0, 1} == {one.source.readings for one in attacked}


@pytest.mark.parametrize("forced", [False, True], ids=["never read", "asked for"])
def test_what_has_nothing_older_to_go_on_with_is_looked_at_once_it_was_read(forced: bool) -> None:
    """What was never read has nothing, and whoever asks for what is new wants no pass with what is old."""
    one = Kept("one", "infra", Stranger(threading.Event(), ready=forced))
    one.forced = forced
    with running(one):
        eventually(lambda: one.source.readings, what="it is read")
        assert 0 == one.passes
        one.source.ended.set()
        eventually(lambda: one.passes, what="it is looked at")


def test_what_could_not_be_read_is_for_the_next_pass_to_say() -> None:
    one = Kept("one", "infra", Stranger(threading.Event(), ready=True))
    one.source.problem = StackError("away")
    with running(one):
        one.source.ended.set()
        eventually(lambda: one.said, what="it is said")
        assert "away" == str(one.said[0])


@pytest.mark.parametrize("each", [1, 2, 4])
def test_no_source_has_all_readings(each: int) -> None:
    ended, begun = threading.Event(), list[str]()

    def read(keeper: Keeper) -> None:
        begun.append(keeper.entry.source)
        ended.wait(30)

    readers = Readers(each, read)
    try:
        for source in ("one", "other", "third"):
            for number in range(10):
                readers.ask(cast(Keeper, Kept(f"{source}-{number}", source, OWN)))
        eventually(lambda: len(begun) == 2 * each, what="as many are read as may be")
        assert {"one": each, "other": each} == {source: begun.count(source) for source in begun}
    finally:
        ended.set()
        eventually(lambda: len(begun) == 30, what="the others have their turn")
        readers.stop(10)
