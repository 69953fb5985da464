"""Does a merged document have the shape of a spec? Says nothing when it does, and all that is wrong when it does not.

The answer comes from ``accept`` in well under a millisecond per service. Only for a document that fails are the members
that fail sought out and handed to ``violations``, which loads the validator proper and puts its findings into words.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from orchestrator.errors import SchemaViolation
from orchestrator.resources import schema_path
from orchestrator.spec.accept import Shape
from orchestrator.spec.document import Map

_SECTIONS = ("services", "networks", "volumes", "configs", "secrets", "models")
MAX_REPORTED = 50


def validate(document: Map) -> None:
    """Raise ``SchemaViolation`` for the first problem in the order of the file, with the rest in ``others``."""
    if shape().fits(document):
        return
    from orchestrator.spec.violations import violations

    found = violations(schema(), document, _failing(document))
    if not found:
        return
    first, *others = found[:MAX_REPORTED]
    raise SchemaViolation(first.message, where=first.where, hint=first.hint, reference=first.ref, others=others)


@cache
def schema() -> dict[str, Any]:
    """The schema as shipped."""
    import json

    with open(schema_path("stack"), encoding="utf-8") as file:
        loaded: dict[str, Any] = json.load(file)
    return loaded


@cache
def shape() -> Shape:
    """The schema, ready for the fast check."""
    return Shape(schema())


def _failing(document: Any) -> Any:
    """The parts of ``document`` that do not fit, in their places; explaining what fits would only take time."""
    if not isinstance(document, dict):
        return document
    failing = {}
    for key, value in document.items():
        member = shape().member(key)
        if member is not None and member.fits(value):
            continue
        if member is not None and key in _SECTIONS and isinstance(value, dict):
            failing[key] = {name: item for name, item in value.items() if not _fits(member, name, item)}
        else:
            failing[key] = value
    return failing


def _fits(section: Shape, name: str, item: Any) -> bool:
    member = section.member(name)
    return member is not None and member.fits(item)
