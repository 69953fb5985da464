"""A proposal as plain data, in the shape of ``proposal.schema.json``: the one form in which it leaves the process that made it.

Everything in it is for people who may not know this host. Values of the host and secrets are hidden, places in the checkout are
told as the repository knows them, and nothing in it depends on when it was made: the same plan gives the same document.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from orchestrator.errors import SpecError, StackError
from orchestrator.gitops.hiding import Hidden
from orchestrator.gitops.proposal import CHANGING, WRONG, Proposal, Proposed, State
from orchestrator.model.masking import mask
from orchestrator.model.plan import Plan

FORMAT = 1
MOST_PROBLEMS = 20  # of one stack

Document = dict[str, Any]

# What stands under these keys is in words of our own, whatever the spec says.
OURS = frozenset(("action", "kind", "level", "reference"))


def document(proposal: Proposal, plan: Callable[[Plan], Document]) -> Document:
    """``plan`` makes the document of a plan."""
    stacks = [_Writer(proposal, one, plan).document() for one in proposal.stacks]
    told = [one.state for one in proposal.stacks]
    problems = _Writer(proposal, None, plan).problems(proposal.problem)
    return {
        "format": FORMAT,
        "source": proposal.source,
        "repository": mask(proposal.url),
        "ref": proposal.ref,
        "commit": proposal.commit,
        "changes": any(state in CHANGING for state in told),
        "ok": not problems and not any(state in WRONG for state in told),
        "summary": {state.value: told.count(state) for state in State if state in told},
        "problems": problems,
        "stacks": stacks,
    }


class _Writer:
    """One stack's part, or what is said of all of them."""

    def __init__(self, proposal: Proposal, proposed: Proposed | None, plan: Callable[[Plan], Document]) -> None:
        self._proposal, self._proposed, self._plan = proposal, proposed, plan
        self._hidden = Hidden(proposed.hidden if proposed is not None else ())
        folder = re.escape(proposal.beside)
        self._laid_out = re.compile(rf"{folder}/([0-9a-f]{{12}})[0-9a-f]*[0-9a-z-]*(?=/|\b)") if folder else None

    def document(self) -> Document:
        proposed = self._proposed
        assert proposed is not None
        return {
            "name": proposed.name,
            "folder": proposed.folder,
            "state": proposed.state.value,
            "reason": self._clean(proposed.reason),
            "plan": self._clean(self._plan(proposed.plan)) if proposed.plan is not None else None,
            "problems": self.problems(proposed.problem),
        }

    def problems(self, problem: StackError | None) -> list[Document]:
        return [self._problem(one) for one in list(_all(problem))[:MOST_PROBLEMS]]

    def _problem(self, problem: StackError) -> Document:
        where = problem.where
        place = {"file": "", "line": 0, "column": 0, "path": ""}
        if where is not None:
            place = {
                "file": self._in_repository(where.file),
                "line": where.line,
                "column": where.column,
                "path": where.path,
            }
        return {
            "reference": problem.ref,
            "message": self._clean(problem.message),
            "hint": self._clean(problem.hint),
            "where": self._clean(place),
        }

    def _in_repository(self, file: str) -> str:
        """The path in the repository of a file that is named from there, or as it lies on this host."""
        path = file.removeprefix(f"{self._proposal.place}/") if self._proposal.place else file
        return os.path.basename(path) if path.startswith(("/", "..")) else path

    def _clean(self, value: Any) -> Any:
        return self._hidden.document(_each(value, self._shortened), OURS)

    def _shortened(self, text: str) -> str:
        """Without the folder of this host in which commits are laid out: ``1f2e3d4c5b6a:stacks/shop/www``."""
        if self._laid_out is None or self._proposal.beside not in text:
            return text
        return self._laid_out.sub(r"\1:", text).replace(":/", ":")


def _all(problem: StackError | None) -> Iterator[StackError]:
    if problem is not None:
        yield problem
        yield from problem.others if isinstance(problem, SpecError) else ()


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _each(one, change) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_each(one, change) for one in value]
    return value
