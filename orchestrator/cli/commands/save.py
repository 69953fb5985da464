"""`stack save`: the whole stack in one archive: its spec, the files that it refers to, and its images."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from orchestrator.cli import loading, packing
from orchestrator.cli.declare import arguments, text
from orchestrator.cli.wiring import Context
from orchestrator.errors import NotFound, StackError, UsageError
from orchestrator.records import dataclass
from orchestrator.spec import portable


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only these services and what they depend on.")
    output: str = text("-o", "--output", metavar="FILE", help="Write to this file instead of standard output.")


def run(context: Context, options: Options) -> int:
    if options.output in ("", "-") and sys.stdout.isatty():
        raise UsageError("an archive is not written to a terminal", hint="name a file with -o, or redirect")
    canonical = loading.canonical(context, loading.request(context, options.services))
    with _names(context, canonical.name, portable.images(canonical)) as renamed:
        packed = portable.portable(canonical, renamed)
        names = [renamed.get(name, name) for name in packed.images]
        about = packing.About(packed.name, portable.SPEC, tuple(names), packed.notes)
        _write(context, options.output, about, packed)
    for note in packed.notes:
        context.say(f"note: {note}")
    return 0


@contextmanager
def _names(context: Context, stack: str, images: tuple[str, ...]) -> Iterator[Mapping[str, str]]:
    """Each image is here; one that is named by its digest has for a while a name that an archive can keep."""
    operations = context.engine.operations
    renamed: dict[str, str] = {}
    for image in images:
        try:
            operations.inspect("image", image)
        except NotFound:
            raise NotFound(
                f"image {image} is not present",
                hint="get it with `stack pull` or `stack build`",
                reference="image-missing",
            ) from None
        name, _, digest = image.partition("@")
        if digest:
            # A repository of its own: with the last tag of one the engine also forgets the digests it knows of it.
            short = name.rpartition("/")[2].partition(":")[0]
            renamed[image] = f"{stack}/{short}:{digest.replace(':', '-')[:32]}"
    try:
        for image, name in renamed.items():
            operations.tag(image, name)
        yield renamed
    finally:
        for name in renamed.values():
            operations.remove_image(name, force=False, prune=False)


def _write(context: Context, output: str, about: packing.About, packed: portable.Portable) -> None:
    """A file that is whole or not there, and that only its owner can read: secrets are in it."""
    folder = os.path.dirname(os.path.abspath(output)) if output not in ("", "-") else None
    try:
        handle, draft = tempfile.mkstemp(dir=folder, prefix=".stack-", suffix=".part")
        try:
            with os.fdopen(handle, "w+b") as file:
                packing.write(file, about, packed.spec, packed.files, context.engine.operations.save(about.images))
                if folder is None:
                    file.seek(0)
                    shutil.copyfileobj(file, sys.stdout.buffer)
                    sys.stdout.buffer.flush()
            if folder is not None:
                os.replace(draft, output)
        finally:
            if os.path.exists(draft):
                os.unlink(draft)
    except BrokenPipeError:
        raise
    except OSError as problem:
        place = problem.filename or output
        raise StackError(f"cannot write {place}: {problem.strerror}", reference="cannot-write") from problem
