"""Copying files between here and a container, by the rules of `cp` and of `docker cp`.

A source and a target come in; what lies at the target decides whether something is put into a folder, takes another
name, or is refused. What comes out of a container is not to be trusted and goes through ``unpack``.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator

from orchestrator.engines.hands import Hands, PathFacts
from orchestrator.errors import NotFound, StackError


def out(
    hands: Hands,
    container: str,
    source: str,
    target: str,
    *,
    follow: bool = False,
    keep_owners: bool = False,
    skipped: Callable[[str, str], None],
) -> None:
    """From a container to a path here. ``skipped`` is told of links that would lead out of what is copied."""
    from orchestrator.engines.docker.unpack import unpack

    source, known_as, facts = _source_in(hands, container, source, follow=follow)
    folder, name = _place_here(source, known_as, target, is_folder=facts.folder)
    rename = (facts.name, name) if name and name != facts.name else None
    try:
        unpack(hands.take(container, source), folder, rename=rename, keep_owners=keep_owners, on_skipped_link=skipped)
    except OSError as problem:
        raise StackError(f"cannot write to {target}: {problem.strerror}", reference="cannot-write") from problem


def archive(hands: Hands, container: str, source: str, *, follow: bool = False) -> Iterable[bytes]:
    """What is at ``source``, as a tar."""
    source, _, _ = _source_in(hands, container, source, follow=follow)
    return hands.take(container, source)


def into(
    hands: Hands, container: str, source: str, target: str, *, follow: bool = False, keep_owners: bool = False
) -> None:
    """From a path here into a container."""
    path = os.path.realpath(source) if follow else source.rstrip("/") or "/"
    if not os.path.lexists(path):
        raise StackError(f"there is no file or folder {source}", reference="no-such-file")
    is_folder = os.path.isdir(path) and not (os.path.islink(path) and not source.endswith("/"))
    contents = is_folder and posixpath.basename(source) == "."
    known_as = "" if contents else os.path.basename(os.path.abspath(source))
    folder, name = _place_inside(hands, container, known_as, target, is_folder=is_folder)
    hands.put(container, folder, _packed(path, name), keep_owners=keep_owners)


def _source_in(hands: Hands, container: str, source: str, *, follow: bool) -> tuple[str, str, PathFacts]:
    """Where to copy from, the name it is known by, and what is there."""
    source = source or "/"
    facts = _facts(hands, container, source)
    if not (follow and facts.target):
        return source, facts.name, facts
    real = posixpath.join(posixpath.dirname(source), facts.target)
    return real, facts.name, _facts(hands, container, real)


def _facts(hands: Hands, container: str, path: str) -> PathFacts:
    facts = hands.path(container, path)
    if facts is None:
        raise NotFound(f"there is no file or folder {path} in the container", reference="no-such-file")
    return facts


def _place_here(source: str, known_as: str, target: str, *, is_folder: bool) -> tuple[str, str]:
    """The folder here to unpack in, and the name that the topmost entry gets ("": its entries lie directly in it)."""
    contents = posixpath.basename(source) == "."
    if os.path.isdir(target):
        return target, "" if contents else known_as
    if os.path.exists(target) and is_folder:
        raise StackError(f"{target} is a file; a folder cannot take its place", reference="no-folder")
    if target.endswith("/") and not is_folder:
        raise StackError(f"there is no folder {target}", reference="no-such-file")
    parent, name = os.path.split(os.path.realpath(target.rstrip("/")))
    if not os.path.isdir(parent):
        raise StackError(f"there is no folder {parent}", reference="no-such-file")
    if contents:
        os.mkdir(os.path.join(parent, name))
        return os.path.join(parent, name), ""
    return parent, name


def _place_inside(hands: Hands, container: str, known_as: str, target: str, *, is_folder: bool) -> tuple[str, str]:
    """The folder in the container to unpack in, and the name for what is copied."""
    facts = hands.path(container, target)
    if facts is not None and facts.target:
        target = posixpath.join(posixpath.dirname(target), facts.target)
        facts = hands.path(container, target)
    if facts is not None and facts.folder:
        return target, known_as
    if facts is not None and is_folder:
        raise StackError(f"{target} is a file in the container; a folder cannot take its place", reference="no-folder")
    if target.endswith("/") and not is_folder:
        raise NotFound(f"there is no folder {target} in the container", reference="no-such-file")
    parent, name = posixpath.split(target.rstrip("/"))
    return parent or "/", name


def _packed(path: str, name: str) -> Iterator[bytes]:
    """A tar of a file or a folder called ``name``; the contents of the folder alone where it is ""."""
    from orchestrator.engines.docker.tar_writer import END, entry

    if name:
        yield from entry(path, name, None)
    if os.path.isdir(path) and not os.path.islink(path):
        for folder, folders, files in os.walk(path):
            below = os.path.relpath(folder, path)
            for one in sorted((*folders, *files)):
                inside = posixpath.normpath(posixpath.join(name, below, one))
                yield from entry(os.path.join(folder, one), inside, None)
    yield END
