"""What the YAML reader has to complain of, as an error with the place in the user's file and advice where there is any."""

from __future__ import annotations

from typing import Any

from orchestrator.errors import SpecError, SyntaxProblem, Where
from orchestrator.spec import encoding
from orchestrator.spec.limits import Limits, exceeded


def problem(error: Any, data: bytes, file: str, limits: Limits) -> SpecError:
    """The YAML reader's complaint as our error.

    Newer releases of libyaml read ahead through brackets and refuse deep nesting before the guard is told of any level.
    """
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None and "maximum nesting depth" in (error.problem or ""):
        return exceeded("depth", limits.depth, Where(file, mark.line + 1, mark.column + 1))
    return _syntax_problem(error, data, file)


def _syntax_problem(error: Any, data: bytes, file: str) -> SyntaxProblem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        problem = error.problem or "this is not valid YAML"
        return SyntaxProblem(problem, where=Where(file, mark.line + 1, mark.column + 1), hint=_advice(problem))
    reason = getattr(error, "reason", "") or str(error)
    line, column = encoding.place(data, getattr(error, "position", 0) or 0)
    if "control characters" in reason:
        return SyntaxProblem(
            "a control character is not allowed here",
            where=Where(file, line, column),
            hint='take it out, or write it as an escape in double quotes: "\\t"',
        )
    return encoding.not_utf8(file, line, column)


def _advice(problem: str) -> str:
    for words, advice in _ADVICE.items():
        if words in problem:
            return advice
    return ""


_ADVICE = {
    "mapping values are not allowed": "check the indentation, and quote text that contains ': '",
    "cannot start any token": "indent with spaces, and quote text that begins with @, ` or a tab",
    "did not find expected key": "check the indentation of this line and of the one before",
    "did not find expected '-'": "check the indentation of the list",
    "could not find expected ':'": "a key needs a colon and a space after it",
    "found unexpected end of stream": "a quote or a bracket was opened and not closed",
}
