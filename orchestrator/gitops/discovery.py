"""Which stacks lie in a checkout."""

from __future__ import annotations

import os
from collections.abc import Container

from orchestrator.spec import files, names


def discovered(place: str, path: str, url: str) -> dict[str, str]:
    """The stacks in a checkout of ``url``: each folder of ``path`` with a spec, by its name, or ``path`` itself where it has one.
    The root is called like the repository.

    A folder's name is made into a stack's as Compose does. One that gives none, or that of another folder, keeps its own, which is
    refused when the stack is loaded.
    """
    path = os.path.normpath(path)
    base = os.path.join(place, path)
    found: dict[str, str] = {}
    try:
        entries = sorted(entry.name for entry in os.scandir(base) if entry.is_dir())
    except OSError:
        return {}
    if _has_spec(base):
        own = os.path.basename(url.rstrip("/")).removesuffix(".git") if path == "." else os.path.basename(path)
        return {_named(own, ()): path}
    with_specs = [name for name in entries if _has_spec(os.path.join(base, name))]
    for name in sorted(with_specs, key=lambda name: names.normalized(name) != name):
        found[_named(name, found)] = os.path.normpath(os.path.join(path, name))
    return found


def _named(folder: str, taken: Container[str]) -> str:
    name = names.normalized(folder)
    return name if name and name not in taken else folder


def _has_spec(folder: str) -> bool:
    return any(os.path.isfile(os.path.join(folder, name)) for name in files.NAMES)
