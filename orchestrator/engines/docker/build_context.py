"""A build's context: the folder as the tar that the engine's own builder takes, and where its Dockerfile is.

A ``Build`` goes in, tar bytes come out piece by piece, so that a large context needs no memory and no temporary file.
An ignore file beside the Dockerfile (``X.dockerignore`` for ``X``) counts before ``.dockerignore``, as for BuildKit; the engine's
own builder does not know of it. Links are packed as links: nothing outside the folder gets in through one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from orchestrator import ignored
from orchestrator.engines.docker import tar_writer
from orchestrator.engines.docker.tar_writer import BLOCK
from orchestrator.errors import EngineError, Where
from orchestrator.ignored import Patterns
from orchestrator.model.stack import Build, is_remote
from orchestrator.records import dataclass

SENT_DOCKERFILE = ".dockerfile.stack"
_LIST = ".dockerignore"  # as the engine knows it


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """``name`` is what the builder is told; ``content`` is given where the file is not part of the context.

    ``beside`` is the path of the ignore file that is its own, "" where it can have none.
    """

    name: str
    content: bytes | None = None
    beside: str = ""


def check(build: Build) -> None:
    """Refuse a context or Dockerfile that is not there, before any builder says so less clearly."""
    if is_remote(build.context):
        return
    if not os.path.isdir(build.context):
        raise EngineError(
            "the build context is no folder",
            where=Where(file=build.context),
            hint="`build.context` is read relative to the file it stands in",
            reference="build-context-missing",
        )
    path = dockerfile_path(build)
    if not build.dockerfile_inline and not os.path.isfile(path):
        raise EngineError(
            "there is no Dockerfile",
            where=Where(file=path),
            hint="`build.dockerfile` is read relative to the context; write it there, or name another file",
            reference="dockerfile-missing",
        )


def dockerfile_path(build: Build) -> str:
    return os.path.normpath(os.path.join(build.context, build.dockerfile))


def dockerfile_for_engine(build: Build) -> Dockerfile:
    """The Dockerfile as the engine's own builder gets it: by its name inside the context, or sent along."""
    if build.dockerfile_inline:
        return Dockerfile(SENT_DOCKERFILE, build.dockerfile_inline.encode())
    if is_remote(build.context):
        return Dockerfile(build.dockerfile)
    beside = os.path.join(build.context, ignored.beside(build.dockerfile)[0])
    real = os.path.realpath(dockerfile_path(build))
    relative = os.path.relpath(real, os.path.realpath(build.context))
    if relative == os.pardir or relative.startswith(os.pardir + os.sep):
        with open(real, "rb") as file:
            return Dockerfile(SENT_DOCKERFILE, file.read(), beside)
    return Dockerfile(relative, beside=beside)


def pack(context: str, dockerfile: Dockerfile) -> Iterator[bytes]:
    """The tar of a context folder, without what its ignore file names."""
    own = _lines(dockerfile.beside) if dockerfile.beside else None
    without = own if own is not None else _lines(os.path.join(context, _LIST)) or []
    # The engine reads the list too, and takes what it names out of the context again: COPY must see no file of ours.
    ours = [_LIST] if own is not None else []
    sent: dict[str, bytes] = {}
    if dockerfile.content is not None:
        ours.append(dockerfile.name)
        sent[dockerfile.name] = dockerfile.content
    if ours:
        sent[_LIST] = "\n".join([*without, *ours]).encode()
    yield from pack_tree(context, (name for name in _included(context, without, dockerfile.name) if name not in sent))
    for name, content in sent.items():
        yield from _packed(name, content)
    yield b"\0" * (2 * BLOCK)


def pack_tree(root: str, names: Iterable[str]) -> Iterator[bytes]:
    """Tar entries (no end mark) for ``names`` below ``root``; owners are root, as the engine's builder expects."""
    for name in names:
        path = os.path.join(root, name)
        try:
            yield from tar_writer.entry(path, name)
        except FileNotFoundError:
            continue  # gone since it was listed
        except OSError as problem:
            raise EngineError(
                f"a file of the build context cannot be read: {problem.strerror}",
                where=Where(file=path),
                hint="list it in .dockerignore if the image does not need it",
                reference="build-context-unreadable",
            ) from problem


def _lines(path: str) -> list[str] | None:
    """What an ignore file says; ``None`` where there is none."""
    found = ignored.read(path)
    if found is None:
        return None
    lines = (line.strip() for line in found)
    return [line for line in lines if line and not line.startswith("#")]


def _included(context: str, without: list[str], dockerfile: str) -> list[str]:
    """Files and folders that are sent. Of a folder that is left out no more is looked at, unless an exception may be in it."""
    patterns = Patterns([*without, f"!{dockerfile}", f"!{_LIST}"])
    has_exceptions = any(line.startswith("!") for line in without)
    found = []
    for folder, folders, names in os.walk(context):
        here = os.path.relpath(folder, context)
        kept = set()
        for name in (*folders, *names):
            path = name if here == os.curdir else f"{here}/{name}"
            if not patterns.mean(path):
                found.append(path)
            elif not has_exceptions and not dockerfile.startswith(f"{path}/"):
                continue
            kept.add(name)
        folders[:] = [name for name in folders if name in kept]
    return sorted(found)


def _packed(name: str, content: bytes) -> Iterator[bytes]:
    from tarfile import TarInfo

    info = TarInfo(name)
    info.size, info.mode = len(content), 0o644
    yield info.tobuf()
    yield content + b"\0" * (-len(content) % BLOCK)
