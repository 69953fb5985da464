"""Policies for stacks from elsewhere, as host.yml and /etc/stack/policy.yml have them, into ``model.admission``.

A policy file has the keys of a policy and, under ``sources``, those of single sources. One that cannot be read permits nothing: it
is an error, and nothing is changed by whoever wanted it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from orchestrator.errors import RuleViolation, SchemaViolation, Where
from orchestrator.model.admission import LISTS, Admission, Permits
from orchestrator.spec import document, files, values
from orchestrator.spec.document import Map
from orchestrator.spec.limits import DEFAULTS, Limits
from orchestrator.spec.parse import parse
from orchestrator.spec.violations import violations

FILE = "/etc/stack/policy.yml"
VARIABLE = "STACK_POLICY"
_PLAIN = ("profile", "services", "replicas", "pids")


def usual_file(environment: Mapping[str, str]) -> str:
    """The policy file of this host, "" where it has none. One that is named and missing is an error of whoever loads it."""
    named = environment.get(VARIABLE, "")
    return named or (FILE if os.path.lexists(FILE) else "")


def load_permits(path: str, schema: Mapping[str, Any], *, limits: Limits = DEFAULTS) -> Permits:
    """What the policy file at ``path`` permits; "" for nothing. ``schema`` is that of the host file. Raises SpecError."""
    if not path:
        return Permits()
    root = _read(os.path.abspath(path), schema, limits)
    sources = {name: admission(root, node, ("sources", name)) for name, node in (root.get("sources") or {}).items()}
    return Permits(every=admission(root, root, ()), sources=sources, file=path)


def admission(root: Map, node: Mapping[str, Any] | None, path: tuple[str, ...]) -> Admission:
    """One policy; ``path`` is where in ``root`` it stands."""
    given = node or {}
    said: dict[str, Any] = {name: _texts(given.get(name)) for name in LISTS}
    said |= {name: given[name] for name in _PLAIN if name in given}
    _check_binds(root, said["binds"], path)
    stacks = {name: admission(root, own, (*path, "stacks", name)) for name, own in (given.get("stacks") or {}).items()}
    return Admission(**said, memory=_memory(root, given, path), stacks=stacks, where=document.where(root, path))


def _memory(root: Map, given: Mapping[str, Any], path: tuple[str, ...]) -> int:
    if "memory" not in given:
        return 0
    try:
        return values.size(given["memory"])
    except values.BadValue as bad:
        _, message, hint = bad.problems[0]
        raise RuleViolation(message, where=document.where(root, (*path, "memory")), hint=hint) from None


def _check_binds(root: Map, binds: tuple[str, ...], path: tuple[str, ...]) -> None:
    for index, bind in enumerate(binds):
        if not bind.startswith("/"):
            raise RuleViolation(
                f"{bind} is no absolute path",
                where=document.where(root, (*path, "binds", index)),
                hint="write it like /srv/media or /srv/media:ro",
            )


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _read(path: str, schema: Mapping[str, Any], limits: Limits) -> Map:
    try:
        with open(path, "rb") as file:
            data = file.read(limits.file_bytes + 1)
    except OSError as problem:
        raise files.FileMissing(f"cannot read the policy: {problem.strerror}", where=Where(path)) from None
    documents = parse(data, path, limits)
    root = documents[0].root if len(documents) == 1 else None
    if not isinstance(root, Map):
        raise SchemaViolation(
            "a policy is one mapping", where=Where(path, 1, 1), hint="such as `registries: [docker.io]`"
        )
    found = violations({"$ref": "#/$defs/policyfile", "$defs": schema["$defs"]}, root, root)
    if found:
        first, *others = found
        raise SchemaViolation(first.message, where=first.where, hint=first.hint, reference=first.ref, others=others)
    return root
