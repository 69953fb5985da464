"""Whose turn it is to have a spec read: a repository whose specs hang keeps only itself waiting."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from orchestrator.gitops.turns import Turns
from tests.support.waiting import eventually


def test_a_repository_waits_for_itself_and_no_other_does() -> None:
    turns, had = Turns(2), threading.Event()

    def third() -> None:
        with turns.of("one"):
            had.set()

    with ExitStack() as open_:
        for _ in range(2):
            open_.enter_context(turns.of("one"))
        waiting = threading.Thread(target=third)
        waiting.start()
        with turns.of("other"):
            assert not had.is_set()
    eventually(had.is_set, what="the third has its turn")
    waiting.join()
