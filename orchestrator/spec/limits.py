"""How large, deep and entangled a user's files may be, each limit with its name and its way to raise it.

``Limits`` is given to the loader; ``from_environment`` reads ``STACK_LIMIT_*`` (``STACK_LIMIT_DEPTH=128``). A step
that meets a limit raises ``exceeded(...)``, so that every message names the limit, its value and the variable that
moves it.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.errors import LimitExceeded, UsageError, Where
from orchestrator.records import dataclass, fields, replace

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit of the loader. A project of a thousand ordinary services stays far below each of them."""

    file_bytes: int = 4 * _MIB
    project_bytes: int = 16 * _MIB
    documents: int = 64
    depth: int = 64
    nodes: int = 250_000
    includes: int = 64
    services: int = 2_000
    interpolation_depth: int = 32
    value_bytes: int = _MIB
    expanded_bytes: int = 64 * _MIB
    ports: int = 65_536
    replicas: int = 10_000


DEFAULTS = Limits()

_MEANINGS = {
    "file_bytes": "bytes in one file",
    "project_bytes": "bytes in all files of a project",
    "documents": "documents in one file",
    "depth": "levels of nesting",
    "nodes": "values, with every alias written out",
    "includes": "files included",
    "services": "services",
    "interpolation_depth": "levels of ${...} inside ${...}",
    "value_bytes": "bytes in one interpolated value",
    "expanded_bytes": "bytes in all values that variables were filled into",
    "ports": "ports of all services",
    "replicas": "containers of one service",
}


def from_environment(environment: Mapping[str, str], base: Limits = DEFAULTS) -> Limits:
    """``base`` with every ``STACK_LIMIT_<NAME>`` of ``environment`` applied."""
    changes = {}
    for field in fields(Limits):
        text = environment.get(_variable(field.name), "")
        if text:
            changes[field.name] = _positive(field.name, text)
    return replace(base, **changes) if changes else base


def exceeded(name: str, limit: int, where: Where | None = None) -> LimitExceeded:
    """The error for a file that goes beyond ``limit``, saying which limit and how to raise it."""
    return LimitExceeded(
        f"more than {limit:,} {_MEANINGS[name]} (limit {name})",
        where=where,
        hint=f"make it smaller, or raise the limit with {_variable(name)}",
    )


def _variable(name: str) -> str:
    return f"STACK_LIMIT_{name.upper()}"


def _positive(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 19 and int(text) > 0):
        raise UsageError(
            f"{_variable(name)} must be a whole number above 0, not {text!r}",
            hint=f"the usual value is {getattr(DEFAULTS, name):,}",
        )
    return int(text)
