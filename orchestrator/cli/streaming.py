"""Bytes by the piece, from an engine into a file or to standard output."""

from __future__ import annotations

import os
from collections.abc import Iterable

from orchestrator.cli.wiring import Context
from orchestrator.errors import StackError, UsageError


def refuse_terminal(context: Context, hint: str) -> None:
    """An archive on a terminal helps nobody."""
    if context.out.isatty():
        raise UsageError("an archive is not written to a terminal", hint=hint)


def to_output(context: Context, pieces: Iterable[bytes]) -> None:
    context.out.flush()
    for piece in pieces:
        context.out.buffer.write(piece)
    context.out.buffer.flush()


def to_file(pieces: Iterable[bytes], path: str) -> None:
    """The file is there whole or not at all."""
    draft = f"{path}.{os.getpid()}.part"
    try:
        with open(draft, "wb") as file:
            file.writelines(pieces)
        os.replace(draft, path)
    except OSError as problem:
        raise StackError(f"cannot write {path}: {problem.strerror}", reference="cannot-write") from problem
    finally:
        if os.path.exists(draft):
            os.unlink(draft)
