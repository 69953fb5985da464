"""Which images a command means: those of the services named, by the names the file gives them.

Without a file (``-p NAME`` alone) the stack's containers say it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from orchestrator.cli import containers, streaming
from orchestrator.cli.wiring import Context
from orchestrator.errors import NotFound, UsageError

BLOCK = 1 << 20


def references(context: Context, services: Sequence[str] = ()) -> dict[str, str]:
    """Each service with the name of its image, in the file's order; patterns are understood."""
    known = _of_file(context, services)
    if not services:
        return known
    chosen = {name: image for name, image in known.items() if containers.matches(name, services)}
    for pattern in services:
        if not any(containers.matches(name, (pattern,)) for name in known):
            hint = f"the services are {', '.join(known)}" if known else ""
            raise UsageError(f"no such service: {pattern}", hint=hint, reference="no-such-service")
    return chosen


def reference(context: Context, service: str) -> str:
    """The image of one service."""
    found = references(context, (service,))
    if len(found) > 1:
        raise UsageError(f"{service!r} means several services: {', '.join(found)}", hint="name one")
    return next(iter(found.values()))


def _of_file(context: Context, services: Sequence[str]) -> dict[str, str]:
    from orchestrator.spec.files import FileMissing

    try:
        stack = context.load(tuple(services), contents=False)
    except FileMissing:
        name = context.shared.project_name
        if not name or context.shared.files:
            raise
        found = containers.of_stack(context, name)
        return {container.service: container.image for container in found if container.service}
    return {name: service.container.image for name, service in stack.services.items() if service.container.image}


def refuse_rehearsal(context: Context, command: str) -> None:
    """``--dry-run`` of what is no plan."""
    if context.shared.dry_run:
        raise UsageError(f"`stack {command}` cannot be shown as a plan", hint="leave --dry-run out")


def write(pieces: Iterable[bytes], path: str) -> None:
    """To a file, that is whole or not there, or to standard output, which must not be a terminal."""
    if path in ("", "-"):
        if sys.stdout.isatty():
            raise UsageError("an archive is not written to a terminal", hint="name a file with -o, or redirect")
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    streaming.to_file(pieces, path)


def read(path: str) -> Iterator[bytes]:
    """The bytes of a file, or of standard input, which must not be a terminal."""
    if path in ("", "-"):
        if sys.stdin.isatty():
            raise UsageError("there is no archive on standard input", hint="name a file, or redirect one")
        yield from _blocks(sys.stdin.buffer)
        return
    try:
        file = open(path, "rb")  # noqa: SIM115  # closed below, by the generator itself
    except OSError as problem:
        raise NotFound(f"cannot read {path}: {problem.strerror}") from problem
    with file:
        yield from _blocks(file)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block
