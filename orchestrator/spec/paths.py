"""Relative paths in a model made to start from a directory: the project's, or that of an extended or included file.

Which fields hold paths stands in ``RULES``; a service's mounts only where they are binds, a volume's device only
where it is one in disguise. URLs and references of builders are left alone, ``~`` is the home of the environment
handed in.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from orchestrator.spec import patterns, remote
from orchestrator.spec.document import Map, Seq
from orchestrator.spec.patterns import Rules

_REMOTE_CONTEXTS = ("https://", "http://", "git://", "ssh://", "github.com/", "git@", "service:")


class Base:
    """Where relative paths start from, and whose home ``~`` is."""

    __slots__ = ("directory", "home")

    def __init__(self, directory: str, home: str | None) -> None:
        self.directory = directory
        self.home = home

    def join(self, path: str) -> str:
        return join(self.directory, path)

    def expanded(self, path: str) -> str:
        """``path`` with a leading ``~`` replaced."""
        return join(self.home, path[1:].lstrip("/")) if path.startswith("~") and self.home else path

    def absolute(self, path: str) -> str:
        path = self.expanded(path)
        return path if not path or path.startswith("/") else self.join(path)

    def absolute_or_foreign(self, path: str) -> str:
        """As ``absolute``; an absolute Windows path is left for the engine that understands it."""
        path = self.expanded(path)
        return path if path.startswith("/") or is_windows_absolute(path) else self.join(path)


Resolver = Callable[[Any, Base], Any]


def resolve(model: Map, base: Base) -> None:
    """Make every relative path of ``model`` start from ``base``, in place."""
    _mapping(model, RULES, base)


def join(directory: str, path: str) -> str:
    """The two joined and cleaned: no ``.``, no inner ``..``, one slash at a time."""
    joined = os.path.normpath(os.path.join(directory, path))
    return joined[1:] if joined.startswith("//") else joined


def is_windows_absolute(path: str) -> bool:
    """``C:\\data``, ``c:/data`` or ``\\\\server\\share``."""
    if len(path) >= 2 and path[1] == ":":
        return len(path) > 2 and path[2] in "\\/"
    return len(path) > 2 and path[0] in "\\/" and path[1] in "\\/"


def _mapping(node: Map, rules: Rules[Resolver], base: Base) -> None:
    for key, value in node.items():
        below = rules.below(key)
        if below is None:
            continue
        if below.rule is not None:
            node[key] = below.rule(value, base)
        elif isinstance(value, Map):
            _mapping(value, below, base)
        elif isinstance(value, Seq) and below.item is not None:
            _sequence(value, below.item, base)


def _sequence(node: Seq, rules: Rules[Resolver], base: Base) -> None:
    for index, value in enumerate(node):
        if rules.rule is not None:
            node[index] = rules.rule(value, base)
        elif isinstance(value, Map):
            _mapping(value, rules, base)


def _plain(value: Any, base: Base) -> Any:
    return base.absolute(value) if isinstance(value, str) else value


def _foreign(value: Any, base: Base) -> Any:
    return base.absolute_or_foreign(value) if isinstance(value, str) else value


def _spec_file(value: Any, base: Base) -> Any:
    return value if isinstance(value, str) and remote.is_remote(value) else _plain(value, base)


def _context(value: Any, base: Base) -> Any:
    if not isinstance(value, str) or "://" in value or value.startswith(_REMOTE_CONTEXTS):
        return value
    return base.absolute(value)


def _watched(value: Any, base: Base) -> Any:
    """A watched path with its first symbolic link followed, because changes are reported behind it."""
    if not isinstance(value, str):
        return value
    path = base.absolute(value)
    if not path.startswith("/"):
        return path
    current = ""
    for part in path.split("/")[1:]:
        current += f"/{part}"
        if os.path.islink(current):
            return path.replace(current, os.path.realpath(current), 1)
    return path


def _mount(value: Any, base: Base) -> Any:
    if isinstance(value, Map) and value.get("type") == "bind" and isinstance(value.get("source"), str):
        value["source"] = base.absolute_or_foreign(value["source"])
    return value


def _volume(value: Any, base: Base) -> Any:
    """A local volume with ``o: bind`` is a bind mount by another name."""
    options = value.get("driver_opts") if isinstance(value, Map) and value.get("driver") == "local" else None
    if isinstance(options, Map) and options.get("o") == "bind" and isinstance(options.get("device"), str):
        options["device"] = base.absolute_or_foreign(options["device"])
    return value


RULES: Rules[Resolver] = patterns.table(
    {
        "services.*.build.context": _context,
        "services.*.build.additional_contexts.*": _context,
        "services.*.build.ssh.*": _foreign,
        "services.*.env_file.[].path": _plain,
        "services.*.label_file.[]": _plain,
        "services.*.extends.file": _spec_file,
        "services.*.develop.watch.[].path": _watched,
        "services.*.volumes.[]": _mount,
        "configs.*.file": _foreign,
        "secrets.*.file": _foreign,
        "volumes.*": _volume,
    }
)
