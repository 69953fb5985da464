"""`stack load`: take a whole stack out of an archive of `stack save`: its images to the engine, its files to a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.cli import packing, service_images
from orchestrator.cli.declare import flag, text
from orchestrator.cli.render import safe
from orchestrator.cli.wiring import Context
from orchestrator.errors import NotFound, StackError, UsageError
from orchestrator.records import dataclass

if TYPE_CHECKING:
    import io

    from orchestrator.engines.docker.tar_entries import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    input: str = text("-i", "--input", metavar="FILE", help="Read from this file instead of standard input.")
    into: str = text("--into", metavar="DIR", help="The folder for the files (default: one named after the stack).")
    force: bool = flag("--force", help="Write over files that are in the folder.")


def run(context: Context, options: Options) -> int:
    from orchestrator.engines.docker.tar_entries import read_entries

    service_images.refuse_rehearsal(context, "load")
    with _opened(options.input) as file:
        entries = read_entries(packing.opened(file))
        about = packing.about(_content(next(entries, None)))
        folder = _folder(options.into or about.name, force=options.force)
        for entry in entries:
            _take(context, entry, folder)
    path = os.path.join(options.into or about.name, about.spec)
    for note in about.notes:
        context.say(safe.one_line(f"note: {note}"))
    context.say(safe.one_line(f"bring it up with: stack up -d -f {path}"))
    context.show(f"{path}\n")
    return 0


@contextmanager
def _opened(path: str) -> Iterator[io.BufferedReader]:
    if path in ("", "-"):
        if sys.stdin.isatty():
            raise UsageError("there is no archive on standard input", hint="name a file with -i, or redirect one")
        yield sys.stdin.buffer  # type: ignore[misc]
        return
    try:
        file = open(path, "rb")  # noqa: SIM115  # closed below; opening alone may fail like this
    except OSError as problem:
        raise NotFound(f"cannot read {path}: {problem.strerror}") from problem
    with file:
        yield file


def _content(entry: Entry | None) -> bytes:
    if entry is None or entry.name != packing.ABOUT or entry.size > packing.LARGEST_ABOUT:
        raise packing.not_ours()
    return b"".join(entry.pieces())


def _folder(path: str, *, force: bool) -> str:
    try:
        os.makedirs(path, exist_ok=True)
        occupied = os.listdir(path)
    except OSError as problem:
        raise StackError(f"cannot use the folder {path}: {problem.strerror}", reference="cannot-write") from problem
    if occupied and not force:
        raise UsageError(f"the folder {path} is not empty", hint="name another one with --into, or add --force")
    return path


def _take(context: Context, entry: Entry, folder: str) -> None:
    from orchestrator.engines.docker.unpack import unpack

    if entry.name == packing.FILES:
        unpack(entry.pieces(), folder, keep_owners=os.geteuid() == 0)
    elif entry.name == packing.IMAGES:
        for line in context.engine.operations.load(entry.pieces()):
            context.say(safe.one_line(line))
