"""Errors for the person who reads them: what, where and what to do next; and as a JSON line for those who asked for
JSON.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.errors import SpecError, StackError

MOST = 20  # further problems of one file that are shown in full


def as_text(problem: StackError) -> str:
    """The whole message, with the further problems that were found in the same run."""
    others = list(_others(problem))
    blocks = [_block(one) for one in (problem, *others[:MOST])]
    if len(others) > MOST:
        blocks.append(f"and {len(others) - MOST} more")
    return "\n".join(blocks)


def as_json(problem: StackError) -> str:
    """One line with Compose's two keys, and ours behind them."""
    import json

    record: dict[str, object] = {"error": True, "message": problem.message, "reference": problem.ref}
    if problem.where is not None:
        record["where"] = str(problem.where)
    if problem.hint:
        record["hint"] = problem.hint
    others = [other.message for other in _others(problem)]
    if others:
        record["others"] = others
    return json.dumps(record, ensure_ascii=False)


def defect(problem: Exception) -> StackError:
    """What no one foresaw, in words and with the place in our own code that a report should name."""
    import traceback

    frames = traceback.extract_tb(problem.__traceback__)
    place = f" in {frames[-1].name}" if frames else ""
    return StackError(
        f"unexpected {type(problem).__name__}{place}: {problem}",
        reference="defect",
        hint="this is a defect of stack itself; please report it with the command, run again with --debug",
    )


def _block(problem: StackError) -> str:
    where = f"{problem.where}: " if problem.where is not None and str(problem.where) else ""
    lines = [f"error: {problem.ref}", *_indented(f"{where}{problem.message}")]
    if problem.hint:
        lines += _indented(f"hint: {problem.hint}")
    return "\n".join(lines)


def _indented(text: str) -> list[str]:
    return ["  " + line for line in text.rstrip().splitlines()]


def _others(problem: StackError) -> Iterable[StackError]:
    return problem.others if isinstance(problem, SpecError) else ()
