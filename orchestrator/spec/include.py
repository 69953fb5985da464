"""``include``: whole models from other files, each with its own directory and environment, joined to this one.

What an included file defines and this one does too is merged, this one winning; tags of this document apply to what
came in. The included model is complete in itself (merged, canonical, its paths joined to its own directory) before it
is joined.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from orchestrator.errors import RuleViolation, SchemaViolation, Where
from orchestrator.records import dataclass
from orchestrator.spec import environment as environments
from orchestrator.spec import merge, parse, remote, resets
from orchestrator.spec.context import Context, Scope
from orchestrator.spec.document import Map, Mark, Seq, format_path
from orchestrator.spec.interpolate import Findings

_SECTIONS = ("services", "volumes", "networks", "secrets", "configs", "models")
_NO_ENV_FILE = "/dev/null"

LoadModel = Callable[[list[str], Scope, Context, Where], Map]
"""Loads the model of several files in a scope; the place is that of the include."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of ``include`` in its long form."""

    paths: tuple[str, ...]
    project_directory: str
    env_files: tuple[str, ...]
    where: Where


def apply(document: Map, tags: tuple[parse.Path, ...], scope: Scope, context: Context, load: LoadModel) -> None:
    """Bring what ``document`` includes into it, and take its ``include`` away."""
    if "include" not in document:
        return
    for entry in _entries(document, context.findings):
        context.account_include(entry.where)
        paths = [context.local(path, scope.base, entry.where) for path in entry.paths]
        child = _child_scope(entry, paths[0], scope, context)
        imported = load(paths, child, context, entry.where)
        for name in imported.get("services") or ():
            context.environments.setdefault(name, child.environment)  # that of the innermost include
        for section in _SECTIONS:
            _join(document, imported, section, tags)
    del document["include"]


def _entries(document: Map, findings: Findings) -> list[Entry]:
    value = document["include"]
    if value is None:
        return []
    if not isinstance(value, Seq):
        raise SchemaViolation("include must be a list", where=Where(*document.mark_of("include"), "include"))
    return [_entry(item, value.mark_of(index), index, findings) for index, item in enumerate(value)]


def _entry(item: Any, mark: Mark, index: int, findings: Findings) -> Entry:
    where = Where(*mark, format_path(("include", index)))
    if isinstance(item, str):
        return Entry((item,), "", (), where)
    paths = _texts(item.get("path")) if isinstance(item, Map) else None
    if not paths:
        raise SchemaViolation("an include needs a path", where=where, hint="write include: [{path: FILE}]")
    directory, env_files = item.get("project_directory") or "", _texts(item.get("env_file"))
    if not isinstance(directory, str) or env_files is None:
        raise SchemaViolation("an include holds something that is not text", where=where)
    for key in item:
        if key not in ("path", "project_directory", "env_file"):
            findings.warn(f"{key} means nothing in an include and is ignored", where)
    return Entry(tuple(paths), directory, tuple(env_files), where)


def _texts(value: Any) -> list[str] | None:
    """A list of texts from one text, a list or nothing; ``None`` where it is something else."""
    if value is None:
        return []
    items = list(value) if isinstance(value, Seq) else [value]
    return items if all(isinstance(item, str) for item in items) else None


def _child_scope(entry: Entry, main: str, scope: Scope, context: Context) -> Scope:
    if main in scope.chain:
        circle = [context.shown(path) for path in (*scope.chain[scope.chain.index(main) :], main)]
        raise RuleViolation(
            "files include each other in a circle: " + " -> ".join(circle),
            where=entry.where,
            hint="take one include out of the circle",
            reference="include-cycle",
        )
    if not remote.is_remote(entry.paths[0]):
        context.disk.kind(main, entry.where)  # a file that may not be read is named, not what would lie beside it
    directory = entry.project_directory
    if not directory:
        base = os.path.dirname(main)
        relative = base if remote.is_remote(entry.paths[0]) else os.path.relpath(base, scope.base)
    elif os.path.isabs(directory):
        base = relative = directory
    else:
        base = os.path.normpath(os.path.join(scope.base, directory))
        relative = os.path.relpath(base, scope.base)
    return Scope(base, relative, _environment(entry, base, scope, context), scope.chain)


def _environment(entry: Entry, base: str, scope: Scope, context: Context) -> dict[str, str]:
    """The parent's environment, with gaps filled from the include's env files."""
    default = os.path.join(base, ".env")
    context.note(default)
    files: list[str] = [default] if not entry.env_files and context.disk.is_file(default, entry.where) else []
    files += [os.path.join(scope.base, file) for file in entry.env_files if file != _NO_ENV_FILE]
    merged = dict(scope.environment)
    found: dict[str, str] = {}
    for file in files:
        context.note(file)
        environments.read_into(
            found, file, context.shown(file), scope.environment, entry.where, context.limits, context.disk
        )
    environments.fill_gaps(merged, found)
    return merged


def _join(document: Map, imported: Map, section: str, tags: tuple[parse.Path, ...]) -> None:
    incoming = imported.get(section)
    if not isinstance(incoming, Map) or not incoming:
        return
    own = document.get(section)
    if not isinstance(own, Map):
        own = Map(mark=incoming.mark)
        document.put(section, own, imported.keys_at.get(section, incoming.mark), incoming.mark)
    for name, resource in incoming.items():
        if name not in own:
            own.take(name, incoming, resource)
            own[name] = resource
        elif own[name] != resource:
            resets.apply_tags(Map(((section, Map(((name, resource),))),)), tags)
            mark = own.mark_of(name)
            own[name] = merge.merge_at(resource, own[name], (section, name), mark)
