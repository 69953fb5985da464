"""The project's name: from the command line, ``COMPOSE_PROJECT_NAME``, the last ``name:`` in the files, or the
directory.

What the user types as a name must be one already; what a file or a directory is called is made into one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from orchestrator.errors import UsageError, Where
from orchestrator.spec.document import Mark
from orchestrator.spec.interpolate import Findings, explain
from orchestrator.spec.limits import DEFAULTS, Limits
from orchestrator.spec.substitute import Substitution

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")


def normalized(name: str) -> str:
    """``name`` in lower case without what a project's name cannot hold."""
    return "".join(letter for letter in name.lower() if letter in _LETTERS).lstrip("_-")


def chosen(explicit: str, environment: Mapping[str, str]) -> str:
    """The name that was typed, or set in the environment; empty when none was."""
    for source, name in (
        ("the project name", explicit),
        ("COMPOSE_PROJECT_NAME", environment.get("COMPOSE_PROJECT_NAME")),
    ):
        if not name:
            continue
        if normalized(name) != name:
            raise UsageError(
                f"{source} {name!r} is not a project name",
                hint="use lower-case letters, digits, - and _, beginning with a letter or a digit",
                reference="invalid-project-name",
            )
        return name
    return ""


def from_directory(directory: str, findings: Findings) -> str:
    """The name that a project takes from its directory."""
    base = os.path.basename(directory)
    if os.path.basename(os.path.realpath(directory)) != base:
        findings.warn(f"the project is named {base} after a symbolic link; set name: to be sure", Where(directory))
    return normalized(base)


def from_files(
    names: Sequence[tuple[str, Mark]],
    environment: Mapping[str, str],
    findings: Findings,
    *,
    limits: Limits = DEFAULTS,
    interpolate: bool = True,
) -> str:
    """The last of the names that the files give, its variables substituted."""
    name, mark = names[-1]
    if not interpolate or "$" not in name:
        return name
    where = Where(*mark, "name")
    unset: list[str] = []
    try:
        value = Substitution(environment.get, limits=limits, on_unset=unset.append, on_variable=findings.read).apply(
            name
        )
    except ValueError as problem:
        raise explain(problem, name, where, limits) from None
    for variable in unset:
        findings.warn(f"the variable {variable} is not set; an empty text stands in its place", where)
    return value
