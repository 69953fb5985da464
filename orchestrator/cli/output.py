"""Where a command's data goes: to stdout, or to the file that ``-o`` names."""

from __future__ import annotations

from orchestrator.cli.wiring import Context
from orchestrator.errors import StackError


def write(context: Context, path: str, text: str) -> None:
    """``text`` to the file at ``path``, to stdout where none is named."""
    if not path:
        context.show(text)
        return
    try:
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise StackError(f"cannot write {path}: {reason}", reference="cannot-write") from problem
