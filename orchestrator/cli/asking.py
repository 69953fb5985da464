"""Questions to the person at the terminal. Without a person a line of standard input answers."""

from __future__ import annotations

import sys

from orchestrator.cli.wiring import Context

YES = frozenset({"1", "t", "true", "y", "yes"})


def confirmed(context: Context, question: str) -> bool:
    """Whether the answer is yes."""
    context.out.flush()
    context.err.write(f"{question} [y/N] ")
    context.err.flush()
    answer = sys.stdin.readline()
    if not sys.stdin.isatty():
        context.err.write("\n")
    return answer.strip().lower() in YES


def someone_there() -> bool:
    """Whether a person can answer."""
    return sys.stdin.isatty()
