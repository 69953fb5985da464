"""Plans of commits are made one at a time, and whoever asks for many holds up nobody else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.daemon import proposing
from orchestrator.daemon.proposing import MOST_WAITING, Proposing
from orchestrator.errors import LockHeld, NotFound
from tests.support.waiting import eventually


def test_only_a_few_wait_for_the_question_before_and_the_others_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, end = [], threading.Event()

    def visit(*_: object) -> Any:
        begun.append(1)
        end.wait(30)
        raise NotFound("over")

    monkeypatch.setattr(proposing.hosted, "visit", visit)
    repositories = SimpleNamespace(about=lambda _: SimpleNamespace(source=None))
    made = Proposing(SimpleNamespace(repositories=repositories, parts=SimpleNamespace(state="/")))  # type: ignore[arg-type]
    with ThreadPoolExecutor(1 + MOST_WAITING) as pool:
        asked = [pool.submit(made.propose, "infra", "") for _ in range(1 + MOST_WAITING)]
        eventually(lambda: begun and made._here._value == 0, what="one is answered and the others wait")
        with pytest.raises(LockHeld):
            made.propose("infra", "")
        end.set()
        assert {NotFound} == {type(one.exception()) for one in asked}
    with pytest.raises(NotFound):
        made.propose("infra", "")
