"""``stack`` with a stopwatch: ``python -m benchmarks.traced FILE WORDS...`` does what ``stack WORDS...`` does.

What a commit passes through on its way to a container is noted in FILE, a line of JSON at each beginning and each end: the time
(seconds since 1970), the name of the stage, which of the two, and of what (a repository, a stack). Nothing else is different.
"""

from __future__ import annotations

import json
import pathlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from orchestrator.cli.main import main
from orchestrator.controller.candidates import Candidates
from orchestrator.controller.keeper import Keeper
from orchestrator.daemon.carrying_out import CarryingOut
from orchestrator.gitops import loading
from orchestrator.gitops.call import Call
from orchestrator.gitops.repository import Repository

Name = Callable[..., str]


@dataclass(frozen=True)
class Mark:
    """A line of the file."""

    at: float
    stage: str
    ends: bool
    about: str


def marks(file: pathlib.Path) -> list[Mark]:
    """What was noted so far, in order; a line that is being written is left for the next time."""
    whole = file.read_text().rpartition("\n")[0]
    return [Mark(*json.loads(line)) for line in whole.splitlines()]


def _note(file: Any, stage: str, ends: bool, about: str) -> None:
    file.write(json.dumps([time.time(), stage, ends, about]) + "\n")


def _timed(owner: Any, plain: Callable[..., Any], stage: str, about: Name, file: Any) -> None:
    """Note when ``plain``, a function of ``owner``, is called and when it ends."""

    @wraps(plain)
    def call(*arguments: Any, **named: Any) -> Any:
        what = about(*arguments, **named)
        _note(file, stage, False, what)
        try:
            return plain(*arguments, **named)
        finally:
            _note(file, stage, True, what)

    setattr(owner, plain.__name__, call)


def run(path: str, words: list[str]) -> int:
    with open(path, "a", encoding="utf-8", buffering=1) as file:
        _timed(Repository, Repository.fetch, "fetch", lambda one, *_: one.git.url, file)
        _timed(Repository, Repository.is_ancestor, "compare", lambda one, *_: one.git.url, file)
        _timed(Repository, Repository.checkout, "lay out", lambda one, *_: one.git.url, file)
        _timed(Call, Call.__enter__, "git", lambda _: "", file)
        _timed(loading, loading.canonical, "read", lambda request, **_: request.project_name or "", file)
        _timed(Keeper, Keeper.run, "pass", lambda one: one.entry.name, file)
        _timed(Candidates, Candidates.advance, "take", lambda one, *_: one._entry.name, file)
        _timed(CarryingOut, CarryingOut.__call__, "carry out", lambda _, wanted, *__, **___: wanted.stack.name, file)
        return main(words)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
